//! Names of an app's metrics that scrapers would refuse the whole page for: the page is
//! served without these metrics, in both formats.

use std::collections::HashSet;

use actix_monitor::BigBrother;
use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::prometheus_client::metrics::family::Family;
use actix_monitor::prometheus_client::metrics::gauge::Gauge;
use actix_monitor::prometheus_client::metrics::histogram::Histogram;
use actix_monitor::prometheus_client::metrics::info::Info;
use actix_monitor::prometheus_client::registry::Registry;
use actix_web::{HttpResponse, web};

use crate::support::journal;
use crate::support::oracle::{is_openmetrics, is_text};
use crate::support::page::Page;
use crate::support::server::Server;

type Labels = Vec<(String, String)>;

fn gauge() -> Gauge {
    Gauge::default()
}

/// Gauges whose names are those of samples of this crate, or not names.
const REFUSED: [&str; 12] = [
    "request_seconds",
    "request_seconds_count",
    "request_seconds_bucket",
    "response_size_bytes",
    "dependency_request_seconds_sum",
    "application_info",
    "application",
    "my-gauge",
    "",
    "1st",
    "two\nlines 1\nforged",
    "two words",
];

/// Pairs that collide: the first of each is kept.
fn register_pairs(registry: &mut Registry) {
    registry.register("a", "Help", Counter::<u64>::default());
    registry.register("a_total", "Help", gauge());
    registry.register("b_total", "Help", gauge());
    registry.register("b", "Help", Counter::<u64>::default());
    registry.register("d", "Help", Histogram::new([1.0]));
    registry.register("d_count", "Help", gauge());
    registry.register("e_sum", "Help", gauge());
    registry.register("e", "Help", Histogram::new([1.0]));
    registry.register("f", "Help", Info::new([("commit", "abc")]));
    registry.register("f_info", "Help", gauge());
    registry.register("g", "Help", gauge());
    registry.register("g", "Help", Counter::<u64>::default());
}

/// A family with a label that is a constant label too.
fn register_label(registry: &mut Registry) {
    let regions = Family::<Labels, Gauge>::default();
    regions.get_or_create(&vec![("region".to_owned(), "us".to_owned())]).set(1);
    registry.register("labelled", "Help", regions);
}

/// The names of all samples of the app.
fn names(page: &Page) -> HashSet<&str> {
    let own = ["request", "response", "dependency", "application", "process"];
    let names = page.samples.iter().map(|sample| sample.name.as_str());
    names.filter(|name| !own.iter().any(|prefix| name.starts_with(prefix))).collect()
}

#[test]
fn the_page_is_served_without_the_metrics_that_would_break_it() {
    journal::start();
    // A label that no other test has.
    let builder = BigBrother::builder().isolated().openmetrics().const_label("region", "eu");
    let watched = builder.build();
    let monitor = watched.monitor();
    // All in one registry, and each in a registry of its own.
    monitor.register(|registry| {
        REFUSED.iter().for_each(|name| registry.register(*name, "Help", gauge()));
        register_pairs(registry);
        register_label(registry);
        registry.register("good", "Help", Counter::<u64>::default());
    });
    for name in REFUSED {
        monitor.register(|registry| registry.register(name, "Help", gauge()));
    }
    #[cfg(all(feature = "process", target_os = "linux"))]
    for name in ["process_cpu_seconds_total", "process_cpu_seconds", "process_open_fds"] {
        monitor.register(|registry| registry.register(name, "Help", gauge()));
    }
    monitor.register(|registry| registry.register("better", "Help", gauge()));

    let server = Server::watched(watched, |app| {
        app.route("/ok", web::get().to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    assert_eq!(client.get("/ok").status, 200);
    for _ in 0..3 {
        let accept = [("accept", "application/openmetrics-text")];
        let openmetrics = is_openmetrics(&client.request("GET", "/metrics", &accept));
        for page in [is_text(&client.get("/metrics")), openmetrics] {
            let kept = [
                "a_total",
                "b_total",
                "d_bucket",
                "d_count",
                "d_sum",
                "e_sum",
                "f_info",
                "g",
                "good_total",
                "better",
            ];
            assert_eq!(names(&page), HashSet::from(kept), "{}", page.text);
            let own = page.value("request_seconds_count", &[("region", "eu"), ("addr", "/ok")]);
            assert_eq!(own, Some(1.0));
            assert_eq!(page.value("application_info", &[("version", "unknown")]), Some(1.0));
            assert!(!page.text.contains("forged"), "{}", page.text);
        }
    }
    let warnings = |name: &str| {
        let warning = format!("WARN the metric {name:?} is left out of the page: ");
        let lines = journal::lines("actix_monitor").into_iter();
        lines.filter(|line| line.starts_with(&warning)).count()
    };
    // Other tests leave out metrics of other names.
    for name in ["dependency_request_seconds_sum", "two\nlines 1\nforged", "labelled", "d_count"] {
        assert!(warnings(name) >= 1, "{name:?} is not logged");
    }
}

#[test]
fn what_is_left_out_of_the_page_is_logged_once() {
    journal::start();
    // Names that no other test has: the log is shared.
    let watched = BigBrother::builder().isolated().openmetrics().build();
    let monitor = watched.monitor();
    for _ in 0..2 {
        monitor.register(|registry| {
            registry.register("logged-once", "Help", gauge());
            registry.register("logged_once", "Help", gauge());
        });
    }
    let server = Server::watched(watched, |_| ());
    std::thread::scope(|scope| {
        for accept in ["application/openmetrics-text", "text/plain"] {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for _ in 0..20 {
                    let page = client.request("GET", "/metrics", &[("accept", accept)]);
                    assert_eq!(Page::parse(&page.text()).value("logged_once", &[]), Some(0.0));
                }
            });
        }
    });
    for name in ["logged-once", "logged_once"] {
        let lines = journal::lines("actix_monitor").into_iter();
        let lines: Vec<_> = lines.filter(|line| line.contains(&format!("{name:?} is"))).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("WARN "), "{lines:?}");
    }
}
