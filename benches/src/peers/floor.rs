//! The floor: what any monitor of this kind pays before it records a thing. A
//! wrapper that does nothing; the wrapper with two clock reads; and with the
//! route's pattern besides.

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

use super::Peer;

pub const NOOP: &str = "wrapper";
pub const CLOCKS: &str = "wrapper + two clock reads";
pub const FLOOR: &str = "wrapper + two clock reads + match_pattern";

#[derive(Clone, Copy)]
pub struct Floor<const CLOCKS: bool, const PATTERN: bool>;

pub fn noop() -> Peer<Floor<false, false>> {
    Peer::silent(NOOP, Floor)
}

pub fn clocks() -> Peer<Floor<true, false>> {
    Peer::silent(CLOCKS, Floor)
}

pub fn pattern() -> Peer<Floor<true, true>> {
    Peer::silent(FLOOR, Floor)
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
        let answer = ready!(this.future.poll(context))?;
        let pattern = this.wants_pattern.then(|| answer.request().match_pattern()).flatten();
        let end = End { start: this.start.take(), pattern };
        Poll::Ready(Ok(answer.map_body(|_, body| EitherBody::left(FloorBody { body, end }))))
    }
}

/// What a recorder would know at the end of the body, and throws away.
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
