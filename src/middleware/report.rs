//! A request's end, which consumes its facts: so nothing is reported twice and
//! nothing goes unreported.

use std::rc::Rc;
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpResponse};

use super::facts::Facts;
use super::worker::Worker;
use crate::labels::{LabelSet, Status, cut};
use crate::outcome::options::{ObserveAt, ResponseSize, Unmatched};
use crate::outcome::{route, size, status};
use crate::page::MetricsPage;
use crate::protocol;
use crate::recorder::Slot;

/// What a client that went away would have been told (a word of nginx').
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A request under way, not yet answered.
///
/// # Drop
/// A request dropped without an answer is reported as 500 while its handler
/// panics, else as 499: its client went away, or a timeout around it struck.
pub(crate) struct Report {
    /// `None` once the end is reported.
    facts: Option<Box<Facts>>,
}

/// A request answered, whose body is under way.
///
/// # Drop
/// Reports the request: at its body's end, or when the reader went away.
pub(crate) struct Answered {
    /// `None` only while being dropped.
    facts: Option<Box<Facts>>,
}

impl Report {
    #[inline]
    pub(crate) fn begin(worker: &Rc<Worker>, request: &ServiceRequest) -> Self {
        worker.remember_routes(request);
        let mut facts = worker.take_spare();
        facts.worker = Some(Rc::clone(worker));
        facts.method = route::method(request.method());
        facts.is_head = *request.method() == Method::HEAD;
        facts.path.clear();
        facts.path.push_str(request.path());
        facts.is_in_flight = worker.has_in_flight;
        if worker.has_in_flight {
            worker.add_in_flight(1);
        }
        facts.started = Some(Instant::now());
        let mut report = Self { facts: Some(facts) };
        if let (Some(exemplars), Some(facts)) = (&worker.rules.exemplars, &mut report.facts) {
            // Asked for while the facts are held: should it panic, `Drop` reports.
            facts.trace_id = exemplars.trace_id(request);
        }
        report
    }

    /// The request has its response. `None` where that is all there is to it.
    #[inline]
    pub(crate) fn answered<B: MessageBody>(
        mut self,
        response: &ServiceResponse<B>,
    ) -> Option<Answered> {
        // Asked for while the facts are held, as above.
        let worker = self.facts.as_ref()?.worker.as_deref()?;
        let message = worker.message(response.response(), None);
        let is_scrape = MetricsPage::is(response.response());
        let ends_at_head = worker.rules.observe_at == ObserveAt::Head
            || response.status() == StatusCode::SWITCHING_PROTOCOLS;

        let mut facts = self.facts.take()?;
        if !is_scrape {
            facts.answer(response, message.as_deref());
        }
        if is_scrape || ends_at_head {
            facts.end();
            return None;
        }
        Some(Answered { facts: Some(facts) })
    }

    /// An inner middleware failed: the request is gone, its error is to be sent.
    pub(crate) fn failed(mut self, error: &Error) {
        // Asked for while the facts are held, as above.
        let response = error.error_response();
        let worker = self.facts.as_ref().and_then(|facts| facts.worker.as_deref());
        let message = worker.and_then(|worker| worker.message(&response, Some(error)));
        let Some(mut facts) = self.facts.take() else { return };
        facts.bytes = facts.declared_size(&response, response.body().size());
        facts.lose(response.status(), message.as_deref());
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let Some(mut facts) = self.facts.take() else { return };
        let failed = StatusCode::INTERNAL_SERVER_ERROR;
        let status = if std::thread::panicking() {
            failed
        } else {
            StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(failed)
        };
        facts.bytes = 0;
        facts.lose(status, None);
    }
}

impl Facts {
    #[inline]
    fn answer<B: MessageBody>(&mut self, response: &ServiceResponse<B>, message: Option<&str>) {
        let Some(worker) = self.worker.as_deref() else { return };
        let status = response.status();
        let has_empty_prefix = || worker.routes().is_some_and(|routes| routes.has_empty_prefix);
        let pattern = route::pattern(response.request(), status, has_empty_prefix);
        let slot = self
            .find_slot(worker, status, pattern.as_deref(), message, || response.request().path());
        let size = response.response().body().size();
        let is_sent = worker.rules.response_size == ResponseSize::Sent;
        self.bytes = if is_sent { 0 } else { self.declared_size(response.response(), size) };
        self.counts_sent = is_sent && status::has_body(status, self.is_head);
        self.left = match size {
            BodySize::Sized(length) => Some(length),
            _ => None,
        };
        self.slot = slot;
    }

    /// Reports a request that is gone: its route is looked up as far as it can be.
    fn lose(mut self: Box<Self>, status: StatusCode, message: Option<&str>) {
        let Some(worker) = self.worker.clone() else { return };
        let path = self.path.as_str();
        let pattern = worker.routes().and_then(|routes| route::lost_pattern(&routes.map, path));
        let message = message.or(worker.has_messages().then_some(""));
        self.slot = self.find_slot(&worker, status, pattern.as_deref(), message, || path);
        self.end();
    }

    /// Where the request is counted; `None` where it is left out.
    #[inline]
    fn find_slot<'a>(
        &self,
        worker: &Worker,
        status: StatusCode,
        pattern: Option<&'a str>,
        message: Option<&str>,
        path: impl FnOnce() -> &'a str,
    ) -> Option<Slot> {
        let rules = &worker.rules;
        if rules.excluded_statuses.as_ref().is_some_and(|excluded| excluded.holds(status)) {
            return None;
        }
        let addr = match (pattern, rules.unmatched) {
            (Some(pattern), _) => pattern,
            (None, Unmatched::Path) => cut(path()),
            (None, Unmatched::Label) => protocol::UNMATCHED,
        };
        worker.slot(&LabelSet {
            addr,
            status: Status::Code(status.as_u16()),
            method: self.method,
            is_error: rules.errors.holds(status),
            kind: protocol::HTTP,
            name: None,
            message: message.map(cut),
        })
    }

    #[inline]
    fn declared_size<B>(&self, response: &HttpResponse<B>, body: BodySize) -> u64 {
        let headers: &HeaderMap = response.headers();
        size::declared_size(body, response.status(), headers, self.is_head)
    }
}

impl Answered {
    /// Takes note of a chunk that is handed over; `true` if it is the last, as far
    /// as the body's length tells.
    #[inline]
    pub(crate) fn sent(&mut self, bytes: usize) -> bool {
        let Some(facts) = &mut self.facts else { return true };
        let bytes = bytes as u64;
        if facts.counts_sent {
            facts.bytes = facts.bytes.saturating_add(bytes);
        }
        facts.left = facts.left.map(|left| left.saturating_sub(bytes));
        facts.left == Some(0)
    }
}

impl Drop for Answered {
    #[inline]
    fn drop(&mut self) {
        if let Some(facts) = self.facts.take() {
            facts.end();
        }
    }
}
