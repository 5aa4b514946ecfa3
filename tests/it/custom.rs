//! Metrics of the app: they are on the page in both formats, and those that would make it
//! invalid are left out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, UNIX_EPOCH};

use actix_monitor::prometheus_client::collector::Collector;
use actix_monitor::prometheus_client::encoding::text::encode;
use actix_monitor::prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use actix_monitor::prometheus_client::metrics::MetricType;
use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::prometheus_client::metrics::exemplar::CounterWithExemplar;
use actix_monitor::prometheus_client::metrics::family::Family;
use actix_monitor::prometheus_client::metrics::gauge::Gauge;
use actix_monitor::prometheus_client::metrics::histogram::Histogram;
use actix_monitor::prometheus_client::metrics::info::Info;
use actix_monitor::prometheus_client::registry::{Registry, Unit};
use actix_monitor::{BigBrother, Format, Monitor};
use actix_web::web::Data;

use crate::support::journal;
use crate::support::oracle::{page_of, read_openmetrics, read_text};
use crate::support::page::{Page, Sample};
use crate::support::server::Server;

type Labels = Vec<(String, String)>;

fn monitor() -> Data<Monitor> {
    BigBrother::builder().isolated().const_label("zone", "1").build().monitor()
}

/// A family with one gauge.
fn gauge<const N: usize>(labels: [(&str, &str); N]) -> Family<Labels, Gauge> {
    let family = Family::<Labels, Gauge>::default();
    family.get_or_create(&to_labels(labels)).set(1);
    family
}

fn to_labels<const N: usize>(labels: [(&str, &str); N]) -> Labels {
    labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn counter() -> Counter {
    Counter::default()
}

/// A collector that calls a function.
struct Custom<F>(F);

type Encode = fn(DescriptorEncoder<'_>) -> fmt::Result;

impl<F> fmt::Debug for Custom<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Custom")
    }
}

impl Collector for Custom<Encode> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0(encoder)
    }
}

fn collect(registry: &mut Registry, encode: Encode) {
    registry.register_collector(Box::new(Custom(encode)));
}

/// The names of the samples that a page has besides those of `without`, each once.
fn added(page: &Page, without: &Page) -> Vec<String> {
    let names = |page: &Page| -> Vec<String> {
        let mut names: Vec<_> = page.lasting().iter().map(|sample| sample.name.clone()).collect();
        names.dedup();
        names
    };
    let before = names(without);
    names(page).into_iter().filter(|name| !before.contains(name)).collect()
}

/// Registers what `register` does between two gauges in one registry, and asserts that
/// only the families of `kept` are added to the page, and that the log has `warning` once.
#[track_caller]
fn assert_kept(register: impl FnOnce(&mut Registry), kept: &[&str], warning: Option<&str>) {
    journal::start();
    let monitor = monitor();
    let without = page_of(&monitor);
    monitor.register(|registry| {
        registry.register("before", "H", gauge([("a", "x")]));
        register(registry);
        registry.sub_registry_with_prefix("after").register("all", "H", gauge([("quantile", "")]));
    });
    let begin = journal::lines_of_this_thread("actix_monitor").len();
    let page = page_of(&monitor);
    let kept = [&["before"], kept, &["after_all"]].concat();
    assert_eq!(added(&page, &without), kept, "{}", page.text);
    page_of(&monitor);
    if let Some(warning) = warning {
        let lines = &journal::lines_of_this_thread("actix_monitor")[begin..];
        let found = lines.iter().filter(|line| line.starts_with("WARN") && line.contains(warning));
        assert_eq!(found.count(), 1, "{warning}: {lines:?}");
    }
}

/// Registers a metric of each type, with label values that must be escaped.
fn register_all(registry: &mut Registry) {
    let orders = Family::<Labels, Counter>::default();
    orders.get_or_create(&to_labels([("kind", "a \"book\"\n\\"), ("empty", "")])).inc_by(3);
    orders.get_or_create(&to_labels([("kind", "pen"), ("empty", "")])).inc();
    registry.register("orders", "Orders taken", orders);
    let temperature = Gauge::<f64, AtomicU64>::default();
    temperature.set(-1.5e-9);
    registry.register_with_unit("temperature", "Temperature", Unit::Celsius, temperature);
    let new: fn() -> Histogram = || Histogram::new([0.5, 2.0]);
    let waits = Family::<Labels, Histogram>::new_with_constructor(new);
    waits.get_or_create(&to_labels([("queue", "a")])).observe(1.0);
    waits.get_or_create(&to_labels([("queue", "b")])).observe(0.5);
    registry.register_with_unit("wait", "Time in queues", Unit::Seconds, waits);
    registry.register("build", "The build", Info::new([("commit", "abc")]));
    let cache = registry.sub_registry_with_prefix("cache");
    let part = cache.sub_registry_with_label(("part".into(), "index".into()));
    part.register("hits", "Hits", counter());
}

#[test]
fn metrics_of_every_type_are_on_the_page_as_prometheus_client_encodes_them() {
    let monitor = BigBrother::builder().isolated().build().monitor();
    let before = page_of(&monitor).lasting().len();
    monitor.register(register_all);
    let mut registry = Registry::default();
    register_all(&mut registry);
    let mut expected = String::new();
    encode(&mut expected, &registry).expect("no metric fails");
    let expected = Page::parse(&expected);
    // The order of series within a family is not defined.
    let sorted = |samples: &[&Sample]| {
        let mut lines: Vec<_> = samples.iter().map(|sample| format!("{sample:?}")).collect();
        lines.sort();
        lines
    };
    // Both formats have the same samples.
    let text = page_of(&monitor);
    let all: Vec<_> = expected.samples.iter().collect();
    assert_eq!(sorted(&text.lasting()[before..]), sorted(&all));
    let openmetrics = Page::parse(&monitor.encode(Format::OpenMetrics));
    for (name, kind) in &expected.types {
        assert_eq!(openmetrics.types.get(name), Some(kind), "{name}");
    }
    for (name, kind) in [
        ("orders_total", "counter"),
        ("temperature_celsius", "gauge"),
        ("wait_seconds", "histogram"),
        ("build_info", "gauge"),
        ("cache_hits_total", "counter"),
    ] {
        assert_eq!(text.types.get(name).map(String::as_str), Some(kind), "{name}");
    }
}

#[test]
fn a_scrape_shows_the_value_of_its_moment() {
    let (monitor, orders) = (monitor(), counter());
    let registered = orders.clone();
    monitor.register(|registry| registry.register("orders", "Orders taken", registered));
    for number in 0..3 {
        assert_eq!(page_of(&monitor).value("orders_total", &[]), Some(f64::from(number)));
        orders.inc();
    }
}

#[test]
fn names_that_are_not_metric_names_are_left_out() {
    for name in ["my-gauge", "", "1st", "a\nb", "a b", "a\"b", "a{b", "é", "a\r", "# HELP a", "{}"]
    {
        let warning = format!("the metric {name:?} is left out");
        let register = |r: &mut Registry| r.register(name, "H", Gauge::<i64>::default());
        assert_kept(register, &[], Some(&warning));
        let register = |r: &mut Registry| r.register(name, "H", counter());
        assert_kept(register, &[], None);
    }
    let unit = Unit::Other("m/s".to_owned());
    let register = |r: &mut Registry| r.register_with_unit("wind", "H", unit, counter());
    assert_kept(register, &[], Some("the metric \"wind_m/s\" is left out"));
    let unit = Unit::Other(String::new());
    let register = |r: &mut Registry| r.register_with_unit("calm", "H", unit, counter());
    assert_kept(register, &["calm__total"], None);
}

#[test]
fn names_of_other_families_are_left_out() {
    for name in [
        "request_seconds",
        "request_seconds_count",
        "request_seconds_bucket",
        "response_size_bytes",
        "application",
        "application_info",
        "dependency_up",
        #[cfg(feature = "process")]
        "process_cpu_seconds_total",
    ] {
        let warning = format!("the metric {name:?} is left out");
        let register = |r: &mut Registry| r.register(name, "H", Gauge::<i64>::default());
        assert_kept(register, &[], Some(&warning));
    }
    let register = |r: &mut Registry| r.register("application", "H", Info::new([("a", "b")]));
    assert_kept(register, &[], None);
}

/// In one registry and in two.
#[test]
fn of_families_whose_names_collide_the_first_is_shown() {
    type Register = fn(&mut Registry);
    let pairs: [(Register, Register, &[&str], &[&str]); 6] = [
        (
            |r| r.register("a", "H", counter()),
            |r| r.register("a_total", "H", Gauge::<i64>::default()),
            &["a_total"],
            &["a_total"],
        ),
        (
            |r| r.register("d", "H", Histogram::new([1.0])),
            |r| r.register("d_count", "H", Gauge::<i64>::default()),
            &["d_sum", "d_count", "d_bucket"],
            &["d_count"],
        ),
        (
            |r| r.register("f", "H", Info::new([("g", "h")])),
            |r| r.register("f_info", "H", Gauge::<i64>::default()),
            &["f_info"],
            &["f_info"],
        ),
        (
            |r| r.register("s", "H", counter()),
            |r| r.register("s", "H", Histogram::new([1.0])),
            &["s_total"],
            &["s_sum", "s_count", "s_bucket"],
        ),
        // In OpenMetrics both families have the name `v`.
        (
            |r| r.register("v", "H", counter()),
            |r| r.register("v", "H", Gauge::<i64>::default()),
            &["v_total"],
            &["v"],
        ),
        (
            |r| r.register("t", "H", gauge([("u", "1")])),
            |r| r.register("t", "H", gauge([("u", "2")])),
            &["t"],
            &["t"],
        ),
    ];
    for (one, other, kept_of_one, kept_of_other) in pairs {
        for (first, second, kept) in [(one, other, kept_of_one), (other, one, kept_of_other)] {
            assert_kept(
                |r| [first, second].map(|register| register(r)).into_iter().collect(),
                kept,
                None,
            );
            let monitor = monitor();
            let without = page_of(&monitor);
            monitor.register(first);
            monitor.register(second);
            assert_eq!(added(&page_of(&monitor), &without), kept);
        }
    }
}

#[test]
fn labels_that_are_not_valid_leave_their_family_out() {
    for (key, warning) in [
        ("my-label", "\"my-label\" is not a valid label name"),
        ("", "\"\" is not a valid label name"),
        ("__name__", "\"__name__\" is not a valid label name"),
        ("a\nb", "\"a\\nb\" is not a valid label name"),
        ("zone", "it has the label \"zone\" twice"),
        ("a=\"1\",a", "it has the label \"a\" twice"),
        ("a=\"1\"} 5\nforged{a", "a sample \"a\" of it is not valid"),
    ] {
        let register = |r: &mut Registry| r.register("a", "H", gauge([(key, "2")]));
        assert_kept(register, &[], Some(warning));
    }
    let labels = [("a", "1"), ("b", "2"), ("a", "3")];
    assert_kept(|r| r.register("a", "H", gauge(labels)), &[], None);
    let new: fn() -> Histogram = || Histogram::new([1.0]);
    let histogram = Family::<Labels, Histogram>::new_with_constructor(new);
    let _ = histogram.get_or_create(&to_labels([("le", "1")]));
    assert_kept(|r| r.register("a", "H", histogram), &[], Some("it has the label \"le\" twice"));
}

#[test]
fn samples_that_do_not_fit_their_family_leave_it_out() {
    let repeated = gauge([("a", "1"), ("b", "2")]);
    let _ = repeated.get_or_create(&to_labels([("b", "2"), ("a", "1")]));
    let warning = "it has the sample \"a\" twice";
    assert_kept(|r| r.register("a", "H", repeated), &[], Some(warning));
    let collectors: [(Encode, &str); 4] = [
        (
            |mut encoder| {
                let mut encoder = encoder.encode_descriptor("a", "H", None, MetricType::Gauge)?;
                encoder.encode_gauge(&1_i64)?;
                encoder.encode_gauge(&2_i64)
            },
            warning,
        ),
        (
            |mut encoder| {
                let mut encoder = encoder.encode_descriptor("a", "H", None, MetricType::Gauge)?;
                encoder.encode_counter::<NoLabelSet, u64, u64>(&1, None)
            },
            "a sample \"a_total\" of it is not valid",
        ),
        (
            |mut encoder| {
                let mut encoder =
                    encoder.encode_descriptor("a", "H", None, MetricType::Histogram)?;
                encoder.encode_histogram::<NoLabelSet>(1.0, 2, &[(1.0, 2)], None)
            },
            "do not end with +Inf",
        ),
        (
            |mut encoder| {
                let mut encoder =
                    encoder.encode_descriptor("a", "H", None, MetricType::Histogram)?;
                let buckets = [(2.0, 1), (1.0, 1), (f64::INFINITY, 0)];
                encoder.encode_histogram::<NoLabelSet>(1.0, 2, &buckets, None)
            },
            "not in ascending order",
        ),
    ];
    for (encode, warning) in collectors {
        assert_kept(|r| collect(r, encode), &[], Some(warning));
    }
}

/// Strict readers of OpenMetrics refuse a page with such samples, others do not.
#[test]
fn what_openmetrics_forbids_is_on_the_text_page_only() {
    journal::start();
    type Register = fn(&mut Registry);
    let cases: [(Register, &str, &str); 4] = [
        (
            |r| {
                let counter = Counter::<f64>::default();
                counter.inc_by(-1.0);
                r.register("debts", "H", counter);
            },
            "debts_total",
            "the metric \"debts\" is left out of OpenMetrics pages",
        ),
        (
            |r| r.register("degrees", "H", Histogram::new([-10.0, 10.0])),
            "degrees_count",
            "the metric \"degrees\" is left out of OpenMetrics pages",
        ),
        (
            |r| {
                let histogram = Histogram::new([1.0]);
                histogram.observe(f64::NAN);
                r.register("ratios", "H", histogram);
            },
            "ratios_count",
            "the metric \"ratios\" is left out of OpenMetrics pages",
        ),
        (
            |r| {
                collect(r, |mut encoder| {
                    let histogram = MetricType::Histogram;
                    let mut encoder = encoder.encode_descriptor("torn", "H", None, histogram)?;
                    let buckets = [(1.0, 1), (f64::INFINITY, 2)];
                    encoder.encode_histogram::<NoLabelSet>(1.0, 2, &buckets, None)
                });
            },
            "torn_count",
            "the metric \"torn\" is left out of OpenMetrics pages",
        ),
    ];
    for (register, sample, warning) in cases {
        let monitor = monitor();
        monitor.register(register);
        let text = monitor.encode(Format::Text);
        assert!(text.contains(&format!("\n{sample}{{zone=\"1\"}} ")), "{text}");
        for _ in 0..2 {
            let openmetrics = monitor.encode(Format::OpenMetrics);
            read_openmetrics(&openmetrics);
            assert!(!openmetrics.contains(sample), "{openmetrics}");
        }
        let lines = journal::lines("actix_monitor");
        assert_eq!(lines.iter().filter(|line| line.contains(warning)).count(), 1, "{lines:?}");
    }
}

const HOSTILE: [&str; 27] = [
    "",
    " ",
    "\n",
    "\r\n",
    "\\",
    "\"",
    "a\\",
    "\\n",
    "a b",
    "é",
    "\u{2028}",
    "\0",
    "#",
    "{",
    "}",
    "{}",
    ",",
    "=",
    "a=\"b\"",
    "a=\"b\"} 5\nforged 5\nx{b",
    "a=\"\n\",b",
    "\"} 5\nforged 5\nx{b=\"",
    "# EOF",
    "\n# EOF\nforged 5\n",
    "\n# HELP forged b\n# TYPE forged gauge\nforged 5\n# HELP x b",
    "\n# TYPE x counter\nx_total 5\n# HELP x b",
    " # {} 5",
];

/// In label names and values, names and help texts.
#[test]
fn nothing_that_an_app_registers_breaks_the_page() {
    const PLACES: [&str; 4] = ["key", "value", "x", "Help"];
    for hostile in HOSTILE {
        for (index, place) in PLACES.into_iter().enumerate() {
            let [key, value, name, help] =
                PLACES.map(|usual| if usual == place { hostile } else { usual });
            // A label or metric cannot have such a name; all else can be anything.
            let kept: &[&str] = if [0, 2].contains(&index) { &[] } else { &["x"] };
            assert_kept(|r| r.register(name, help, gauge([(key, value)])), kept, None);
        }
    }
}

#[test]
fn nothing_in_an_exemplar_breaks_the_page() {
    for hostile in HOSTILE.into_iter().chain(["trace_id", "repeated"]) {
        for (id, trace) in [(hostile, "4bf9"), ("trace_id", hostile)] {
            let monitor = monitor();
            monitor.register(|registry| {
                let counter = CounterWithExemplar::<Labels>::default();
                let labels = to_labels([(id, trace), ("repeated", "")]);
                counter.inc_by(1, Some(labels), None);
                registry.register("x", "Help", counter);
                registry.register("after", "Help", Gauge::<i64>::default());
            });
            let openmetrics = monitor.encode(Format::OpenMetrics);
            read_openmetrics(&openmetrics);
            let mut openmetrics = Page::parse(&openmetrics);
            let has_exemplar = openmetrics.find("x_total", &[])[0].exemplar.is_some();
            // No label can have such a name, and Prometheus refuses a zero in an exemplar.
            assert_eq!(has_exemplar, id == "trace_id" && trace != "\0", "{id:?} {trace:?}");
            openmetrics.samples.iter_mut().for_each(|sample| sample.exemplar = None);
            let text = monitor.encode(Format::Text);
            read_text(&text);
            assert_eq!(Page::parse(&text).lasting(), openmetrics.lasting());
        }
    }
}

/// A registry that the app owns has no prefix, so the name of a label can end its line and begin
/// another one.
#[test]
fn an_exemplar_in_the_name_of_a_label_is_written_as_all_scrapers_read_it() {
    for (written, expected) in [
        ("}2", "{t=\"1\"} 2"),
        ("}  2\t1.5", "{t=\"1\"} 2 1.5"),
        ("} inf", "{t=\"1\"} +Inf"),
        ("} 1e400", "{t=\"1\"} +Inf"),
    ] {
        let name = format!("x=\"1\"}} 1 # {{t=\"1\"{written}\na_total{{x");
        let family = Family::<Vec<(String, String)>, Counter>::default();
        family.get_or_create(&vec![(name, "2".to_owned())]).inc();
        let mut registry = Registry::default();
        registry.register("a", "A", family);
        let builder = BigBrother::builder().isolated().openmetrics();
        let monitor = builder.attach("own", Arc::new(registry)).build().monitor();
        let openmetrics = monitor.encode(Format::OpenMetrics);
        read_openmetrics(&openmetrics);
        let line = format!("\na_total{{x=\"1\"}} 1 # {expected}\n");
        assert!(openmetrics.contains(&line), "{openmetrics}");
    }
}

#[test]
fn exemplars_of_the_app_are_on_the_openmetrics_page() {
    journal::start();
    let monitor = monitor();
    let exemplar = |labels, at| {
        let counter = CounterWithExemplar::<Labels>::default();
        counter.inc_by(1, Some(labels), at);
        counter
    };
    monitor.register(|registry| {
        let plain = exemplar(to_labels([("id", "# \"{}\" é")]), None);
        registry.register("plain", "P", plain);
        let at = UNIX_EPOCH + Duration::from_millis(1500);
        registry.register("timed", "T", exemplar(to_labels([]), Some(at)));
        let too_long = exemplar(to_labels([("id", &"x".repeat(127))]), None);
        registry.register("too_long", "L", too_long);
    });
    let openmetrics = monitor.encode(Format::OpenMetrics);
    read_openmetrics(&openmetrics);
    for sample in [
        r##"plain_total{zone="1"} 1 # {id="# \"{}\" é"} 1.0"##,
        r##"timed_total{zone="1"} 1 # {} 1.0 1.5"##,
        r##"too_long_total{zone="1"} 1"##,
    ] {
        assert!(openmetrics.contains(&format!("\n{sample}\n")), "{openmetrics}");
    }
    let logged = journal::lines("actix_monitor").into_iter();
    let warning = "an exemplar of the metric \"too_long\" is left out";
    assert_eq!(logged.filter(|line| line.contains(warning)).count(), 1);
}

#[test]
fn a_collector_can_encode_nothing_or_a_family_without_samples() {
    let monitor = monitor();
    monitor.register(|registry| {
        collect(registry, |_| Ok(()));
        collect(registry, |mut encoder| {
            encoder.encode_descriptor("a", "", None, MetricType::Unknown)?;
            encoder.encode_descriptor("b", "B", None, MetricType::Counter).map(|_| ())
        });
        registry.register("c", "C", Info::new(to_labels([])));
    });
    let text = monitor.encode(Format::Text);
    let expected = "# HELP c_info C.\n# TYPE c_info gauge\nc_info{zone=\"1\"} 1\n\
                    # TYPE a untyped\n# HELP b_total B\n# TYPE b_total counter\n";
    assert!(text.ends_with(expected), "{text}");
    let openmetrics = monitor.encode(Format::OpenMetrics);
    assert!(openmetrics.contains("\n# TYPE a unknown\n# HELP b B\n# TYPE b counter\n"));
    read_openmetrics(&openmetrics);
}

#[test]
fn a_registry_that_replaces_the_given_one_is_shown() {
    let monitor = monitor();
    monitor.register(|registry| {
        *registry = Registry::with_prefix("mine");
        registry.register("a", "Two\nlines", Gauge::<i64>::default());
        registry.register("b", "H\n# TYPE b counter\nb_total 5\n# HELP b H", counter());
        registry.register("c", "H", Gauge::<i64>::default());
    });
    let page = page_of(&monitor);
    assert_eq!(page.value("mine_a", &[("zone", "1")]), Some(0.0));
    assert_eq!(page.value("mine_c", &[("zone", "1")]), Some(0.0));
    assert!(page.text.contains("\n# HELP mine_a Two\\nlines.\n"), "{}", page.text);
    assert!(!page.text.contains("b_total 5"), "{}", page.text);
}

#[test]
fn what_is_left_out_of_the_page_is_logged_once() {
    journal::start();
    // Names that no other test has: the log is shared.
    let watched = BigBrother::builder().isolated().openmetrics().build();
    let monitor = watched.monitor();
    for _ in 0..2 {
        monitor.register(|registry| {
            registry.register("logged-once", "Help", Gauge::<i64>::default());
            registry.register("logged_once", "Help", Gauge::<i64>::default());
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
