//! The prometheus crate itself, with our names and labels: what its registry
//! costs to scrape and to hold, no middleware involved.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use super::family::BUCKETS;
use crate::minimal::{GRID_ROUTES, grid_status, pattern};

const LABELS: [&str; 5] = ["type", "status", "isError", "method", "addr"];

pub struct PrometheusVec {
    registry: Registry,
    seconds: HistogramVec,
    bytes: IntCounterVec,
}

impl PrometheusVec {
    pub fn new() -> Self {
        let seconds = HistogramOpts::new("request_seconds", "How long requests take");
        let bytes = Opts::new("response_size_bytes", "How much is sent");
        let seconds = HistogramVec::new(seconds.buckets(BUCKETS.to_vec()), &LABELS);
        let bytes = IntCounterVec::new(bytes, &LABELS);
        let new = Self {
            registry: Registry::new(),
            seconds: seconds.expect("the names are valid"),
            bytes: bytes.expect("the names are valid"),
        };
        let both = [
            new.registry.register(Box::new(new.seconds.clone())),
            new.registry.register(Box::new(new.bytes.clone())),
        ];
        assert!(both.iter().all(Result::is_ok), "the registry is empty");
        new
    }

    /// Records into the n-th label set of the grid.
    pub fn record(&self, set: usize) {
        let status = grid_status(set);
        let is_error = if (400..600).contains(&status) { "true" } else { "false" };
        let addr = pattern(set % GRID_ROUTES);
        let labels = ["http", &status.to_string(), is_error, "GET", &addr];
        self.seconds.with_label_values(&labels).observe(1e-6);
        self.bytes.with_label_values(&labels).inc_by(2);
    }

    pub fn page(&self) -> String {
        let page = TextEncoder::new().encode_to_string(&self.registry.gather());
        page.expect("a String takes any text")
    }
}
