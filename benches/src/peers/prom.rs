//! actix-web-prom, with the same four buckets.

use actix_web_prom::{PrometheusMetrics, PrometheusMetricsBuilder};
use prometheus::{Registry, TextEncoder};

use super::Peer;
use super::family::BUCKETS;

pub const PROM: &str = "actix-web-prom";

pub fn prom() -> Peer<PrometheusMetrics> {
    // A second builder on the same registry is refused.
    let registry = Registry::new();
    let builder = PrometheusMetricsBuilder::new("app").registry(registry.clone());
    let middleware = builder.buckets(&BUCKETS).endpoint("/metrics").build();
    let middleware = middleware.expect("the registry is empty");
    let page = move || {
        let gathered = TextEncoder::new().encode_to_string(&registry.gather());
        gathered.expect("a String takes any text")
    };
    Peer::with_page(PROM, middleware, "app_http_requests_duration_seconds", page)
}
