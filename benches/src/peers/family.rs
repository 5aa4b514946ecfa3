//! The plain way with prometheus-client: two families, a struct of labels, and
//! `get_or_create` for each request. The labels are taken at the response head, and the
//! request is recorded at the end of the body.

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
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::peer::Peer;
use super::published::BUCKETS;

pub const FAMILY: &str = "Family::get_or_create";

pub fn family() -> Peer<FamilyMiddleware> {
    let mut registry = Registry::default();
    let families = Arc::new(Families::register(&mut registry));
    let page = move || {
        let mut page = String::new();
        text::encode(&mut page, &registry).expect("a String takes any text");
        page
    };
    Peer::with_page(FAMILY, FamilyMiddleware(families), "request_seconds", page)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(non_snake_case, reason = "the derive makes the label's key of the field's name")]
struct Labels {
    r#type: String,
    status: String,
    isError: String,
    method: String,
    addr: String,
}

impl Labels {
    fn new<B>(response: &ServiceResponse<B>) -> Self {
        let request = response.request();
        let status = response.status();
        let is_error = status.is_client_error() || status.is_server_error();
        Self {
            r#type: "http".to_owned(),
            status: status.as_str().to_owned(),
            isError: is_error.to_string(),
            method: request.method().to_string(),
            addr: request.match_pattern().unwrap_or_else(|| request.path().to_owned()),
        }
    }
}

#[derive(Clone)]
struct Families {
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    bytes: Family<Labels, Counter>,
}

impl Families {
    fn register(registry: &mut Registry) -> Self {
        let families = Self {
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            bytes: Family::default(),
        };
        registry.register("request_seconds", "Duration of requests", families.seconds.clone());
        registry.register("response_size_bytes", "Size of responses", families.bytes.clone());
        families
    }

    fn record(&self, labels: &Labels, start: Instant, size: BodySize) {
        let seconds = start.elapsed().as_secs_f64();
        self.seconds.get_or_create(labels).observe(seconds);
        let BodySize::Sized(bytes) = size else { return };
        self.bytes.get_or_create(labels).inc_by(bytes);
    }
}

#[derive(Clone)]
pub struct FamilyMiddleware(Arc<Families>);

impl<S, B> Transform<S, ServiceRequest> for FamilyMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<FamilyBody<B>>;
    type Error = Error;
    type Transform = FamilyService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let families = Arc::clone(&self.0);
        ready(Ok(FamilyService { service, families }))
    }
}

pub struct FamilyService<S> {
    service: S,
    families: Arc<Families>,
}

impl<S, B> Service<ServiceRequest> for FamilyService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<FamilyBody<B>>;
    type Error = Error;
    type Future = FamilyFuture<S::Future>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let start = Instant::now();
        let families = Arc::clone(&self.families);
        FamilyFuture { future: self.service.call(request), start, families }
    }
}

pin_project! {
    pub struct FamilyFuture<F> {
        #[pin]
        future: F,
        start: Instant,
        families: Arc<Families>,
    }
}

impl<F, B> Future for FamilyFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<FamilyBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(context))?;
        let end = End {
            labels: Labels::new(&response),
            start: *this.start,
            size: response.response().body().size(),
            families: Arc::clone(this.families),
        };
        Poll::Ready(Ok(response.map_body(|_, body| FamilyBody { body, end })))
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
    pub struct FamilyBody<B> {
        #[pin]
        body: B,
        end: End,
    }
}

impl<B: MessageBody> MessageBody for FamilyBody<B> {
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
