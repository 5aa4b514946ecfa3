//! actix-web-metrics, on the Prometheus recorder of the metrics crate.

use std::sync::{Arc, OnceLock};

use actix_web_metrics::{ActixWebMetrics, ActixWebMetricsBuilder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::family::BUCKETS;
use super::{Peer, count_in};

/// The recorder is one for the process, and so is the count behind it.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

fn recorder() -> &'static PrometheusHandle {
    RECORDER.get_or_init(|| {
        // Without buckets it would keep quantile sketches, which cost more.
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
        ..Peer::silent("actix-web-metrics", ActixWebMetricsBuilder::new().build())
    }
}
