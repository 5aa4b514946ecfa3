//! This crate's families in registries of prometheus-client, whose encoder writes the same
//! samples as the page.

use std::sync::mpsc;
use std::time::Duration;

use actix_monitor::prometheus_client::encoding::text::encode;
use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::prometheus_client::registry::Registry;
use actix_monitor::{BigBrother, Dependency, ErrorMessage, ErrorText, Exemplars, Format, Monitor};
use actix_web::{HttpResponse, web};

use crate::support::checks::{once, wait_for_result};
use crate::support::client::Client;
use crate::support::page::{Page, Sample};
use crate::support::patience::PATIENCE;
use crate::support::server::Server;
use crate::support::services::waits_for_ever;

/// A page of prometheus-client's text encoder.
#[track_caller]
fn encoded(registry: &Registry) -> Page {
    let mut page = String::new();
    encode(&mut page, registry).expect("no metric fails");
    Page::parse(&page)
}

/// All samples in a comparable form: sorted, without exemplars, which prometheus-client
/// creates in its own metrics only, and with `le` last, which it writes first. The process
/// metrics change from one encoding to the next, so they are without their values.
fn comparable(page: &Page) -> Vec<String> {
    let line = |sample: &Sample| {
        let (bound, mut labels): (Vec<_>, Vec<_>) =
            sample.labels.iter().cloned().partition(|(key, _)| key == "le");
        labels.extend(bound);
        let value = Some(sample.value).filter(|_| !sample.name.starts_with("process_"));
        format!("{} {labels:?} {value:?}", sample.name)
    };
    let mut lines: Vec<_> = page.samples.iter().map(line).collect();
    lines.sort();
    lines
}

async fn taken() -> HttpResponse {
    let mut response = HttpResponse::Conflict().body("taken");
    response.extensions_mut().insert(ErrorText::new("name \"taken\"\n"));
    response
}

/// A server whose monitor has series in each family, with a request in flight of the client.
fn served() -> (web::Data<Monitor>, Server, Client) {
    let middleware = BigBrother::builder()
        .isolated()
        .version("v1.2.3")
        .buckets([1e-9, 0.1, 3_600.0])
        .dependency_buckets([0.5])
        .const_label("zone", "b\\\"1\"")
        .const_label("region", "eu")
        .dependency(once(Dependency::new("db", || async { true })))
        .dependency(once(Dependency::new("queue", || async { false })))
        .requests_in_flight()
        .error_message(ErrorMessage::extension())
        .exemplars(Exemplars::from_fn(|_| Some("trace".to_owned())))
        .build();
    let monitor = middleware.monitor();
    let (begun, begins) = mpsc::channel();
    let server = Server::watched(middleware, move |app| {
        waits_for_ever(app, "/slow", &begun);
        app.route("/users/{id}", web::get().to(async || "hello")).route("/taken", web::to(taken));
    });
    let mut client = server.connect();
    for path in ["/users/1", "/users/2", "/taken", "/nowhere"] {
        client.get(path);
    }
    client.send_request("GET", "/slow", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    for (millis, message) in [(1, ""), (499, ""), (500, ""), (501, "deadlock")] {
        let timer = monitor.start_dependency_request("db").kind("sql").addr("note by id");
        timer.duration(Duration::from_millis(millis)).error_message(message).finish("ok");
    }
    let timer = monitor.start_request("amqp").duration(Duration::from_nanos(123_456_789));
    timer.response_bytes(u64::MAX).fail("nack");
    ["db", "queue"].iter().for_each(|name| drop(wait_for_result(&monitor, name)));
    (monitor, server, client)
}

#[test]
fn the_registry_of_a_monitor_has_the_same_samples_as_its_page() {
    let (monitor, _server, _client) = served();
    let page = Page::parse(&monitor.encode(Format::OpenMetrics));
    let registry = encoded(monitor.registry());
    assert_eq!(comparable(&registry), comparable(&page));
    assert_eq!(registry.types, page.types);
    // There is something of everything to compare.
    assert!(page.samples.iter().any(|sample| sample.exemplar.is_some()), "{}", page.text);
    assert_eq!(page.value("requests_in_flight", &[]), Some(1.0));
    assert_eq!(page.find("dependency_up", &[]).len(), 2);
    assert_eq!(page.find("request_seconds_count", &[]).len(), 4);
    assert_eq!(page.find("dependency_request_seconds_count", &[]).len(), 2);
    let is_process = |sample: &&Sample| sample.name.starts_with("process_");
    let process = page.samples.iter().filter(is_process).count();
    let is_on = cfg!(all(feature = "process", target_os = "linux"));
    assert_eq!(process, if is_on { 7 } else { 0 });
}

#[test]
fn a_monitor_is_a_collector_for_a_registry_of_the_app() {
    let (monitor, _server, _client) = served();
    let page = Page::parse(&monitor.encode(Format::OpenMetrics));
    let mut registry = Registry::default();
    registry.register_collector(Box::new(monitor.collector()));
    assert_eq!(comparable(&encoded(&registry)), comparable(&page));
    registry.register("orders", "Orders taken", Counter::<u64>::default());
    let both = encoded(&registry);
    assert_eq!(both.value("orders_total", &[]), Some(0.0));
    assert_eq!(both.samples.len(), page.samples.len() + 1);
    // It collects anew each time.
    monitor.start_request("amqp").finish("ack");
    let counts = encoded(&registry).find("request_seconds_count", &[("status", "ack")]).len();
    assert_eq!(counts, 1);
}

#[test]
fn prefixes_and_labels_of_an_apps_registry_apply_to_the_families_of_the_monitor() {
    let monitor = BigBrother::builder().isolated().const_label("region", "eu").build().monitor();
    monitor.start_request("amqp").finish("ack");
    let mut registry =
        Registry::with_prefix_and_labels("shop", [("tenant".into(), "acme".into())].into_iter());
    registry.register_collector(Box::new(monitor.collector()));
    let page = encoded(&registry);
    let labels = [("tenant", "acme"), ("region", "eu"), ("type", "amqp"), ("status", "ack")];
    assert_eq!(page.value("shop_request_seconds_count", &labels), Some(1.0));
    assert!(page.samples.iter().all(|sample| sample.label("tenant") == Some("acme")));
}

#[test]
fn the_registry_has_the_families_of_this_crate_alone() {
    let monitor = BigBrother::builder().isolated().build().monitor();
    let orders = Counter::<u64>::default();
    monitor.register(|registry| registry.register("orders", "Orders taken", orders));
    let types = encoded(monitor.registry()).types;
    let names: Vec<_> =
        types.keys().map(String::as_str).filter(|name| !name.starts_with("process_")).collect();
    let expected = [
        "application",
        "dependency_request_seconds",
        "dependency_up",
        "request_seconds",
        "response_size_bytes",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_registry_of_a_monitor_that_was_dropped_keeps_its_last_state() {
    let monitor = BigBrother::builder().isolated().build().monitor();
    monitor.start_request("amqp").finish("ack");
    let mut registry = Registry::default();
    registry.register_collector(Box::new(monitor.collector()));
    drop(monitor);
    assert_eq!(encoded(&registry).requests(), 1.0);
}
