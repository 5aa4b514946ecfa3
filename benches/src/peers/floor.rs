//! The bare service, and the floor: what any middleware of this kind costs before it
//! records anything. A wrapper that does nothing, the wrapper with two clock reads, and
//! this with the pattern of the route.

use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use actix_web::Error;
use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

use super::peer::{BARE, Peer};

pub const WRAPPER: &str = "wrapper";
pub const CLOCKS: &str = "wrapper + two clock reads";
pub const FLOOR: &str = "wrapper + two clock reads + match_pattern";

/// No middleware.
#[derive(Clone, Copy)]
pub struct Bare;

impl<S: Service<ServiceRequest>> Transform<S, ServiceRequest> for Bare {
    type Response = S::Response;
    type Error = S::Error;
    type Transform = S;
    type InitError = ();
    type Future = Ready<Result<S, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(service))
    }
}

pub fn bare() -> Peer<Bare> {
    Peer::without_metrics(BARE, Bare)
}

#[derive(Clone, Copy)]
pub struct Floor<const CLOCKS: bool, const PATTERN: bool>;

pub fn wrapper() -> Peer<Floor<false, false>> {
    Peer::without_metrics(WRAPPER, Floor)
}

pub fn clocks() -> Peer<Floor<true, false>> {
    Peer::without_metrics(CLOCKS, Floor)
}

pub fn floor() -> Peer<Floor<true, true>> {
    Peer::without_metrics(FLOOR, Floor)
}

impl<S, B, const C: bool, const P: bool> Transform<S, ServiceRequest> for Floor<C, P>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<FloorBody<B>>>;
    type Error = Error;
    type Transform = FloorMiddleware<S, C, P>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(FloorMiddleware { service }))
    }
}

pub struct FloorMiddleware<S, const C: bool, const P: bool> {
    service: S,
}

impl<S, B, const C: bool, const P: bool> Service<ServiceRequest> for FloorMiddleware<S, C, P>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<FloorBody<B>>>;
    type Error = Error;
    type Future = FloorFuture<S::Future>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let start = C.then(Instant::now);
        let future = self.service.call(request);
        FloorFuture { future, start, wants_pattern: P }
    }
}

pin_project! {
    pub struct FloorFuture<F> {
        #[pin]
        future: F,
        start: Option<Instant>,
        wants_pattern: bool,
    }
}

impl<F, B> Future for FloorFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<EitherBody<FloorBody<B>>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(context))?;
        let pattern = this.wants_pattern.then(|| response.request().match_pattern()).flatten();
        let end = End { start: this.start.take(), pattern };
        Poll::Ready(Ok(response.map_body(|_, body| EitherBody::left(FloorBody { body, end }))))
    }
}

/// What a middleware would record at the end of the body.
struct End {
    start: Option<Instant>,
    pattern: Option<String>,
}

impl Drop for End {
    fn drop(&mut self) {
        black_box(self.start.map(|start| start.elapsed()));
        black_box(&self.pattern);
    }
}

pin_project! {
    pub struct FloorBody<B> {
        #[pin]
        body: B,
        end: End,
    }
}

impl<B: MessageBody> MessageBody for FloorBody<B> {
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
