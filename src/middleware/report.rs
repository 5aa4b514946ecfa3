//! A request's facts as one value, which its end consumes: so nothing is
//! reported twice and nothing goes unreported.

use std::rc::Rc;
use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::uri::PathAndQuery;
use actix_web::http::{Method, StatusCode};

use super::worker::Worker;
use crate::outcome::{self, ObserveAt, ResponseSize, Unmatched};
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
    facts: Option<Facts>,
}

struct Facts {
    worker: Rc<Worker>,
    started: Instant,
    method: &'static str,
    is_head: bool,
    /// Kept for requests that are gone at their end: a reference count, unlike a
    /// clone of the request, which would make routing panic.
    path: Option<PathAndQuery>,
}

/// A request answered, whose body is under way.
///
/// # Drop
/// Reports the request: at its body's end, or when the reader went away.
pub(crate) struct Answered {
    worker: Rc<Worker>,
    started: Instant,
    slot: Slot,
    bytes: u64,
    /// Whether `bytes` is what was declared or grows with what is sent.
    counts_sent: bool,
}

impl Report {
    #[inline]
    pub(crate) fn begin(worker: &Rc<Worker>, request: &ServiceRequest) -> Self {
        worker.remember_routes(request);
        Self {
            facts: Some(Facts {
                worker: Rc::clone(worker),
                started: Instant::now(),
                method: outcome::method(request.method()),
                is_head: *request.method() == Method::HEAD,
                path: request.uri().path_and_query().cloned(),
            }),
        }
    }

    /// The request has its response. `None` where that is all there is to it.
    #[inline]
    pub(crate) fn answered<B: MessageBody>(
        mut self,
        response: &ServiceResponse<B>,
    ) -> Option<Answered> {
        let facts = self.facts.take()?;
        if response.response().extensions().contains::<MetricsPage>() {
            return None;
        }
        Some(facts.answered(response))
    }

    /// An inner middleware failed: the request is gone, its error is to be sent.
    pub(crate) fn failed(mut self, error: &Error) {
        // Asked for while the facts are held: should it panic, `Drop` reports.
        let response = error.error_response();
        let Some(facts) = self.facts.take() else { return };
        let status = response.status();
        let size = response.body().size();
        let bytes = outcome::declared_size(size, status, response.headers(), facts.is_head);
        facts.lost(status, bytes);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let Some(facts) = self.facts.take() else { return };
        let status = if std::thread::panicking() {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        };
        facts.lost(status, 0);
    }
}

impl Facts {
    #[inline]
    fn answered<B: MessageBody>(self, response: &ServiceResponse<B>) -> Answered {
        let status = response.status();
        let has_empty_prefix = self.worker.routes().is_some_and(|routes| routes.has_empty_prefix);
        let pattern = outcome::pattern(response.request(), has_empty_prefix);
        let addr = match (&pattern, self.worker.rules.unmatched) {
            (Some(pattern), _) => pattern.as_str(),
            (None, Unmatched::Path) => response.request().path(),
            (None, Unmatched::Label) => protocol::UNMATCHED,
        };
        let slot = self.slot(status, addr);
        let counts_sent = self.worker.rules.response_size == ResponseSize::Sent;
        let bytes = if counts_sent {
            0
        } else {
            let size = response.response().body().size();
            outcome::declared_size(size, status, response.headers(), self.is_head)
        };
        Answered {
            counts_sent: counts_sent && outcome::has_body(status, self.is_head),
            worker: self.worker,
            started: self.started,
            slot,
            bytes,
        }
    }

    /// Reports a request that is gone: its route is looked up as far as it can be.
    fn lost(self, status: StatusCode, bytes: u64) {
        let path = self.path.as_ref().map_or("", PathAndQuery::path);
        let routes = self.worker.routes();
        let pattern = routes.and_then(|routes| outcome::lost_pattern(&routes.map, path));
        let addr = match (&pattern, self.worker.rules.unmatched) {
            (Some(pattern), _) => pattern.as_str(),
            (None, Unmatched::Path) => path,
            (None, Unmatched::Label) => protocol::UNMATCHED,
        };
        self.worker.record(self.slot(status, addr), self.started, bytes);
    }

    #[inline]
    fn slot(&self, status: StatusCode, addr: &str) -> Slot {
        let is_error = self.worker.rules.errors.is_error(status);
        self.worker.slot(&outcome::labels(status, is_error, self.method, addr))
    }
}

impl Answered {
    /// Whether the request ends with its head: asked for, or because what follows
    /// is no longer HTTP.
    pub(crate) fn ends_at_head(&self, status: StatusCode) -> bool {
        self.worker.rules.observe_at == ObserveAt::Head || status == StatusCode::SWITCHING_PROTOCOLS
    }

    #[inline]
    pub(crate) fn sent(&mut self, bytes: usize) {
        if self.counts_sent {
            self.bytes = self.bytes.saturating_add(bytes as u64);
        }
    }
}

impl Drop for Answered {
    #[inline]
    fn drop(&mut self) {
        self.worker.record(self.slot, self.started, self.bytes);
    }
}
