//! One worker's service: the metrics page, or a request to be watched?

use std::rc::Rc;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, forward_ready};
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use super::body::BigBrotherBody;
use super::future::BigBrotherFuture;
use super::report::Report;
use super::worker::Worker;
use crate::exposition::format::Format;
use crate::page::{self, MetricsPage};

#[doc(hidden)]
/// The service that `BigBrother` puts around an app, scope or resource.
#[derive(Debug)]
pub struct BigBrotherMiddleware<S> {
    service: S,
    worker: Rc<Worker>,
}

impl<S> BigBrotherMiddleware<S> {
    pub(super) fn new(service: S, worker: Rc<Worker>) -> Self {
        Self { service, worker }
    }

    #[cold]
    fn page(&self, request: ServiceRequest) -> LocalBoxFuture<'static, ServiceResponse> {
        let format = if self.worker.rules.openmetrics {
            page::wanted_format(request.headers())
        } else {
            Format::Text
        };
        let monitor = self.worker.monitor.clone();
        async move {
            let mut answer = page::answer(&monitor, format).await;
            if Worker::has_company() {
                MetricsPage::mark(&mut answer);
            }
            request.into_response(answer)
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
        let path = request.path();
        if self.worker.is_scrape(path, request.method()) {
            return BigBrotherFuture::page(self.page(request));
        }
        if self.worker.has_seen(&request) {
            return BigBrotherFuture::inner(self.service.call(request), Report::default());
        }
        // Begun before the inner service is called, which may panic at once.
        let report = if self.worker.excludes(path, &request) {
            Report::default()
        } else {
            Report::begin(&self.worker, &request, path)
        };
        self.worker.adopt(&mut request);
        BigBrotherFuture::inner(self.service.call(request), report)
    }
}
