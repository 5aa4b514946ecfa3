//! The state of a request, and the states of one middleware.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ResponseHead, ServiceRequest};
use actix_web::http::{StatusCode, Version};
use actix_web::{Error, HttpRequest, HttpResponse};

use super::extras::{Ending, ExtraState};
use super::progress::{Phase, Progress};
use super::slot::{addr, find_key, slot_with_extras};
use super::state::MiddlewareState;
use super::watch::Watch;
use crate::options::measurement::{ObserveAt, ResponseSize};
use crate::options::message::ErrorMessage;
use crate::protocol::{self, MethodLabel};
use crate::request::size;
use crate::request::status::StatusRule;

/// The requests of one middleware on one thread.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(super) middleware: MiddlewareState,
    /// States of requests that have ended, for other requests.
    #[expect(clippy::vec_box, reason = "the boxes are what is reused")]
    idle: RefCell<Vec<Box<RequestState>>>,
}

/// The state of one request.
#[derive(Debug)]
pub(super) struct RequestState {
    /// `None` if the state is idle.
    requests: Option<Rc<Requests>>,
    /// A copy of the path, for the lookup of the route when the request is gone. A clone of
    /// the request cannot be kept: actix's router panics if there is a second one.
    path: String,
    /// Whether the request is in `requests_in_flight`.
    is_in_flight: bool,
    /// `None` if workers are not watched.
    pub(super) watch: Option<Watch>,
    pub(super) progress: Progress,
    /// Not of this request unless an option of the middleware needs it.
    extras: ExtraState,
}

/// How many idle states are kept: about as many requests as a worker has in progress.
const IDLE: usize = 256;

/// Longest path in bytes whose buffer is kept for another request: clients do not decide
/// how much memory stays allocated.
const PATH_CAPACITY: usize = 512;

impl Requests {
    pub(super) fn new(middleware: MiddlewareState) -> Rc<Self> {
        Rc::new(Self { middleware, idle: RefCell::default() })
    }

    #[inline]
    pub(super) fn begin(self: &Rc<Self>, path: &str, method: MethodLabel) -> Box<RequestState> {
        let idle = self.idle.borrow_mut().pop();
        let mut request = idle.unwrap_or_else(|| Box::new(RequestState::new(method)));
        request.requests = Some(Rc::clone(self));
        request.path.clear();
        request.path.push_str(path);
        request.progress = Progress::new(method);
        request
    }

    #[inline]
    fn end(&self, mut request: Box<RequestState>) {
        if request.path.capacity() > PATH_CAPACITY {
            request.path = String::new();
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE {
            idle.push(request);
        }
    }
}

impl RequestState {
    #[cold]
    fn new(method: MethodLabel) -> Self {
        Self {
            requests: None,
            path: String::new(),
            is_in_flight: false,
            watch: None,
            progress: Progress::new(method),
            extras: ExtraState::default(),
        }
    }

    /// What options add to the start of a request. The sources of traces and labels may panic.
    #[inline(never)]
    pub(super) fn begin_extras(
        &mut self,
        middleware: &MiddlewareState,
        request: &mut ServiceRequest,
    ) {
        if middleware.has_in_flight {
            middleware.add_in_flight(1);
            self.is_in_flight = true;
        }
        if let Some(worker) = &middleware.worker {
            // Over HTTP/2, actix polls the future of a request in a task of its own.
            let is_polled_next = request.version() != Version::HTTP_2;
            self.watch = Some(Watch::new(worker, is_polled_next));
        }
        if middleware.extras.begins {
            middleware.extras.begin(&mut self.extras, request);
        }
    }

    /// Begins the measurement of a poll, of the body or of the inner service.
    #[inline(never)]
    pub(super) fn begin_poll(&mut self, is_body: bool) {
        let Some(requests) = &self.requests else { return };
        if let (Some(watch), Some(worker)) = (&mut self.watch, &requests.middleware.worker) {
            watch.begin_poll(self.progress.started, worker, is_body);
        }
    }

    /// Ends the measurement of a poll, if it is measured.
    #[inline(never)]
    pub(super) fn end_poll(&mut self, has_response: bool) {
        let Some(requests) = &self.requests else { return };
        let Progress { started, method, slot, .. } = self.progress;
        if let (Some(watch), Some(worker)) = (&mut self.watch, &requests.middleware.worker) {
            watch.end_poll(started, worker, has_response);
            watch.count_blocks(&requests.middleware, method, slot);
        }
    }

    /// Returns when the duration ends.
    #[inline]
    pub(super) fn on_response<B: MessageBody>(
        &mut self,
        request: &HttpRequest,
        response: &HttpResponse<B>,
    ) -> Option<ObserveAt> {
        let middleware = &self.requests.as_ref()?.middleware;
        let progress = &mut self.progress;
        let status = response.status();
        let rule = middleware.options.statuses.get(status);
        let pattern = middleware.routes().and_then(|routes| routes.pattern(request, status));
        let addr = addr(middleware, pattern.as_deref(), || request.path());
        // The sources of labels may panic: the request has no response until then.
        let key = find_key(middleware, progress.method, (status, rule), addr);
        progress.slot = match key {
            None => None,
            Some(key) if middleware.extras.has_slots => {
                let ending = (progress.started, pattern.as_deref());
                let state = &mut self.extras;
                slot_with_extras(middleware, state, (key, addr), request, response, ending)
            }
            Some(key) => middleware.writer().request_slot(key, addr),
        };

        let body = response.body().size();
        let counted = counted_size(progress.method, rule);
        progress.bytes = match counted {
            Some(ResponseSize::Declared) => size::declared(body, || response.headers()),
            _ => 0,
        };
        progress.counts_sent = counted == Some(ResponseSize::Sent);
        progress.remaining = if let BodySize::Sized(length) = body { length } else { u64::MAX };
        progress.phase = Phase::Responded;
        Some(middleware.observe_at(status, rule, addr))
    }

    pub(super) fn on_error(&mut self, error: &Error) {
        let response = error.error_response();
        let declared = size::declared(response.body().size(), || response.headers());
        let message = |source: &ErrorMessage| source.extract(&response, Some(error));
        self.on_gone(response.status(), Some(response.head()), message);
        let Some(requests) = &self.requests else { return };
        let rule = requests.middleware.options.statuses.get(response.status());
        if counted_size(self.progress.method, rule).is_some() {
            self.progress.bytes = declared;
        }
        self.progress.phase = Phase::Responded;
    }

    /// The request was dropped without a response.
    #[cold]
    fn on_dropped(&mut self) {
        let failed = StatusCode::INTERNAL_SERVER_ERROR;
        let status = if self.progress.phase == Phase::Polled || std::thread::panicking() {
            failed
        } else {
            StatusCode::from_u16(protocol::CLIENT_CLOSED_REQUEST).unwrap_or(failed)
        };
        self.on_gone(status, None, |_| String::new());
    }

    /// Finds the slot of a request that is gone, whose route is looked up by its path.
    fn on_gone(
        &mut self,
        status: StatusCode,
        response: Option<&ResponseHead>,
        message: impl FnOnce(&ErrorMessage) -> String,
    ) {
        let Some(requests) = &self.requests else { return };
        let middleware = &requests.middleware;
        let path = self.path.as_str();
        let pattern = middleware.routes().and_then(|routes| routes.pattern_of_path(path));
        let addr = addr(middleware, pattern.as_deref(), || path);
        let rule = middleware.options.statuses.get(status);
        let Progress { started, method, .. } = self.progress;
        let writer = middleware.writer();
        self.progress.slot = match find_key(middleware, method, (status, rule), addr) {
            None => None,
            Some(key) if middleware.extras.has_slots => {
                let (request, pattern) = (Err(path), pattern.as_deref());
                let message = middleware.extras.message(message);
                let ending = Ending { started, status, request, response, pattern, message };
                middleware.extras.slot(&mut self.extras, writer, (key, addr), &ending)
            }
            Some(key) => writer.request_slot(key, addr),
        };
    }

    /// Records the request if it has a slot, and ends it.
    #[inline(never)]
    pub(super) fn end(mut self: Box<Self>) {
        if self.progress.phase != Phase::Responded {
            self.on_dropped();
        }
        let Some(requests) = self.requests.take() else { return };
        let middleware = &requests.middleware;
        let nanos = self.progress.started.elapsed_nanos();
        if let Progress { slot: Some(slot), bytes, .. } = self.progress {
            middleware.record(slot, nanos, bytes);
        }
        if middleware.has_extras {
            self.end_extras(middleware, nanos);
        }
        requests.end(self);
    }

    /// What options add to the end of a request.
    #[inline(never)]
    fn end_extras(&mut self, middleware: &MiddlewareState, nanos: u64) {
        self.record_extras(middleware, nanos);
        let Progress { method, slot, .. } = self.progress;
        if let (Some(watch), Some(worker)) = (&mut self.watch, &middleware.worker) {
            watch.release(nanos, worker);
            watch.count_blocks(middleware, method, slot);
        }
        self.watch = None;
        self.extras.reset();
    }

    /// Records the request while its body goes on.
    #[cold]
    pub(super) fn record_at_head(&mut self) {
        let Some(requests) = self.requests.clone() else { return };
        let nanos = self.progress.started.elapsed_nanos();
        if let Progress { slot: Some(slot), bytes, .. } = self.progress {
            requests.middleware.record(slot, nanos, bytes);
        }
        self.record_extras(&requests.middleware, nanos);
        if let Some(watch) = &mut self.watch {
            watch.recorded = self.progress.slot.take();
        }
    }

    /// What options add to the record of a request.
    fn record_extras(&mut self, middleware: &MiddlewareState, nanos: u64) {
        if mem::take(&mut self.is_in_flight) {
            middleware.add_in_flight(-1);
        }
        if let Some(slot) = self.progress.slot {
            middleware.extras.record(&mut self.extras, middleware.writer(), slot, nanos);
        }
    }
}

/// The bytes to count; `None` if the response has no content.
#[inline]
fn counted_size(method: MethodLabel, rule: &StatusRule) -> Option<ResponseSize> {
    if method == MethodLabel::Head { None } else { rule.size }
}
