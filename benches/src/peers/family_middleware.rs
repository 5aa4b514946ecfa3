//! A plain middleware around the families: the labels at the response head,
//! one record at the end of the body.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use actix_web::Error;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

use super::family::{Families, Labels};

#[derive(Clone)]
pub struct Obvious(pub Arc<Families>);

impl<S, B> Transform<S, ServiceRequest> for Obvious
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<ObviousBody<B>>;
    type Error = Error;
    type Transform = ObviousMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let families = Arc::clone(&self.0);
        ready(Ok(ObviousMiddleware { service, families }))
    }
}

pub struct ObviousMiddleware<S> {
    service: S,
    families: Arc<Families>,
}

impl<S, B> Service<ServiceRequest> for ObviousMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<ObviousBody<B>>;
    type Error = Error;
    type Future = ObviousFuture<S::Future>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let start = Instant::now();
        let families = Arc::clone(&self.families);
        ObviousFuture { future: self.service.call(request), start, families }
    }
}

pin_project! {
    pub struct ObviousFuture<F> {
        #[pin]
        future: F,
        start: Instant,
        families: Arc<Families>,
    }
}

impl<F, B> Future for ObviousFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<ObviousBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.future.poll(context))?;
        let end = End {
            labels: Labels::of(&answer),
            start: *this.start,
            size: answer.response().body().size(),
            families: Arc::clone(this.families),
        };
        Poll::Ready(Ok(answer.map_body(|_, body| ObviousBody { body, end })))
    }
}

struct End {
    labels: Labels,
    start: Instant,
    size: BodySize,
    families: Arc<Families>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.families.record(&self.labels, self.start, self.size);
    }
}

pin_project! {
    pub struct ObviousBody<B> {
        #[pin]
        body: B,
        end: End,
    }
}

impl<B: MessageBody> MessageBody for ObviousBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.project().body.poll_next(context)
    }
}
