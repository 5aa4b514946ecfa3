//! Metrics that other libraries keep: they are on the page as their own exporters print them.

use std::panic::panic_any;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use actix_monitor::prometheus_client::encoding::text::encode;
use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::prometheus_client::metrics::family::Family;
use actix_monitor::prometheus_client::metrics::gauge::Gauge;
use actix_monitor::prometheus_client::metrics::histogram::Histogram;
use actix_monitor::prometheus_client::registry::{Registry, Unit};
use actix_monitor::{BigBrother, Format, MetricSource};
use actix_web::{App, HttpResponse, web};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use crate::support::child::in_a_process_of_its_own;
use crate::support::journal;
use crate::support::oracle::{is_openmetrics, is_text, page_of, read_text};
use crate::support::page::Page;
use crate::support::patience::eventually;
use crate::support::server::Server;

const OPENMETRICS: (&str, &str) = ("accept", "application/openmetrics-text");

fn isolated() -> actix_monitor::BigBrotherBuilder {
    BigBrother::builder().isolated().openmetrics()
}

/// The pages of a server with one source: text, then what it answers a scraper that prefers
/// OpenMetrics.
#[track_caller]
fn scraped(source: impl Into<MetricSource>) -> (Page, Page) {
    let server = Server::watched(isolated().attach("source", source).build(), |_| ());
    let text = is_text(&server.connect().get("/metrics"));
    (text, is_openmetrics(&server.connect().request("GET", "/metrics", &[OPENMETRICS])))
}

/// The samples of a source, sorted.
fn samples(page: &Page) -> Vec<String> {
    const OWN: [&str; 5] =
        ["request_", "response_size_", "dependency_", "application_", "process_"];
    let is_own = |name: &str| OWN.iter().any(|own| name.starts_with(own));
    let samples = page.samples.iter().filter(|sample| !is_own(&sample.name));
    let mut samples: Vec<_> = samples
        .map(|sample| {
            let mut labels = sample.labels.clone();
            labels.sort();
            format!("{} {labels:?} {:?}", sample.name, sample.value)
        })
        .collect();
    samples.sort();
    samples
}

/// Asserts that all of `page` but this crate's families is what another exporter printed.
#[track_caller]
fn assert_printed(page: &Page, exporter: &str) {
    // Blank lines are allowed.
    let exporter = Page::parse(&exporter.replace("\n\n", "\n"));
    assert!(!exporter.samples.is_empty());
    assert_eq!(samples(page), samples(&exporter), "{}", page.text);
}

/// The same for the text format, with all types and help texts.
#[track_caller]
fn assert_text_printed(page: &Page, exporter: &str) {
    assert_printed(page, exporter);
    for line in exporter.lines().filter(|line| line.starts_with("# ")) {
        assert!(page.text.lines().any(|other| other == line), "{line}: {}", page.text);
    }
}

fn own_registry() -> Registry {
    let mut registry = Registry::with_prefix("shop");
    let labels = |kind: &str| vec![("kind".to_owned(), kind.to_owned())];
    let orders = Family::<Vec<(String, String)>, Counter>::default();
    orders.get_or_create(&labels("a \"book\"\n\\")).inc_by(3);
    orders.get_or_create(&labels("pen")).inc();
    registry.register("orders", "Orders taken", orders);
    let temperature = Gauge::<f64, AtomicU64>::default();
    temperature.set(-1.5e-9);
    registry.register_with_unit("temperature", "Temperature", Unit::Celsius, temperature);
    let waits = Histogram::new([0.5, 2.0]);
    waits.observe(1.0);
    registry.register_with_unit("wait", "Time in queues", Unit::Seconds, waits);
    registry
}

#[test]
fn a_registry_of_prometheus_client_is_shown_whatever_holds_it() {
    let mut expected = String::new();
    encode(&mut expected, &own_registry()).expect("no metric fails");
    let lent = Mutex::new(own_registry());
    for source in [
        MetricSource::from(Arc::new(own_registry())),
        Arc::new(Mutex::new(own_registry())).into(),
        Arc::new(RwLock::new(own_registry())).into(),
        MetricSource::registry(move |show| show(&lent.lock().expect("no panic"))),
    ] {
        let (text, openmetrics) = scraped(source);
        assert_printed(&text, &expected);
        assert_printed(&openmetrics, &expected);
        for (name, kind) in Page::parse(&expected).types {
            assert_eq!(openmetrics.types.get(&name), Some(&kind), "{name}");
        }
        assert!(text.text.contains("\n# HELP shop_orders_total Orders taken.\n"), "{}", text.text);
        assert!(openmetrics.text.contains("\n# UNIT shop_wait_seconds seconds\n"));
    }
}

#[test]
fn a_registry_shows_the_values_of_the_moment_and_what_is_registered_later() {
    let registry = Arc::new(Mutex::new(Registry::default()));
    let monitor = isolated().attach("own", Arc::clone(&registry)).build().monitor();
    assert_eq!(page_of(&monitor).value("later_total", &[]), None);
    let later = Counter::<u64>::default();
    registry.lock().expect("no panic").register("later", "Later", later.clone());
    for number in 0..3 {
        assert_eq!(page_of(&monitor).value("later_total", &[]), Some(f64::from(number)));
        later.inc();
    }
}

#[cfg(feature = "prometheus")]
mod prometheus_crate {
    use std::collections::HashMap;

    use actix_monitor::{BigBrother, Format};
    use actix_web::App;
    use prometheus::core::{Collector, Desc};
    use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary};
    use prometheus::{
        Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
    };

    use super::{assert_printed, assert_text_printed, isolated, scraped};
    use crate::support::child::in_a_process_of_its_own;
    use crate::support::journal;
    use crate::support::oracle::is_text;
    use crate::support::page::Page;
    use crate::support::server::Server;

    fn printed(registry: &Registry) -> String {
        TextEncoder::new().encode_to_string(&registry.gather()).expect("metrics are valid")
    }

    /// Returns families that no metric of the crate has.
    struct Custom(Vec<MetricFamily>);

    impl Collector for Custom {
        fn desc(&self) -> Vec<&Desc> {
            Vec::new()
        }

        fn collect(&self) -> Vec<MetricFamily> {
            self.0.clone()
        }
    }

    fn family(name: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(format!("The {name}"));
        family.set_field_type(kind);
        family.set_metric(metrics);
        family
    }

    fn labels<const N: usize>(labels: [(&str, &str); N]) -> Vec<LabelPair> {
        let pair = |(key, value): (&str, &str)| {
            let mut pair = LabelPair::default();
            pair.set_name(key.to_owned());
            pair.set_value(value.to_owned());
            pair
        };
        labels.map(pair).into()
    }

    fn summary(of: &str, lowest: f64) -> Metric {
        let quantile = |(quantile, value)| {
            let mut one = Quantile::default();
            one.set_quantile(quantile);
            one.set_value(value);
            one
        };
        let mut summary = Summary::default();
        summary.set_quantile(
            [(0.0, lowest), (0.5, 1.5), (0.99, 3.25), (1.0, f64::NAN)].map(quantile).into(),
        );
        summary.set_sample_sum(4.75);
        summary.set_sample_count(2);
        let mut metric = Metric::from_label(labels([("of", of)]));
        metric.set_summary(summary);
        metric
    }

    fn registry() -> Registry {
        let constant = HashMap::from([("shop".to_owned(), "\"north\"".to_owned())]);
        let registry = Registry::new_custom(Some("mine".to_owned()), Some(constant));
        let registry = registry.expect("valid names");
        let orders = IntCounterVec::new(Opts::new("orders_total", "Orders\n\\ taken"), &["kind"]);
        let orders = orders.expect("valid names");
        orders.with_label_values(&["a \"book\"\n\\"]).inc_by(3);
        orders.with_label_values(&["pen"]).inc();
        let visits = IntCounter::new("visits", "Visits").expect("a valid name");
        visits.inc_by(5);
        let temperature = Gauge::new("temperature", "Temperature").expect("a valid name");
        temperature.set(-1.5e-9);
        let large = Gauge::new("large", "More than 64 bits").expect("a valid name");
        large.set(1e20);
        let waits = HistogramOpts::new("wait_seconds", "Waits").buckets(vec![0.5, 1.0, 25.0]);
        let waits = HistogramVec::new(waits, &["queue"]).expect("valid names");
        for seconds in [0.25, 3.0, 70.0] {
            waits.with_label_values(&["a"]).observe(seconds);
        }
        waits.with_label_values(&["b"]).observe(0.125);
        let sizes =
            family("sizes", MetricType::SUMMARY, vec![summary("a", 1.0), summary("b", 0.0)]);
        for registered in [
            registry.register(Box::new(orders)),
            registry.register(Box::new(visits)),
            registry.register(Box::new(temperature)),
            registry.register(Box::new(large)),
            registry.register(Box::new(waits)),
            registry.register(Box::new(Custom(vec![sizes]))),
        ] {
            registered.expect("the names differ");
        }
        registry
    }

    #[test]
    fn a_registry_is_shown_as_its_own_encoder_prints_it() {
        let registry = registry();
        let (text, openmetrics) = scraped(registry.clone());
        assert_text_printed(&text, &printed(&registry));
        // NaN differs from itself: the lines are compared.
        assert_printed(&openmetrics, &printed(&registry));
        for (name, kind) in [
            ("mine_orders", "counter"),
            ("mine_temperature", "gauge"),
            ("mine_wait_seconds", "histogram"),
            ("mine_sizes", "summary"),
            // OpenMetrics has no counter with this name.
            ("mine_visits", "unknown"),
        ] {
            assert_eq!(openmetrics.types.get(name).map(String::as_str), Some(kind), "{name}");
        }
    }

    #[test]
    fn timestamps_are_those_of_each_format() {
        let registry = Registry::new();
        let mut metric = Metric::from_label(Vec::new());
        metric.set_timestamp_ms(1_700_000_000_123);
        let stamped = Custom(vec![family("stamped", MetricType::GAUGE, vec![metric])]);
        registry.register(Box::new(stamped)).expect("an empty registry");
        let monitor = isolated().attach("own", registry).build().monitor();
        for (format, line) in [
            (Format::Text, "\nstamped 0 1700000000123\n"),
            (Format::OpenMetrics, "\nstamped 0 1700000000.123\n"),
        ] {
            let page = monitor.encode(format);
            assert!(page.contains(line), "{page}");
        }
    }

    #[test]
    fn a_summary_with_a_negative_quantile_is_shown_as_text_only() {
        let registry = Registry::new();
        let sizes = family("sizes", MetricType::SUMMARY, vec![summary("a", -1.0)]);
        registry.register(Box::new(Custom(vec![sizes]))).expect("an empty registry");
        let monitor = isolated().attach("source", registry.clone()).build().monitor();
        let [text, openmetrics] =
            [Format::Text, Format::OpenMetrics].map(|format| Page::parse(&monitor.encode(format)));
        assert_text_printed(&text, &printed(&registry));
        assert!(openmetrics.find("sizes", &[]).is_empty());
    }

    /// Custom collectors can return anything.
    #[test]
    fn families_that_are_not_valid_are_left_out() {
        let metric = |pairs| Metric::from_label(pairs);
        let gauge = MetricType::GAUGE;
        let registry = Registry::new();
        registry
            .register(Box::new(Custom(vec![
                family("my-name", gauge, vec![metric(vec![])]),
                family("label", gauge, vec![metric(labels([("a-b", "")]))]),
                family("twice_label", gauge, vec![metric(labels([("a", "1"), ("a", "2")]))]),
                family("twice", gauge, vec![metric(vec![]), metric(vec![])]),
                family("untyped", MetricType::UNTYPED, vec![metric(vec![])]),
                family("valid", gauge, vec![metric(labels([("a", "1")]))]),
            ])))
            .expect("an empty registry");
        let (text, openmetrics) = scraped(registry);
        assert_printed(&text, "valid{a=\"1\"} 0\n");
        assert_printed(&openmetrics, "valid{a=\"1\"} 0\n");
    }

    #[test]
    fn a_timestamp_that_no_scraper_reads_is_left_out() {
        let metric = |name, milliseconds| {
            let mut metric = Metric::from_label(vec![]);
            metric.set_timestamp_ms(milliseconds);
            family(name, MetricType::GAUGE, vec![metric])
        };
        let registry = Registry::new();
        let families =
            vec![metric("far", i64::MAX), metric("old", -1500), metric("past", i64::MIN)];
        registry.register(Box::new(Custom(families))).expect("an empty registry");
        let builder = BigBrother::builder().isolated().openmetrics();
        let monitor = builder.attach("source", registry).build().monitor();
        for (format, old) in [(Format::Text, "-1500"), (Format::OpenMetrics, "-1.5")] {
            let page = monitor.encode(format);
            for line in ["far 0", &format!("old 0 {old}"), "past 0"] {
                assert!(page.lines().any(|other| other == line), "{line}: {page}");
            }
        }
    }

    #[test]
    fn a_summary_without_quantiles_can_have_a_label_of_their_name() {
        let mut metric = Metric::from_label(labels([("quantile", "low")]));
        let mut summary = Summary::default();
        summary.set_sample_count(4);
        summary.set_sample_sum(6.0);
        metric.set_summary(summary);
        let registry = Registry::new();
        let sizes = family("sizes", MetricType::SUMMARY, vec![metric]);
        registry.register(Box::new(Custom(vec![sizes]))).expect("an empty registry");
        let (text, openmetrics) = scraped(registry);
        for page in [text, openmetrics] {
            assert_eq!(page.value("sizes_sum", &[("quantile", "low")]), Some(6.0));
            assert_eq!(page.value("sizes_count", &[("quantile", "low")]), Some(4.0));
        }
    }

    #[test]
    fn the_default_registry_is_attached_once_by_all_workers() {
        in_a_process_of_its_own(|| {
            journal::start();
            let orders = IntCounter::new("orders_total", "Orders taken").expect("a valid name");
            prometheus::register(Box::new(orders.clone())).expect("the first metric");
            orders.inc();
            let server = Server::start(4, || {
                let builder = BigBrother::builder();
                let builder = builder.attach("prometheus", prometheus::default_registry().clone());
                App::new().wrap(builder.build())
            });
            for _ in 0..8 {
                let page = is_text(&server.connect().get("/metrics"));
                assert_printed(&page, "orders_total 1\n");
            }
            let logged = journal::lines("actix_monitor");
            assert!(logged.iter().all(|line| !line.starts_with("ERROR")), "{logged:?}");
        });
    }

    #[test]
    fn metrics_of_opentelemetry_are_shown_as_their_exporter_prints_them() {
        use opentelemetry::KeyValue;
        use opentelemetry::metrics::MeterProvider as _;

        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone());
        let exporter = exporter.build().expect("an empty registry");
        let provider = opentelemetry_sdk::metrics::SdkMeterProvider::builder();
        let provider = provider.with_reader(exporter).build();
        let meter = provider.meter("shop");
        let attributes = [KeyValue::new("shop.kind", "\"book\"")];
        meter.u64_counter("orders").with_description("Orders").build().add(3, &attributes);
        meter.i64_up_down_counter("open").build().add(-2, &attributes);
        meter.f64_histogram("wait").with_unit("s").build().record(0.75, &attributes);
        let (text, openmetrics) = scraped(registry.clone());
        let printed = printed(&registry);
        assert!(printed.contains("orders_total{") && printed.contains("wait_seconds_bucket{"));
        assert_text_printed(&text, &printed);
        assert_printed(&openmetrics, &printed);
    }
}

#[test]
fn metrics_of_the_facade_are_shown_as_their_exporter_prints_them() {
    let full = Matcher::Full("wait_seconds".to_owned());
    let recorder = PrometheusBuilder::new().set_buckets_for_metric(full, &[0.5, 2.0]);
    let recorder = recorder.expect("there are buckets").build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        metrics::describe_counter!("orders", "Orders \\ taken\nhere");
        metrics::counter!("orders", "kind" => "a \"book\"\n\\").increment(3);
        metrics::counter!("orders", "kind" => "pen").increment(1);
        metrics::counter!("visits_total").increment(5);
        metrics::gauge!("temperature").set(-1.5e-9);
        metrics::histogram!("wait_seconds", "queue" => "a").record(1.25);
        metrics::histogram!("sizes", "of" => "a").record(7.0);
    });
    // Quantiles change with time.
    let rendered = Arc::new(Mutex::new(String::new()));
    let last = Arc::clone(&rendered);
    let source = MetricSource::text(move || {
        last.lock().expect("no panic").clone_from(&handle.render());
        last.lock().expect("no panic").clone()
    });
    let server = Server::watched(isolated().attach("metrics", source).build(), |_| ());
    let page = is_text(&server.connect().get("/metrics"));
    let rendered = rendered.lock().expect("no panic").clone();
    for part in ["orders{", "visits_total ", "wait_seconds_bucket{", "quantile=\"0.99\"}"] {
        assert!(rendered.contains(part), "{rendered}");
    }
    assert_text_printed(&page, &rendered);
}

#[test]
fn the_page_is_offered_as_text_only_while_a_source_of_text_is_attached() {
    let watched = isolated().build();
    let monitor = watched.monitor();
    monitor.attach(Arc::new(own_registry()));
    let server = Server::watched(watched, |_| ());
    let ask = || server.connect().request("GET", "/metrics", &[OPENMETRICS]);
    is_openmetrics(&ask());
    monitor.attach(MetricSource::text(|| "extra 1\n".to_owned()));
    let response = ask();
    assert_ne!(response.header("vary"), Some("accept"));
    let page = is_text(&response);
    assert_eq!(page.value("extra", &[]), Some(1.0));
    assert_eq!(page.value("shop_orders_total", &[("kind", "pen")]), Some(1.0));
    // Whoever asks for the other format in the app gets all else.
    let openmetrics = Page::parse(&monitor.encode(Format::OpenMetrics));
    assert_eq!(openmetrics.value("shop_orders_total", &[("kind", "pen")]), Some(1.0));
    assert_eq!(openmetrics.value("extra", &[]), None);
}

#[test]
fn lines_of_a_text_that_are_not_valid_are_left_out_and_logged_once() {
    journal::start();
    // Each with its metric. Names that no other test has: the log is shared.
    let invalid = [
        ("line-1 1", "line-1"),
        ("line_2", "line_2"),
        ("line_3 x", "line_3"),
        ("line_4{a=\"1} 1", "line_4"),
        ("line_5{a-b=\"1\"} 1", "line_5"),
        ("line_6{a=\"1\",a=\"2\"} 1", "line_6"),
        ("line_7 1 1.5", "line_7"),
        ("line_8 1 # {} 1", "line_8"),
        ("kept_total{a=\"\\\"\"} 5", "kept_total"),
        ("# TYPE kept_total gauge", "kept_total"),
        ("# TYPE line_9 stateset", "line_9"),
        ("wait_bucket{le=\"x\"} 1", "wait_bucket"),
        ("wait_bucket 1", "wait_bucket"),
        ("wait 1", "wait"),
        ("wait_count 1", "wait_count"),
        ("line_10{__name__=\"a\"} 1", "line_10"),
        ("\u{e9} 1", "\u{e9}"),
        ("# EOF 5", ""),
        ("{} 5", ""),
    ];
    let valid = "# TYPE kept_total counter\n# HELP kept_total Help \\\\ \\n\n#comment\n\n\
                 \tkept_total  {  a = \"\\\"\" , } \t +Inf\n# TYPE wait histogram\n\
                 wait_bucket{le=\"1\"} 1\nwait_bucket{le=\"inf\"} 2\nwait_sum 3\nwait_count 2\n\
                 # TYPE quantiles summary\nquantiles{quantile=\"0.5\"} NaN\n";
    let lines: Vec<_> = valid.lines().chain(invalid.map(|(line, _)| line)).collect();
    let source = lines.join("\n");
    let monitor = isolated().attach("text", MetricSource::text(move || source.clone())).build();
    let server = Server::watched(monitor, |_| ());
    for _ in 0..3 {
        let page = is_text(&server.connect().get("/metrics"));
        let expected = "kept_total{a=\"\\\"\"} +Inf\nwait_bucket{le=\"1\"} 1\n\
                        wait_bucket{le=\"+Inf\"} 2\nwait_sum 3\nwait_count 2\n\
                        quantiles{quantile=\"0.5\"} NaN\n";
        assert_printed(&page, expected);
        assert!(page.text.contains("# HELP kept_total Help \\\\ \\n\n"), "{}", page.text);
    }
    let logged = journal::lines("actix_monitor");
    for (line, name) in &invalid {
        if line.starts_with("# EOF") {
            continue;
        }
        let start = format!("WARN a line of the metric {name:?} is left out of the page");
        let of_name = logged.iter().filter(|line| line.starts_with(&start));
        assert!(of_name.clone().count() >= 1, "{line}: {logged:?}");
        let mut of_name: Vec<_> = of_name.collect();
        of_name.sort();
        assert!(of_name.windows(2).all(|pair| pair[0] != pair[1]), "{of_name:?}");
    }
}

/// Exporters group samples as they like; only OpenMetrics demands an order.
#[test]
fn samples_of_a_text_can_be_in_any_order() {
    let text = "b_count 1\na{x=\"1\"} 1\n# TYPE d summary\nd_sum{x=\"1\"} 1\nd_sum{x=\"2\"} 1\n\
                d_count{x=\"1\"} 1\nd_count{x=\"2\"} 1\nb 1\na{x=\"2\"} 1\nd_other 1\n";
    let source = MetricSource::text(move || text.to_owned());
    let monitor = isolated().attach("text", source).build().monitor();
    assert_printed(&Page::parse(&monitor.encode(Format::Text)), text);
}

#[test]
fn of_sources_whose_names_clash_the_first_is_shown_and_the_other_logged_once() {
    journal::start();
    let text = |text: &'static str| MetricSource::text(move || text.to_owned());
    let own = {
        let mut registry = Registry::default();
        registry.register("clash_one", "Own", Counter::<u64>::default());
        registry.register("application", "Own", Gauge::<i64>::default());
        registry.register("clash_free", "Own", Gauge::<i64>::default());
        Arc::new(registry)
    };
    let sources = isolated()
        .attach("first", text("# TYPE clash_one counter\nclash_one 5\nclash_two 5\n"))
        .attach("own", own)
        .attach("last", text("clash_free 7\nrequest_seconds_count 7\nclash_three 7\n"))
        .build();
    let server = Server::watched(sources, |_| ());
    for _ in 0..2 {
        let page = is_text(&server.connect().get("/metrics"));
        let expected = "clash_one 5\nclash_two 5\nclash_free 0\nclash_three 7\n";
        assert_printed(&page, expected);
    }
    for name in ["clash_one", "clash_free"] {
        let lines = journal::lines("actix_monitor").into_iter();
        let start = format!("WARN the metric {name:?} is left out of the page: another metric");
        assert_eq!(lines.filter(|line| line.starts_with(&start)).count(), 1, "{name}");
    }
}

#[test]
fn a_source_that_panics_or_asks_for_the_page_is_left_out_and_the_page_stays() {
    in_a_process_of_its_own(|| {
        journal::start();
        let watched = isolated().attach("own", Arc::new(own_registry())).build();
        let monitor = watched.monitor();
        monitor.attach(MetricSource::text(|| panic_any("a source's panic, on purpose")));
        let inner = monitor.clone();
        monitor.attach(MetricSource::text(move || inner.encode(Format::Text)));
        let lock = Arc::new(RwLock::new(own_registry()));
        let poisoned = Arc::clone(&lock);
        let poison = std::thread::spawn(move || {
            let _guard = poisoned.write();
            panic_any("a panic with the lock, on purpose");
        });
        assert!(poison.join().is_err());
        monitor.attach(MetricSource::registry(move |show| {
            show(&lock.read().expect("the lock is poisoned"));
        }));
        monitor.attach(MetricSource::registry(|_| {}));
        let server = Server::watched(watched, |app| {
            app.route("/ok", web::get().to(HttpResponse::Ok));
        });
        server.connect().get("/ok");
        for _ in 0..3 {
            let page = is_text(&server.connect().get("/metrics"));
            assert_eq!(page.requests(), 1.0);
            assert_eq!(page.value("shop_orders_total", &[("kind", "pen")]), Some(1.0));
        }
        let logged = journal::lines("actix_monitor");
        for reason in ["panicked", "encodes the page that it is part of"] {
            let lines = logged.iter().filter(|line| line.contains(reason));
            assert_eq!(lines.count(), 1, "{reason}: {logged:?}");
        }
    });
}

#[test]
fn the_warning_about_a_source_names_its_key() {
    in_a_process_of_its_own(|| {
        journal::start();
        let panics = || MetricSource::text(|| panic_any("a source's panic, on purpose"));
        let builder = isolated().attach("first broken", panics());
        let monitor = builder.attach("second broken", panics()).build().monitor();
        for _ in 0..2 {
            let _page = monitor.encode(Format::Text);
        }
        for key in ["first broken", "second broken"] {
            assert_eq!(warnings_about(key, "panicked"), 1, "{key}");
        }
    });
}

/// The number of warnings about a source with this key.
fn warnings_about(key: &str, reason: &str) -> usize {
    let start = format!("WARN the metrics of the source {key:?} are left out of the page: ");
    let logged = journal::lines("actix_monitor").into_iter();
    logged.filter(|line| line.starts_with(&start) && line.contains(reason)).count()
}

#[test]
fn a_text_is_shown_whatever_its_line_breaks_and_blanks() {
    let text = "a 1\r\nb{x=\"1\"} 2\n b{x=\"2\"} 3\nb{x=\"3\"} 4 \n\nb{x=\"4\"} 5\r\n\
                # TYPE c_total counter\r\nc_total{x=\"1\"} 6\nc_total{x=\"2\"} 7";
    let shown = text.replace(['\r'], "").replace("\n b", "\nb").replace(" \n", "\n");
    for zone in [None, Some("1")] {
        let builder = match zone {
            Some(zone) => isolated().const_label("zone", zone),
            None => isolated(),
        };
        let source = MetricSource::text(move || text.to_owned());
        let page = builder.attach("text", source).build().monitor().encode(Format::Text);
        let expected = match zone {
            Some(_) => shown.replace('{', "{zone=\"1\",").replace("a 1", "a{zone=\"1\"} 1"),
            None => shown.clone(),
        };
        let mut lines = expected.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert!(lines.all(|line| page.lines().any(|other| other == line)), "{page}");
    }
}

#[test]
fn a_registry_whose_lock_was_poisoned_is_shown() {
    for source in [false, true].map(|is_mutex| {
        let (mutex, lock) =
            (Arc::new(Mutex::new(own_registry())), Arc::new(RwLock::new(own_registry())));
        let (poisoned, other) = (Arc::clone(&mutex), Arc::clone(&lock));
        let poison = std::thread::spawn(move || {
            let _guards = (poisoned.lock(), other.write());
            panic_any("a panic with the locks, on purpose");
        });
        assert!(poison.join().is_err() && mutex.is_poisoned() && lock.is_poisoned());
        if is_mutex { MetricSource::from(mutex) } else { MetricSource::from(lock) }
    }) {
        let (text, _) = scraped(source);
        assert_eq!(text.value("shop_orders_total", &[("kind", "pen")]), Some(1.0));
    }
}

#[test]
fn a_source_that_hangs_costs_its_scrape_a_503_and_later_ones_its_metrics_alone() {
    in_a_process_of_its_own(|| {
        journal::start();
        let registry = Arc::new(Mutex::new(own_registry()));
        let watched = isolated().attach("own", Arc::clone(&registry)).build();
        watched.monitor().attach(MetricSource::text(|| "extra 1\n".to_owned()));
        let server = Server::watched(watched, |_| ());
        let held = registry.lock().expect("no panic");
        assert_eq!(server.connect().get("/metrics").status, 503);
        let page = || {
            let response = server.connect().get("/metrics");
            (response.status == 200).then(|| is_text(&response))
        };
        let without = eventually("there is a page without the source", page);
        assert_eq!(samples(&without), samples(&Page::parse("extra 1\n")));
        assert_eq!(warnings_about("own", "hangs"), 1);
        drop(held);
        eventually("its metrics are back", || {
            page()?.value("shop_orders_total", &[("kind", "pen")])
        });
    });
}

#[test]
fn constant_labels_are_on_the_samples_of_all_sources() {
    journal::start();
    let text = "# TYPE wait histogram\nwait_bucket{le=\"+Inf\"} 1\nwait_sum 1\nwait_count 1\n\
                plain 1\nlabelled{a=\"b\"} 1\nconstant_taken{zone=\"2\"} 1\n";
    let builder = isolated().const_label("zone", "\"1\"").const_label("az", "");
    let builder = builder.attach("own", Arc::new(own_registry()));
    #[cfg(feature = "prometheus")]
    let builder = {
        let registry = prometheus::Registry::new();
        let gauge = prometheus::Gauge::new("theirs", "Theirs").expect("a valid name");
        registry.register(Box::new(gauge)).expect("an empty registry");
        builder.attach("prometheus", registry)
    };
    let monitor = builder.build().monitor();
    let check = |page: &Page, names: &[&str]| {
        for name in names {
            assert!(!page.find(name, &[]).is_empty(), "{name}: {}", page.text);
        }
        for sample in page.lasting() {
            let constant = sample.labels.iter().take(2).map(|(key, value)| (&**key, &**value));
            assert_eq!(constant.collect::<Vec<_>>(), [("zone", "\"1\""), ("az", "")], "{sample:?}");
        }
    };
    let mut names = vec!["shop_wait_seconds_bucket", "shop_temperature_celsius"];
    names.extend(cfg!(feature = "prometheus").then_some("theirs"));
    check(&page_of(&monitor), &names);
    monitor.attach(MetricSource::text(move || text.to_owned()));
    names.extend(["wait_bucket", "plain", "labelled"]);
    let page = Page::parse(&monitor.encode(Format::Text));
    check(&page, &names);
    assert_eq!(page.value("constant_taken", &[]), None);
    let logged = journal::lines("actix_monitor").into_iter();
    let logged = logged.filter(|line| line.contains("\"constant_taken\""));
    assert_eq!(logged.filter(|line| line.contains("the label \"zone\" twice")).count(), 1);
}

#[test]
fn a_quantile_is_left_out_if_a_constant_label_has_its_name() {
    let text = "# TYPE a summary\na{quantile=\"0.5\"} 1\na_sum 2\na_count 3\n";
    let source = MetricSource::text(move || text.to_owned());
    let monitor = isolated().const_label("quantile", "1").attach("text", source).build().monitor();
    let text = monitor.encode(Format::Text);
    read_text(&text);
    let page = Page::parse(&text);
    assert_eq!(page.value("a_sum", &[("quantile", "1")]), Some(2.0));
    assert!(!text.contains("0.5"), "{text}");
}

#[test]
fn a_key_is_attached_once_and_refused_for_another_source() {
    in_a_process_of_its_own(|| {
        let registry = Arc::new(Mutex::new(own_registry()));
        let shared = Arc::clone(&registry);
        let server = Server::start(4, move || {
            let text = MetricSource::text(|| "extra 1\n".to_owned());
            let builder = BigBrother::builder().attach("own", Arc::clone(&shared));
            App::new().wrap(builder.attach("text", text).build())
        });
        for _ in 0..8 {
            let page = is_text(&server.connect().get("/metrics"));
            assert_eq!(page.value("extra", &[]), Some(1.0));
            assert_eq!(page.value("shop_orders_total", &[("kind", "pen")]), Some(1.0));
        }
        let expected = "attach: the key \"own\" is used for two registrations, of which one would \
                        be lost; use a different key for each";
        let anew = || Arc::new(Mutex::new(own_registry()));
        for refused in [
            BigBrother::builder().attach("own", anew()),
            BigBrother::builder().attach("own", MetricSource::text(String::new)),
            BigBrother::builder().attach("a", anew()).attach("a", anew()).attach("own", anew()),
            isolated().attach("own", Arc::clone(&registry)).attach("own", Arc::clone(&registry)),
        ] {
            let refused = refused.try_build().expect_err("the key is in use").to_string();
            assert_eq!(refused.replace("\"a\"", "\"own\""), expected);
        }
        let register = |registry: &mut Registry| *registry = Registry::default();
        let refused = BigBrother::builder().register("own", register).try_build();
        assert!(refused.expect_err("the key is in use").to_string().starts_with("register: "));
    });
}
