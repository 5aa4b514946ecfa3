//! The service of the middleware: serves its own pages, or calls the inner service.

use std::rc::Rc;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, forward_ready};
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use super::body::BigBrotherBody;
use super::future::BigBrotherFuture;
use super::guard::RequestGuard;
use super::options::OwnPage;
use super::request_state::Requests;
use super::state::MiddlewareState;
#[cfg(feature = "dashboard")]
use crate::endpoint::dashboard;
use crate::endpoint::metrics;

#[doc(hidden)]
/// The service that `BigBrother` creates around an app, scope or resource.
#[derive(Debug)]
pub struct BigBrotherMiddleware<S> {
    service: S,
    requests: Rc<Requests>,
}

impl<S> BigBrotherMiddleware<S> {
    pub(super) fn new(service: S, state: MiddlewareState) -> Self {
        Self { service, requests: Requests::new(state) }
    }

    #[cold]
    fn page(
        &self,
        page: OwnPage,
        request: ServiceRequest,
    ) -> LocalBoxFuture<'static, ServiceResponse> {
        let monitor = self.requests.middleware.monitor.clone();
        async move {
            let page = match page {
                OwnPage::Metrics => metrics::respond(&monitor, request.headers()).await,
                #[cfg(feature = "dashboard")]
                OwnPage::Dashboard => dashboard::respond(&monitor, request.request()).await,
            };
            request.into_response(page)
        }
        .boxed_local()
    }
}

impl<S, B> Service<ServiceRequest> for BigBrotherMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<BigBrotherBody<B>>>;
    type Error = Error;
    type Future = BigBrotherFuture<S::Future>;

    forward_ready!(service);

    #[inline]
    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let middleware = &self.requests.middleware;
        let path = request.path();
        if let Some(page) = middleware.page_at(path, request.method()) {
            return BigBrotherFuture::page(self.page(page, request));
        }
        let Some(data) = middleware.data_for(&request) else {
            return BigBrotherFuture::inner(self.service.call(request), RequestGuard::default());
        };
        // Created before the inner service is called, which may panic at once.
        let guard = if middleware.excludes_path(path) {
            RequestGuard::default()
        } else {
            let mut guard = RequestGuard::new(&self.requests, &request, path);
            guard.on_request(middleware, &mut request);
            guard
        };
        request.add_data_container(data);
        BigBrotherFuture::inner(self.service.call(request), guard)
    }
}
