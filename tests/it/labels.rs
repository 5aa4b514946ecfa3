//! Constant labels, on every series of the page.

use std::fmt;
use std::time::Duration;

use actix_monitor::prometheus_client::collector::Collector;
use actix_monitor::prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use actix_monitor::prometheus_client::metrics::counter::{ConstCounter, Counter};
use actix_monitor::prometheus_client::metrics::family::Family;
use actix_monitor::prometheus_client::metrics::gauge::Gauge;
use actix_monitor::prometheus_client::metrics::histogram::Histogram;
use actix_monitor::prometheus_client::metrics::info::Info;
use actix_monitor::prometheus_client::registry::Registry;
use actix_monitor::{
    BigBrother, BigBrotherBuilder, Dependency, ErrorMessage, Exemplars, Format, Monitor,
};
use actix_web::{HttpResponse, web};

use crate::support::checks::wait_for_result;
use crate::support::oracle::{self, page_of};
use crate::support::page::Page;
use crate::support::server::Server;

/// A metric that is created at each scrape.
#[derive(Debug)]
struct Uptime;

impl Collector for Uptime {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let metric = ConstCounter::new(7_u64);
        let encoder = encoder.encode_descriptor("uptime", "Help", None, metric.metric_type())?;
        metric.encode(encoder)
    }
}

/// Registers a metric of each type.
fn register(registry: &mut Registry, prefix: &str) {
    let orders = Family::<Vec<(String, String)>, Counter>::default();
    orders.get_or_create(&vec![("kind".into(), "book".into())]).inc();
    registry.register(format!("{prefix}_orders"), "Help", orders);
    registry.register(format!("{prefix}_plain"), "Help", Gauge::<i64>::default());
    registry.register(format!("{prefix}_took"), "Help", Histogram::new([0.5, 1.0]));
    let info = Info::new([("commit".to_owned(), "abc".to_owned())]);
    registry.register(format!("{prefix}_build"), "Help", info);
}

/// A monitor with at least one series in every family.
fn everything(builder: BigBrotherBuilder) -> web::Data<Monitor> {
    let dependency = Dependency::new("db", || async { true }).every(Duration::from_secs(3_600));
    let monitor = builder
        .isolated()
        .dependency(dependency)
        .requests_in_flight()
        .blocking_threshold(Duration::from_nanos(1))
        .error_message(ErrorMessage::extension())
        .exemplars(Exemplars::from_fn(|_| Some("trace".into())))
        .register("built", |registry| register(registry, "built"))
        .register("uptime", |registry| registry.register_collector(Box::new(Uptime)))
        .build();
    let handle = monitor.monitor();
    handle.register(|registry| register(registry, "later"));
    handle.start_dependency_request("db").finish("ok");
    handle.start_request("amqp").finish("ack");
    let server = Server::watched(monitor, |app| {
        app.route("/x", web::get().to(HttpResponse::Ok));
    });
    assert_eq!(server.connect().get("/x").status, 200);
    wait_for_result(&handle, "db");
    handle
}

/// The page in both formats, each read by both parsers.
fn pages(monitor: &Monitor) -> [Page; 2] {
    let [text, openmetrics] =
        [Format::Text, Format::OpenMetrics].map(|format| monitor.encode(format));
    oracle::read_text(&text);
    oracle::read_openmetrics(&openmetrics);
    [text, openmetrics].map(|text| Page::parse(&text))
}

/// Names of samples, at least one for each family.
const NAMES: [&str; 20] = [
    "worker_blocked_total",
    "worker_blocked_seconds_total",
    "event_loop_delay_seconds_bucket",
    "worker_busy_seconds_total",
    "workers_alive",
    "request_seconds_bucket",
    "request_seconds_sum",
    "response_size_bytes",
    "requests_in_flight",
    "dependency_up",
    "dependency_request_seconds_bucket",
    "dependency_request_seconds_count",
    "application_info",
    "built_orders_total",
    "built_plain",
    "built_took_bucket",
    "built_build_info",
    "uptime_total",
    "later_orders_total",
    "later_took_sum",
];

#[test]
fn every_series_has_the_constant_labels_once_in_both_formats() {
    let labels = [("region", "eu-west-1"), ("_zone2", "b")];
    let builder = labels
        .iter()
        .fold(BigBrother::builder(), |builder, (key, value)| builder.const_label(*key, *value));
    for page in pages(&everything(builder)) {
        for name in NAMES {
            assert!(!page.find(name, &[]).is_empty(), "{name} is missing: {}", page.text);
        }
        for sample in &page.samples {
            for (key, value) in labels {
                let values: Vec<_> =
                    sample.labels.iter().filter(|(other, _)| other == key).collect();
                assert!(
                    matches!(values[..], [(_, shown)] if shown == value),
                    "{key} of {sample:?}"
                );
            }
        }
    }
}

#[test]
#[cfg(all(feature = "process", target_os = "linux"))]
fn process_metrics_have_the_constant_labels() {
    let monitor = BigBrother::builder().isolated().const_label("region", "eu").build().monitor();
    for page in pages(&monitor) {
        let process = page.samples.iter().filter(|sample| sample.name.starts_with("process_"));
        let regions: Vec<_> = process.map(|sample| sample.label("region")).collect();
        assert!(regions.len() >= 6, "{}", page.text);
        assert!(regions.iter().all(|region| *region == Some("eu")), "{regions:?}");
    }
}

#[test]
fn constant_labels_change_nothing_else_on_the_page() {
    let without = page_of_everything(BigBrother::builder());
    let with = page_of_everything(BigBrother::builder().const_label("region", "eu"));
    assert_eq!(with.len(), without.len());
    for (with, without) in with.iter().zip(&without) {
        let rest: Vec<_> = with.1.iter().filter(|(key, _)| key != "region").cloned().collect();
        assert_eq!((&with.0, &rest), (&without.0, &without.1));
    }
}

fn page_of_everything(builder: BigBrotherBuilder) -> Vec<(String, Vec<(String, String)>)> {
    let [text, _] = pages(&everything(builder));
    text.samples.into_iter().map(|sample| (sample.name, sample.labels)).collect()
}

#[test]
fn constant_labels_come_first_in_the_order_in_which_they_were_set() {
    let builder = BigBrother::builder().isolated().const_label("z", "1").const_label("a", "2");
    let monitor = builder.build().monitor();
    monitor.start_dependency_request("db").finish("ok");
    let page = page_of(&monitor);
    let count = &page.find("dependency_request_seconds_count", &[])[0];
    let keys: Vec<_> = count.labels.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["z", "a", "name", "type", "status", "isError", "method", "addr"]);
}

#[test]
fn no_value_of_a_constant_label_can_break_the_page() {
    for value in ["\"", "\\", "\n", "\n# EOF\n", "\"} 1\nforged 1", " # {x=\"y\"} 1", "é\u{1F980}"]
    {
        for page in pages(&everything(BigBrother::builder().const_label("note", value))) {
            assert!(!page.samples.is_empty());
            for sample in &page.samples {
                assert_eq!(sample.label("note"), Some(value), "{sample:?}");
            }
        }
    }
}

#[test]
fn without_constant_labels_a_sample_has_no_empty_braces_and_no_leading_comma() {
    let page = |builder: BigBrotherBuilder| {
        let monitor = builder.isolated().requests_in_flight().blocked_workers().build().monitor();
        monitor.start_request("amqp").method("CONSUME").addr("orders").finish("ack");
        page_of(&monitor);
        [Format::Text, Format::OpenMetrics].map(|format| monitor.encode(format))
    };
    for page in page(BigBrother::builder()) {
        assert!(page.contains("\nrequests_in_flight 0\n"), "{page}");
        assert!(page.contains("\nevent_loop_delay_seconds_bucket{le=\"0.005\"} 0\n"), "{page}");
        assert!(page.contains("\nevent_loop_delay_seconds_sum 0\n"), "{page}");
        assert!(page.contains("\napplication_info{version=\"unknown\"} 1\n"), "{page}");
        let count = "\nrequest_seconds_count{type=\"amqp\",status=\"ack\",";
        assert!(page.contains(count), "{page}");
        assert!(!page.contains("{}") && !page.contains("{,") && !page.contains(",}"), "{page}");
    }
    for page in page(BigBrother::builder().const_label("region", "eu")) {
        assert!(page.contains("\nrequests_in_flight{region=\"eu\"} 0\n"), "{page}");
        let info = "\napplication_info{region=\"eu\",version=\"unknown\"} 1\n";
        assert!(page.contains(info), "{page}");
        let count = "\nrequest_seconds_count{region=\"eu\",type=\"amqp\",status=\"ack\",";
        assert!(page.contains(count), "{page}");
        assert!(!page.contains(",}"), "{page}");
    }
}
