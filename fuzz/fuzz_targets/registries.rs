//! Metrics of the app with any names, labels, help texts and values, from each kind of source:
//! the page stays valid, and what is valid is on it.

#![no_main]

use std::collections::HashMap;

use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::prometheus_client::metrics::exemplar::CounterWithExemplar;
use actix_monitor::prometheus_client::metrics::family::Family;
use actix_monitor::prometheus_client::metrics::gauge::Gauge;
use actix_monitor::prometheus_client::metrics::histogram::Histogram;
use actix_monitor::prometheus_client::metrics::info::Info;
use actix_monitor::prometheus_client::registry::{Registry, Unit};
use actix_monitor::{BigBrother, MetricSource, Monitor};
use actix_monitor_fuzz::read_page;
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

type Labels = Vec<(String, String)>;

#[derive(Arbitrary, Debug)]
struct Input {
    families: Vec<Metric>,
    texts: Vec<String>,
    /// Of a family that must be on the page.
    value: String,
}

#[derive(Arbitrary, Debug)]
struct Metric {
    library: Library,
    name: String,
    help: String,
    unit: Option<String>,
    labels: Labels,
    value: f64,
}

#[derive(Arbitrary, Debug)]
enum Library {
    Counter,
    Exemplar,
    Gauge,
    Histogram(Vec<f64>),
    Info,
    Prometheus,
    PrometheusHistogram(Vec<f64>),
}

/// The name of the family that must be on the page.
const REQUIRED: &str = "required";

impl Metric {
    fn add(self, registry: &mut Registry, client: &prometheus::Registry) {
        let Self { library, name, help, unit, labels, value } = self;
        let unit = unit.map_or(Unit::Seconds, Unit::Other);
        match library {
            Library::Counter => {
                let family =
                    Family::<Labels, Counter<f64, std::sync::atomic::AtomicU64>>::default();
                family.get_or_create(&labels).inc_by(value.abs());
                registry.register_with_unit(name, help, unit, family);
            }
            Library::Exemplar => {
                let counter = CounterWithExemplar::<Labels>::default();
                counter.inc_by(value as u64 / 2, Some(labels), None);
                registry.register(name, help, counter);
            }
            Library::Gauge => {
                let family = Family::<Labels, Gauge<f64, std::sync::atomic::AtomicU64>>::default();
                family.get_or_create(&labels).set(value);
                registry.register(name, help, family);
            }
            Library::Histogram(bounds) => {
                let histogram = Histogram::new(bounds);
                histogram.observe(value);
                registry.register(name, help, histogram);
            }
            Library::Info => registry.register(name, help, Info::new(labels)),
            Library::Prometheus => {
                let labels: HashMap<_, _> = labels.into_iter().collect();
                let opts = prometheus::Opts::new(name, help).const_labels(labels);
                let Ok(gauge) = prometheus::Gauge::with_opts(opts) else { return };
                gauge.set(value);
                let _ = client.register(Box::new(gauge));
            }
            Library::PrometheusHistogram(bounds) => {
                let labels: HashMap<_, _> = labels.into_iter().collect();
                let opts = prometheus::HistogramOpts::new(name, help);
                let opts = opts.const_labels(labels).buckets(bounds);
                let Ok(histogram) = prometheus::Histogram::with_opts(opts) else { return };
                histogram.observe(value);
                let _ = client.register(Box::new(histogram));
            }
        }
    }
}

fn require(monitor: &Monitor, value: &str) {
    let gauges = Family::<Labels, Gauge>::default();
    gauges.get_or_create(&vec![("value".to_owned(), value.to_owned())]).set(7);
    monitor.register(|registry| registry.register(REQUIRED, "Required", gauges));
}

fuzz_target!(|input: Input| {
    let monitor = BigBrother::builder().isolated().const_label("zone", "a").build().monitor();
    require(&monitor, &input.value);
    let client = prometheus::Registry::new();
    monitor.register(|registry| {
        input.families.into_iter().for_each(|metric| metric.add(registry, &client));
    });
    monitor.attach(client);
    for text in input.texts {
        monitor.attach(MetricSource::text(move || text.clone()));
    }
    let samples = read_page(&monitor);
    let required: Vec<_> = samples.iter().filter(|sample| sample.name == REQUIRED).collect();
    assert_eq!(required.len(), 1, "{samples:?}");
    assert_eq!((required[0].value, &required[0].labels["value"]), (7.0, &input.value));
});
