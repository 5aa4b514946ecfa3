//! Time of a scrape with 1,000 series of another library attached, beside the time that the
//! encoder of that library takes for them.

use std::sync::Arc;
use std::time::Instant;

use actix_monitor::prometheus_client::encoding::text::encode;
use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::prometheus_client::metrics::family::Family;
use actix_monitor::prometheus_client::metrics::histogram::Histogram;
use actix_monitor::prometheus_client::registry::Registry;
use actix_monitor::{BigBrother, Format, MetricSource};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, TextEncoder};

use crate::Args;
use crate::peers::published::BUCKETS;
use crate::report::{Cell, Report};
use crate::services::pattern;
use crate::stats::median;

/// Counters of one series each, and histograms of seven: 1,000 in all.
const COUNTERS: usize = 650;
const HISTOGRAMS: usize = 50;

const THRESHOLD: f64 = 1.5;

pub fn run(args: &Args, report: &mut Report) {
    let rounds = args.rounds(1000);
    let own = own_registry();
    let shared = Arc::clone(&own);
    let page = move || {
        let mut page = String::new();
        encode(&mut page, &own).expect("no metric fails");
        page
    };
    let formats = [Format::Text, Format::OpenMetrics];
    compare("prometheus-client", formats, shared, page, rounds, report);
    let registry = prometheus_registry();
    let shared = registry.clone();
    let page = move || {
        let page = TextEncoder::new().encode_to_string(&registry.gather());
        page.expect("a String takes any text")
    };
    compare("prometheus", formats, shared, page, rounds, report);
    let recorder = recorder();
    let handle = recorder.handle();
    let source = MetricSource::text(move || handle.render());
    let handle = recorder.handle();
    compare("metrics", [Format::Text], source, move || handle.render(), rounds, report);
}

fn compare<const N: usize>(
    library: &str,
    formats: [Format; N],
    source: impl Into<MetricSource>,
    page: impl Fn() -> String,
    rounds: usize,
    report: &mut Report,
) {
    let middleware = BigBrother::builder().isolated().openmetrics().attach("source", source);
    let monitor = middleware.build().monitor();
    for format in formats {
        let lines = monitor.encode(format).lines().filter(|line| !line.starts_with('#')).count();
        assert!(lines >= 1000, "{library} has {lines} series");
        let ours = || monitor.encode(format);
        let [ours, theirs] = time([&ours, &page], rounds);
        let what = format!("scrape with 1,000 series of {library} attached, {format:?}");
        report.number("attached, µs", &format!("{library}, {format:?}"), ours);
        report.number("attached, µs", &format!("{library}, its own encoder"), theirs);
        let theirs = Cell::named("its own encoder", theirs, " µs");
        report.ratio(&what, Cell::new(ours, " µs"), theirs, THRESHOLD);
    }
}

/// Median microseconds per page. The pages are encoded in turn.
pub fn time<const N: usize>(pages: [&dyn Fn() -> String; N], rounds: usize) -> [f64; N] {
    let mut micros = [(); N].map(|()| Vec::with_capacity(rounds));
    for _ in 0..rounds {
        for (page, micros) in pages.iter().zip(&mut micros) {
            let start = Instant::now();
            let page = page();
            micros.push(start.elapsed().as_secs_f64() * 1e6);
            drop(page);
        }
    }
    micros.map(|mut micros| median(&mut micros))
}

pub fn own_registry() -> Arc<Registry> {
    type Labels = [(&'static str, String); 2];
    let mut registry = Registry::default();
    let labels = |index| [("method", "GET".to_owned()), ("addr", pattern(index))];
    let orders = Family::<Labels, Counter>::default();
    (0..COUNTERS).for_each(|index| {
        let _ = orders.get_or_create(&labels(index)).inc();
    });
    registry.register("orders", "Orders", orders);
    let new: fn() -> Histogram = || Histogram::new(BUCKETS);
    let waits = Family::<Labels, Histogram>::new_with_constructor(new);
    (0..HISTOGRAMS).for_each(|index| waits.get_or_create(&labels(index)).observe(0.2));
    registry.register("waits", "Waits", waits);
    Arc::new(registry)
}

fn prometheus_registry() -> prometheus::Registry {
    let registry = prometheus::Registry::new();
    let orders = IntCounterVec::new(Opts::new("orders_total", "Orders"), &["method", "addr"]);
    let orders = orders.expect("the names are valid");
    (0..COUNTERS).for_each(|index| orders.with_label_values(&["GET", &pattern(index)]).inc());
    let waits = HistogramOpts::new("waits", "Waits").buckets(BUCKETS.to_vec());
    let waits = HistogramVec::new(waits, &["method", "addr"]).expect("the names are valid");
    for index in 0..HISTOGRAMS {
        waits.with_label_values(&["GET", &pattern(index)]).observe(0.2);
    }
    for registered in [registry.register(Box::new(orders)), registry.register(Box::new(waits))] {
        registered.expect("the registry is empty");
    }
    registry
}

fn recorder() -> metrics_exporter_prometheus::PrometheusRecorder {
    let waits = Matcher::Full("waits".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(waits, &BUCKETS);
    let recorder = builder.expect("there are buckets").build_recorder();
    metrics::with_local_recorder(&recorder, || {
        for index in 0..COUNTERS {
            let addr = pattern(index);
            metrics::counter!("orders_total", "method" => "GET", "addr" => addr).increment(1);
        }
        for index in 0..HISTOGRAMS {
            let addr = pattern(index);
            metrics::histogram!("waits", "method" => "GET", "addr" => addr).record(0.2);
        }
    });
    recorder
}
