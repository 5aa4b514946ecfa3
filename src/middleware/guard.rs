//! The guard of a request: records it once, however it ends.

use std::rc::Rc;

use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::{Error, HttpRequest, HttpResponse};

use super::progress::Phase;
use super::request_state::{RequestState, Requests};
use super::state::MiddlewareState;
use crate::endpoint::metrics::MetricsPage;
use crate::options::measurement::ObserveAt;
use crate::request::route;

/// A request that is being answered. The guard moves from the future to the body.
///
/// # Drop
///
/// Records the request. With a response, this is the end of its body, or the moment
/// when its client disconnected. Without one, the request is recorded with status
/// 500 if the inner service panicked, and with 499 otherwise: its client
/// disconnected, or a timeout around the middleware elapsed.
#[derive(Default)]
pub(crate) struct RequestGuard {
    /// `None` if the request is not recorded, and once it is. Boxed, so that the guard
    /// is cheap to move.
    request: Option<Box<RequestState>>,
}

impl RequestGuard {
    /// Begins a request that is about to be passed to the inner service.
    #[inline]
    pub(super) fn new(requests: &Rc<Requests>, request: &ServiceRequest, path: &str) -> Self {
        let middleware = &requests.middleware;
        middleware.remember_routes(request);
        let method = route::method_label(request.method());
        Self { request: Some(requests.begin(path, method)) }
    }

    /// Calls the closures that take the request. They may panic: the guard then records the
    /// request.
    #[inline]
    pub(super) fn on_request(
        &mut self,
        middleware: &MiddlewareState,
        request: &mut ServiceRequest,
    ) {
        if middleware.excludes_request(request) {
            self.discard();
        } else if let (true, Some(state)) = (middleware.has_extras, &mut self.request) {
            state.begin_extras(middleware, request);
        }
    }

    /// Begins a poll of the inner service.
    ///
    /// Until its end the request is marked as polled. A panic is recognized by this mark,
    /// because a middleware around this one may catch the panic before the future is
    /// dropped.
    #[inline]
    pub(super) fn begin_poll(&mut self) {
        let Some(request) = &mut self.request else { return };
        request.progress.phase = Phase::Polled;
        if request.watch.as_ref().is_some_and(|watch| !watch.is_held()) {
            request.begin_poll(false);
        }
    }

    /// The inner service was polled and is not ready.
    #[inline]
    pub(super) fn on_pending(&mut self) {
        let Some(request) = &mut self.request else { return };
        request.progress.phase = Phase::Idle;
        if request.watch.is_some() {
            request.end_poll(false);
        }
    }

    /// Begins a poll of the body.
    #[inline]
    pub(super) fn begin_body_poll(&mut self) {
        if let Some(request) = &mut self.request
            && request.watch.is_some()
        {
            request.begin_poll(true);
        }
    }

    /// The body was polled and has not ended.
    pub(super) fn end_body_poll(&mut self) {
        if let Some(request) = &mut self.request
            && request.watch.is_some()
        {
            request.end_poll(false);
        }
    }

    /// The inner service returned a response, whose body follows.
    #[inline]
    pub(super) fn on_response<B: MessageBody>(
        &mut self,
        request: &HttpRequest,
        response: &HttpResponse<B>,
    ) {
        let Some(state) = &mut self.request else { return };
        if state.watch.is_some() {
            state.end_poll(true);
        }
        if MetricsPage::is_marked(response) {
            return self.discard();
        }
        if state.on_response(request, response) == Some(ObserveAt::Head) {
            self.finish_at_head();
        }
    }

    /// The inner service returned an error, which is passed on.
    #[cold]
    pub(super) fn on_error(&mut self, error: &Error) {
        if let Some(request) = &mut self.request {
            request.end_poll(true);
            request.on_error(error);
        }
        self.finish();
    }

    /// A chunk of the body is passed on. Returns `true` if it is the last one, as far
    /// as the length of the body is declared.
    #[inline]
    pub(super) fn on_chunk(&mut self, bytes: usize) -> bool {
        let Some(request) = &mut self.request else { return false };
        let (progress, bytes) = (&mut request.progress, bytes as u64);
        if progress.counts_sent {
            progress.bytes = progress.bytes.saturating_add(bytes);
        }
        progress.remaining = progress.remaining.saturating_sub(bytes);
        progress.remaining == 0
    }

    /// Records the request, with a response or without.
    #[inline]
    pub(super) fn finish(&mut self) {
        if let Some(request) = self.request.take() {
            request.end();
        }
    }

    /// Records the request at its head. The polls of its body are measured nevertheless.
    #[inline]
    fn finish_at_head(&mut self) {
        match &mut self.request {
            Some(request) if request.watch.is_some() => request.record_at_head(),
            _ => self.finish(),
        }
    }

    /// Ends the request without recording it.
    #[cold]
    fn discard(&mut self) {
        if let Some(mut request) = self.request.take() {
            request.progress.slot = None;
            request.progress.phase = Phase::Responded;
            request.end();
        }
    }
}

impl Drop for RequestGuard {
    #[inline]
    fn drop(&mut self) {
        self.finish();
    }
}
