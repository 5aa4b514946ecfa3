//! The published middlewares: this crate, actix-web-prom, actix-web-metrics and that of
//! OpenTelemetry.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_monitor::{BigBrother, BigBrotherBuilder, Format, Label};
use actix_web_metrics::{ActixWebMetrics, ActixWebMetricsBuilder};
use actix_web_prom::{PrometheusMetrics, PrometheusMetricsBuilder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry_instrumentation_actix_web::RequestMetrics;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use prometheus::{Registry, TextEncoder};

use super::peer::{OURS, Peer, count_in};

pub const PROM: &str = "actix-web-prom";

/// This crate with a label of the app's own.
pub const LABELLED: &str = "actix-monitor with a label";

/// The buckets of all contenders: the default ones of this crate.
pub const BUCKETS: [f64; 4] = [0.1, 0.3, 1.5, 10.5];

/// This crate with its defaults.
pub fn ours() -> Peer<BigBrother> {
    with_options(OURS, |builder| builder)
}

/// This crate with a label whose value is known after the first request.
pub fn labelled() -> Peer<BigBrother> {
    let tenant = Label::from_request(|_| Some("acme".into()));
    with_options(LABELLED, |builder| builder.label("tenant", tenant))
}

/// This crate with a series limit that 10 000 label sets do not reach, and the page in
/// this format.
pub fn unlimited(format: Format) -> Peer<BigBrother> {
    peer(OURS, isolated().series_limit(1_000_000), format)
}

/// This crate with more than its defaults.
pub fn with_options(
    name: &'static str,
    options: impl FnOnce(BigBrotherBuilder) -> BigBrotherBuilder,
) -> Peer<BigBrother> {
    peer(name, options(isolated()), Format::Text)
}

/// Isolated, so that each measurement begins without series.
fn isolated() -> BigBrotherBuilder {
    BigBrother::builder().isolated()
}

fn peer(name: &'static str, builder: BigBrotherBuilder, format: Format) -> Peer<BigBrother> {
    let middleware = builder.build();
    let monitor = middleware.monitor();
    Peer::with_page(name, middleware, "request_seconds", move || monitor.encode(format))
}

pub fn prom() -> Peer<PrometheusMetrics> {
    // A registry per middleware: a second one in the same registry is refused.
    let registry = Registry::new();
    let builder = PrometheusMetricsBuilder::new("app").registry(registry.clone());
    let middleware = builder.buckets(&BUCKETS).endpoint("/metrics").build();
    let middleware = middleware.expect("the registry is empty");
    let page = move || {
        let page = TextEncoder::new().encode_to_string(&registry.gather());
        page.expect("a String takes any text")
    };
    Peer::with_page(PROM, middleware, "app_http_requests_duration_seconds", page)
}

/// The recorder of the metrics crate is one per process, and so are its counts.
fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        // Without buckets it would record quantile sketches, which cost more.
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
        let recorder = builder.and_then(PrometheusBuilder::install_recorder);
        recorder.expect("no other recorder is installed")
    })
}

pub fn metrics() -> Peer<ActixWebMetrics> {
    let handle = recorder();
    let recorded = || count_in(&recorder().render(), "http_server_request_duration");
    let before = recorded();
    Peer {
        recorded: Arc::new(move || Some(recorded() - before)),
        upkeep: Arc::new(|| handle.run_upkeep()),
        page: Arc::new(|| handle.render()),
        ..Peer::without_metrics("actix-web-metrics", ActixWebMetricsBuilder::new().build())
    }
}

/// An export takes place when the count is read, never during a measurement.
const NEVER: Duration = Duration::from_secs(86_400);

/// The middleware of OpenTelemetry, which exports into memory.
pub fn otel() -> Peer<RequestMetrics> {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).with_interval(NEVER).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let middleware = RequestMetrics::builder().with_meter_provider(provider.clone()).build();
    Peer {
        recorded: Arc::new(move || {
            exporter.reset();
            provider.force_flush().ok()?;
            let exported = exporter.get_finished_metrics().ok()?;
            let scopes = exported.iter().flat_map(|resource| resource.scope_metrics());
            Some(scopes.flat_map(|scope| scope.metrics()).map(observations).sum())
        }),
        ..Peer::without_metrics("OpenTelemetry", middleware)
    }
}

fn observations(metric: &Metric) -> u64 {
    if metric.name() != "http.server.request.duration" {
        return 0;
    }
    match metric.data() {
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
            histogram.data_points().map(|point| point.count()).sum()
        }
        _ => 0,
    }
}
