//! A request's facts as one value, which its end consumes: so nothing is
//! reported twice and nothing goes unreported.

use std::rc::Rc;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::uri::PathAndQuery;
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpResponse};

use super::worker::Worker;
use crate::labels::{LabelSet, Status, cut_message};
use crate::outcome::options::{ObserveAt, ResponseSize, Unmatched};
use crate::outcome::{route, size, status};
use crate::page::MetricsPage;
use crate::protocol;
use crate::recorder::{Observation, Slot};

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
    request: Begun,
    method: &'static str,
    is_head: bool,
    /// Kept for requests that are gone at their end: a reference count, unlike a
    /// clone of the request, which would make routing panic.
    path: Option<PathAndQuery>,
}

/// What is known of a request from its beginning to its end.
struct Begun {
    worker: Rc<Worker>,
    started: Instant,
    trace_id: Option<String>,
    _in_flight: Option<InFlight>,
}

/// A request answered, whose body is under way.
///
/// # Drop
/// Reports the request: at its body's end, or when the reader went away.
pub(crate) struct Answered {
    request: Begun,
    slot: Slot,
    bytes: u64,
    /// Whether `bytes` is what was declared or grows with what is sent.
    counts_sent: bool,
}

/// A request counted as being answered, until it is dropped.
struct InFlight(Rc<Worker>);

impl InFlight {
    fn enter(worker: &Rc<Worker>) -> Self {
        worker.add_in_flight(1);
        Self(Rc::clone(worker))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.add_in_flight(-1);
    }
}

impl Report {
    #[inline]
    pub(crate) fn begin(worker: &Rc<Worker>, request: &ServiceRequest) -> Self {
        worker.remember_routes(request);
        let exemplars = worker.rules.exemplars.as_ref();
        let is_in_flight = worker.monitor.settings().requests_in_flight;
        let begun = Begun {
            worker: Rc::clone(worker),
            trace_id: exemplars.and_then(|exemplars| exemplars.trace_id(request)),
            _in_flight: is_in_flight.then(|| InFlight::enter(worker)),
            started: Instant::now(),
        };
        Self {
            facts: Some(Facts {
                request: begun,
                method: protocol::method(request.method().as_str()),
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
        let is_scrape = response.response().extensions().contains::<MetricsPage>();
        // Asked for while the facts are held: should it panic, `Drop` reports.
        let worker = &self.facts.as_ref()?.request.worker;
        let message = worker.message(response.response(), None);
        let facts = self.facts.take()?;
        if is_scrape { None } else { facts.answered(response, message.as_deref()) }
    }

    /// An inner middleware failed: the request is gone, its error is to be sent.
    pub(crate) fn failed(mut self, error: &Error) {
        // Asked for while the facts are held, as above.
        let response = error.error_response();
        let worker = self.facts.as_ref().map(|facts| &facts.request.worker);
        let message = worker.and_then(|worker| worker.message(&response, Some(error)));
        let Some(facts) = self.facts.take() else { return };
        let bytes = facts.declared_size(&response);
        facts.lost(response.status(), bytes, message.as_deref());
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let Some(facts) = self.facts.take() else { return };
        let failed = StatusCode::INTERNAL_SERVER_ERROR;
        let status = if std::thread::panicking() {
            failed
        } else {
            StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(failed)
        };
        facts.lost(status, 0, None);
    }
}

impl Facts {
    #[inline]
    fn answered<B: MessageBody>(
        self,
        response: &ServiceResponse<B>,
        message: Option<&str>,
    ) -> Option<Answered> {
        let status = response.status();
        let routes = self.request.worker.routes();
        let has_empty_prefix = routes.is_some_and(|routes| routes.has_empty_prefix);
        let pattern = route::pattern(response.request(), has_empty_prefix);
        let addr = self.addr(pattern.as_deref(), response.request().path());
        let slot = self.slot(status, addr, message)?;
        let is_sent = self.request.worker.rules.response_size == ResponseSize::Sent;
        Some(Answered {
            slot,
            bytes: if is_sent { 0 } else { self.declared_size(response.response()) },
            counts_sent: is_sent && status::has_body(status, self.is_head),
            request: self.request,
        })
    }

    /// Reports a request that is gone: its route is looked up as far as it can be.
    fn lost(mut self, status: StatusCode, bytes: u64, message: Option<&str>) {
        let worker = &self.request.worker;
        let path = self.path.as_ref().map_or("", PathAndQuery::path);
        let pattern = worker.routes().and_then(|routes| route::lost_pattern(&routes.map, path));
        let has_message = worker.monitor.settings().error_message.is_some();
        let message = message.or(has_message.then_some(""));
        if let Some(slot) = self.slot(status, self.addr(pattern.as_deref(), path), message) {
            self.request.end(slot, bytes);
        }
    }

    #[inline]
    fn addr<'a>(&self, pattern: Option<&'a str>, path: &'a str) -> &'a str {
        match (pattern, self.request.worker.rules.unmatched) {
            (Some(pattern), _) => pattern,
            (None, Unmatched::Path) => path,
            (None, Unmatched::Label) => protocol::UNMATCHED,
        }
    }

    /// Where the request is counted; `None` where it is left out.
    #[inline]
    fn slot(&self, status: StatusCode, addr: &str, message: Option<&str>) -> Option<Slot> {
        let rules = &self.request.worker.rules;
        if rules.excluded_statuses.as_ref().is_some_and(|excluded| excluded.holds(status)) {
            return None;
        }
        self.request.worker.slot(&LabelSet {
            addr,
            status: Status::Code(status.as_u16()),
            method: self.method,
            is_error: rules.errors.holds(status),
            kind: protocol::HTTP,
            name: None,
            message: message.map(cut_message),
        })
    }

    #[inline]
    fn declared_size<B: MessageBody>(&self, response: &HttpResponse<B>) -> u64 {
        let body = response.body().size();
        size::declared_size(body, response.status(), response.headers(), self.is_head)
    }
}

impl Begun {
    #[inline]
    fn end(&mut self, slot: Slot, bytes: u64) {
        let duration = self.started.elapsed();
        let observation = Observation { duration, bytes, trace_id: self.trace_id.take() };
        self.worker.record(slot, observation);
    }
}

impl Answered {
    /// Whether the request ends with its head: asked for, or because what follows
    /// is no longer HTTP.
    pub(crate) fn ends_at_head(&self, status: StatusCode) -> bool {
        self.request.worker.rules.observe_at == ObserveAt::Head
            || status == StatusCode::SWITCHING_PROTOCOLS
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
        self.request.end(self.slot, self.bytes);
    }
}
