//! A request's end, which consumes its facts: so nothing is reported twice and
//! nothing goes unreported.

use std::rc::Rc;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::{Error, HttpRequest, HttpResponse};

use super::facts::Facts;
use super::worker::Worker;
use crate::clock::Start;
use crate::labels::{Outcome, cut};
use crate::outcome::message::ErrorMessage;
use crate::outcome::options::{ResponseSize, Unmatched};
use crate::outcome::status::StatusRules;
use crate::outcome::{route, size};
use crate::page::MetricsPage;
use crate::protocol::{self, Method};
use crate::recorder::writer::Slot;

/// What a client that went away would have been told (a word of nginx').
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A request under way: it goes from the future to the body.
///
/// # Drop
/// Reports the request. Once it is answered that is its end: its body's, or the
/// moment when the reader went away. Dropped without an answer it is reported as
/// 500 where the inner service panicked, else as 499: its client went away, or a
/// timeout around it struck.
#[derive(Default)]
pub(crate) struct Report {
    /// `None` where nobody asks, and once the end is reported.
    facts: Option<Box<Facts>>,
}

impl Report {
    /// Begins the report of a request that is about to be handed to the inner
    /// service.
    #[inline]
    pub(crate) fn begin(worker: &Rc<Worker>, request: &ServiceRequest, path: &str) -> Self {
        worker.remember_routes(request);
        let mut facts = worker.take_spare();
        facts.worker = Some(Rc::clone(worker));
        facts.method = route::method(request.method());
        facts.is_inside = false;
        facts.is_answered = false;
        facts.path.clear();
        facts.path.push_str(path);
        facts.is_in_flight = worker.has_in_flight;
        if worker.has_in_flight {
            worker.add_in_flight(1);
        }
        facts.started = Some(Start::now());
        let mut report = Self { facts: Some(facts) };
        if let (Some(exemplars), Some(facts)) = (&worker.rules.exemplars, &mut report.facts) {
            // Asked for while the facts are held: should it panic, `Drop` reports.
            facts.trace_id.clear();
            facts.trace_id = exemplars.trace_id(request).unwrap_or_default();
        }
        report
    }

    /// Notes whether the inner service is at work. It is told by this note that it
    /// panicked: by the time the future is dropped, a middleware around us may have
    /// caught the panic.
    #[inline]
    pub(crate) fn note_inside(&mut self, is_inside: bool) {
        if let Some(facts) = &mut self.facts {
            facts.is_inside = is_inside;
        }
    }

    /// The request has its response, whose body is to follow.
    #[inline]
    pub(crate) fn answered<B: MessageBody>(
        &mut self,
        request: &HttpRequest,
        response: &HttpResponse<B>,
    ) {
        let Some(facts) = &mut self.facts else { return };
        facts.answer(request, response);
        if facts.ends_at_head {
            self.end();
        }
    }

    /// An inner middleware failed: the request is gone, its error is to be sent.
    #[cold]
    pub(crate) fn failed(mut self, error: &Error) {
        let Some(worker) = self.facts.as_ref().and_then(|facts| facts.worker.clone()) else {
            return;
        };
        // Asked for while the facts are held, as above.
        let response = error.error_response();
        let message = worker.lost_message(&response, error);
        let Some(mut facts) = self.facts.take() else { return };
        let declared = || size::declared(response.body().size(), || response.headers());
        let rules = worker.rules.statuses.of(response.status());
        facts.bytes = facts.counts(rules).map_or(0, |_| declared());
        facts.lose(response.status(), message);
    }

    /// Takes note of a chunk that is handed over; `true` if it is the last, as far
    /// as the body's length tells.
    #[inline]
    pub(crate) fn sent(&mut self, bytes: usize) -> bool {
        let Some(facts) = &mut self.facts else { return false };
        let bytes = bytes as u64;
        if facts.counts_sent {
            facts.bytes = facts.bytes.saturating_add(bytes);
        }
        facts.left = facts.left.saturating_sub(bytes);
        facts.left == 0
    }

    /// Reports the request, answered or not.
    #[inline]
    pub(crate) fn end(&mut self) {
        if let Some(facts) = self.facts.take() {
            if facts.is_answered { facts.end() } else { facts.vanish() }
        }
    }
}

impl Drop for Report {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}

impl Facts {
    /// Takes note of the answer.
    #[inline]
    fn answer<B: MessageBody>(&mut self, request: &HttpRequest, response: &HttpResponse<B>) {
        let Some(worker) = self.worker.as_deref() else { return };
        let status = response.status();
        if MetricsPage::is(response) {
            self.slot = None;
            self.ends_at_head = true;
            self.is_answered = true;
            return;
        }
        let has_empty_prefix = || worker.routes().is_some_and(|routes| routes.has_empty_prefix);
        let pattern = route::pattern(request, status, has_empty_prefix);
        let path = || request.path();
        // Should the source of messages panic, the request has no answer yet.
        let message = |source: &ErrorMessage| source.of(response, None);
        let rules = worker.rules.statuses.of(status);
        let slot = self.find_slot(worker, status, rules, pattern.as_deref(), path, message);

        let body = response.body().size();
        let counts = self.counts(rules);
        self.bytes = match counts {
            Some(ResponseSize::Declared) => size::declared(body, || response.headers()),
            _ => 0,
        };
        self.counts_sent = counts == Some(ResponseSize::Sent);
        self.left = if let BodySize::Sized(length) = body { length } else { u64::MAX };
        self.ends_at_head = rules.ends_at_head;
        self.slot = slot;
        self.is_answered = true;
    }

    /// Which bytes of the body count; `None` where it is not sent.
    #[inline]
    fn counts(&self, rules: &StatusRules) -> Option<ResponseSize> {
        if self.method == Method::HEAD { None } else { rules.counts }
    }

    /// Reports a request that was dropped without an answer.
    #[cold]
    fn vanish(mut self: Box<Self>) {
        let failed = StatusCode::INTERNAL_SERVER_ERROR;
        let status = if self.is_inside || std::thread::panicking() {
            failed
        } else {
            StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(failed)
        };
        self.bytes = 0;
        self.lose(status, String::new());
    }

    /// Reports a request that is gone: its route is looked up as far as it can be.
    fn lose(mut self: Box<Self>, status: StatusCode, message: String) {
        let Some(worker) = self.worker.clone() else { return };
        let path = self.path.as_str();
        let pattern = worker.routes().and_then(|routes| route::lost_pattern(&routes.map, path));
        let rules = worker.rules.statuses.of(status);
        self.slot =
            self.find_slot(&worker, status, rules, pattern.as_deref(), || path, |_| message);
        self.end();
    }

    /// Where the request is counted; `None` where it is left out.
    #[inline]
    fn find_slot<'a>(
        &self,
        worker: &Worker,
        status: StatusCode,
        rules: &StatusRules,
        pattern: Option<&'a str>,
        path: impl FnOnce() -> &'a str,
        message: impl FnOnce(&ErrorMessage) -> String,
    ) -> Option<Slot> {
        if rules.is_excluded {
            return None;
        }
        let addr = match (pattern, worker.rules.unmatched) {
            (Some(pattern), _) => route::shown(pattern),
            (None, Unmatched::Path) => cut(path()),
            (None, Unmatched::Label) => protocol::UNMATCHED,
        };
        let outcome = Outcome::new(self.method, status.as_u16(), rules.is_error);
        worker.slot(addr, outcome, message)
    }
}
