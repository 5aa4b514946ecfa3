//! Exemplars from the spans of `tracing` that OpenTelemetry exports: each bucket of
//! `request_seconds` shows the trace of its latest request.

use actix_monitor::{BigBrother, Exemplars};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpServer, web};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Instrument as _, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Runs each request in a span of its own.
async fn in_a_span(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let span = info_span!("request", method = %request.method());
    // The monitor asks for the trace within this call, which is not yet the future.
    let response = span.in_scope(|| next.call(request));
    response.instrument(span).await
}

/// The trace of the present span, if it is exported.
fn trace() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    span.is_sampled().then(|| span.trace_id().to_string())
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    // Add an exporter here, such as that of opentelemetry-otlp.
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("app"));
    tracing_subscriber::registry().with(layer).init();

    let server = HttpServer::new(|| {
        App::new()
            .route("/", web::get().to(async || trace().unwrap_or_default()))
            .wrap(BigBrother::builder().exemplars(Exemplars::from_fn(|_| trace())).build())
            // The outermost one, so that the span is entered when the monitor asks for it.
            .wrap(from_fn(in_a_span))
    })
    .bind(("127.0.0.1", 0))?;
    println!("http://{}/metrics", server.addrs()[0]);
    server.run().await
}
