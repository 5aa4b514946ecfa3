//! Native histograms, and the protobuf format that contains them.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::prometheus_client::metrics::exemplar::CounterWithExemplar;
use actix_monitor::prometheus_client::metrics::family::Family;
use actix_monitor::prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use actix_monitor::prometheus_client::metrics::histogram::{Histogram, NativeHistogramConfig};
use actix_monitor::prometheus_client::metrics::info::Info;
use actix_monitor::prometheus_client::registry::{Registry, Unit};
use actix_monitor::{
    BigBrother, BigBrotherBuilder, Dependency, Exemplars, Format, MetricSource, Monitor,
};
use actix_web::{App, HttpResponse, web};

use crate::support::client::Response;
use crate::support::journal;
use crate::support::oracle::{is_openmetrics, is_text, page_of};
use crate::support::page::{Page, Sample};
use crate::support::patience::eventually;
use crate::support::protobuf::{self, ACCEPT, MetricFamily, as_text, decode};
use crate::support::server::Server;

type Labels = Vec<(String, String)>;

fn native() -> BigBrotherBuilder {
    BigBrother::builder().isolated().native_histograms()
}

fn record(monitor: &Monitor, duration: Duration) {
    monitor.start_request("amqp").addr("a").duration(duration).finish("ok");
}

fn request_seconds(page: &[u8]) -> protobuf::Histogram {
    protobuf::histogram(&decode(page), "request_seconds", "a")
}

fn get(server: &Server, accept: &str) -> Response {
    server.connect().request("GET", "/metrics", &[("accept", accept)])
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/users/{id}", web::get().to(async || "hello"))
        .route("/gone", web::get().to(HttpResponse::Gone));
}

/// Registers metrics of all types, with values and labels that need care.
fn register(registry: &mut Registry) {
    let labels = |value: &str| vec![("path".to_owned(), value.to_owned())];
    let counters = Family::<Labels, Counter>::default();
    counters.get_or_create(&labels("a\\\"\nb # {},é")).inc_by(3);
    counters.get_or_create(&labels("")).inc();
    registry.register("orders", "Orders \\ \"taken\"\nor not", counters);
    let histograms =
        Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new([0.005, 1e3]));
    histograms.get_or_create(&labels("x")).observe(1.5);
    histograms.get_or_create(&labels("y")).observe(0.001);
    registry.register_with_unit("took", "Time", Unit::Seconds, histograms);
    registry.register("build", "Build", Info::new(labels("1")));
    registry.register("level", "Level", Gauge::<i64>::default());
    registry.register("low", "Low", ConstGauge::new(f64::NEG_INFINITY));
    registry.register("small", "Small", ConstGauge::new(-1.5e-9));
    registry.register("empty", "Empty", Family::<Labels, Counter>::default());
    let both = Histogram::new_classic_and_native([1.0], NativeHistogramConfig::default());
    both.observe(0.5);
    registry.register("both", "Both", both);
}

/// Asserts that a protobuf page and a text page have the same samples and types.
#[track_caller]
fn assert_same(families: &[MetricFamily], text: &Page) {
    let sorted = |samples: &[Sample]| {
        let mut lines: Vec<_> = samples
            .iter()
            .filter(|sample| !sample.name.starts_with("process_"))
            .map(|sample| {
                let mut labels = sample.labels.clone();
                labels.sort();
                format!("{} {labels:?} {:?}", sample.name, sample.value)
            })
            .collect();
        lines.sort();
        lines
    };
    let (samples, types) = as_text(families);
    assert_eq!(sorted(&samples), sorted(&text.samples));
    assert_eq!(types, text.types);
}

#[test]
fn the_protobuf_page_has_the_samples_of_the_text_page() {
    let up = Dependency::new("db", || async { true });
    let middleware = native()
        .version("v1")
        .const_label("zone", "a \"b\"")
        .requests_in_flight()
        .dependency(up)
        .register("all", register)
        .build();
    let monitor = middleware.monitor();
    let server = Server::start(2, move || App::new().wrap(middleware.clone()).configure(routes));
    for path in ["/users/1", "/users/2", "/gone", "/missing"] {
        server.connect().get(path);
    }
    for micros in [0, 1, 150_000, 7_000_000_000] {
        let timer = monitor.start_dependency_request("redis").addr("é").method("GET");
        timer.duration(Duration::from_micros(micros)).finish("ok");
    }
    eventually("the check to run", || server.metrics().value("dependency_up", &[]));
    server.metrics_of(4.0);
    let response = get(&server, ACCEPT);
    let families = protobuf::read(&response);
    assert_same(&families, &is_text(&get(&server, "*/*")));
    assert_same(&families, &page_of(&monitor));
    assert_eq!(decode(&monitor.encode_protobuf()).len(), families.len());
    let help = |name| families.iter().find(|family| family.name == name).map(|f| f.help.as_str());
    assert_eq!(help("orders_total"), Some("Orders \\ \"taken\"\nor not."));
    assert_eq!(help("request_seconds"), Some("Duration of requests, in seconds."));
    // Those that prometheus-client's own native histograms have are not shown.
    let is_native = |name: &str, addr| protobuf::histogram(&families, name, addr).is_native();
    assert!(is_native("request_seconds", "/gone") && is_native("dependency_request_seconds", "é"));
    assert!(!is_native("took_seconds", "x"));
}

#[test]
fn each_duration_is_in_the_bucket_that_contains_it() {
    let monitor = native().build().monitor();
    let mut micros = 1;
    let mut durations = Vec::new();
    while micros < 3_600_000_000 {
        durations.push(Duration::from_micros(micros));
        micros += 1 + micros / 2;
    }
    durations.iter().for_each(|duration| record(&monitor, *duration));
    let histogram = request_seconds(&monitor.encode_protobuf());
    assert_eq!((histogram.schema, histogram.zero_count), (3, 0));
    assert_eq!(histogram.sample_count, durations.len() as u64);
    let sum: Duration = durations.iter().sum();
    assert!((histogram.sample_sum - sum.as_secs_f64()).abs() < 1e-6);
    let factor = 2_f64.powf(0.125);
    for (upper, count) in histogram.buckets() {
        let is_within = |duration: &&Duration| {
            let seconds = duration.as_secs_f64();
            upper / factor < seconds && seconds <= upper
        };
        assert_eq!(durations.iter().filter(is_within).count() as u64, count, "{upper}");
    }
}

#[test]
fn classic_and_native_buckets_do_not_mix_however_many_classic_ones_there_are() {
    for classic in [4, 13, 14, 22] {
        let bounds: Vec<_> = (1..=classic).map(f64::from).collect();
        let monitor = native().buckets(bounds.clone()).build().monitor();
        for series in 0..10 {
            for seconds in 1..=classic + 1 {
                let timer = monitor.start_request("amqp").addr(format!("{series}"));
                timer.duration(Duration::from_secs(seconds as u64)).finish("ok");
            }
        }
        let (families, page) = (decode(&monitor.encode_protobuf()), page_of(&monitor));
        for series in 0..10 {
            let addr = series.to_string();
            let histogram = protobuf::histogram(&families, "request_seconds", &addr);
            assert_eq!(histogram.sample_count, classic as u64 + 1);
            let native = histogram.buckets().iter().map(|(_, count)| count).sum::<u64>();
            assert_eq!(native, classic as u64 + 1, "{classic} classic buckets");
            for bound in &bounds {
                let labels = [("addr", addr.as_str()), ("le", &format!("{bound:.1}"))];
                assert_eq!(page.value("request_seconds_bucket", &labels), Some(*bound));
            }
        }
    }
}

#[test]
fn no_duration_is_too_short_or_too_long() {
    let monitor = native().build().monitor();
    for duration in [Duration::ZERO, Duration::from_nanos(953), Duration::MAX] {
        record(&monitor, duration);
    }
    let histogram = request_seconds(&monitor.encode_protobuf());
    assert_eq!((histogram.sample_count, histogram.zero_count), (3, 2));
    assert_eq!(histogram.zero_threshold, 2_f64.powi(-20));
    assert_eq!(histogram.buckets(), [(4096.0, 1)]);
}

#[test]
fn a_series_that_needs_more_than_160_buckets_has_half_the_resolution() {
    let monitor = native().build().monitor();
    let mut schemas = Vec::new();
    for bucket in 0..256 {
        let seconds = 2_f64.powf((f64::from(bucket) + 0.5) / 8.0 - 20.0);
        record(&monitor, Duration::from_secs_f64(seconds));
        let histogram = request_seconds(&monitor.encode_protobuf());
        assert_eq!(histogram.sample_count, bucket as u64 + 1);
        let buckets = histogram.buckets();
        assert!(buckets.len() <= 160, "{} buckets", buckets.len());
        let (last, _) = buckets.last().expect("a bucket");
        assert!((seconds..=seconds * 1.2).contains(last), "{seconds} in {last}");
        schemas.push(histogram.schema);
    }
    let expected: Vec<_> = (0..256).map(|bucket| if bucket < 160 { 3 } else { 2 }).collect();
    assert_eq!(schemas, expected);
}

#[test]
fn the_buckets_of_all_threads_are_added_up() {
    let monitor = native().build().monitor();
    thread::scope(|scope| {
        for millis in 1..=8 {
            let monitor = &monitor;
            scope.spawn(move || {
                for _ in 0..100 {
                    record(monitor, Duration::from_millis(1));
                    record(monitor, Duration::from_millis(1 << millis));
                }
            });
        }
    });
    let histogram = request_seconds(&monitor.encode_protobuf());
    let counts: Vec<_> = histogram.buckets().iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [800, 100, 100, 100, 100, 100, 100, 100, 100]);
}

/// The decoder checks that the sum of the buckets is the count, on each page.
#[test]
fn pages_read_during_records_have_whole_observations() {
    let monitor = native().build().monitor();
    let (gate, is_over) = (Barrier::new(3), AtomicBool::new(false));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (monitor, gate) = (&monitor, &gate);
                scope.spawn(move || {
                    gate.wait();
                    for number in 0..20_000_u64 {
                        let nanos = 1_000 << (number % 20) | writer;
                        record(monitor, Duration::from_nanos(nanos));
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            gate.wait();
            let (mut last, mut pages) = (0, 0);
            while !is_over.load(Ordering::SeqCst) || pages == 0 {
                let families = decode(&monitor.encode_protobuf());
                if families[0].metric.is_empty() {
                    continue;
                }
                let count = protobuf::histogram(&families, "request_seconds", "a").sample_count;
                assert!(count >= last, "the count fell from {last} to {count}");
                (last, pages) = (count, pages + 1);
            }
        });
        let are_well: Vec<_> = writers.into_iter().map(|writer| writer.join().is_ok()).collect();
        is_over.store(true, Ordering::SeqCst);
        reader.join().expect("each page is right");
        assert_eq!(are_well, [true, true]);
    });
    assert_eq!(request_seconds(&monitor.encode_protobuf()).sample_count, 40_000);
}

#[test]
fn series_past_the_limit_have_native_buckets_too() {
    let monitor = native().series_limit(1).build().monitor();
    for addr in ["a", "b", "c"] {
        monitor.start_request("amqp").addr(addr).duration(Duration::from_millis(5)).finish("ok");
    }
    let families = decode(&monitor.encode_protobuf());
    let overflowed = protobuf::histogram(&families, "request_seconds", "_overflow");
    assert_eq!(overflowed.buckets().iter().map(|(_, count)| count).sum::<u64>(), 2);
}

#[test]
fn protobuf_is_served_to_scrapers_that_ask_for_it() {
    let server = Server::watched(native().openmetrics().build(), routes);
    let prometheus = format!(
        "{ACCEPT},application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5"
    );
    for accept in [ACCEPT, &prometheus] {
        let response = get(&server, accept);
        protobuf::read(&response);
        assert_eq!(response.header("vary"), Some("accept"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    for accept in ["*/*", "text/plain", "application/vnd.google.protobuf"] {
        is_text(&get(&server, accept));
    }
    is_openmetrics(&get(&server, &format!("{ACCEPT};q=0.5,application/openmetrics-text")));
    let head = server.connect().request("HEAD", "/metrics", &[("accept", ACCEPT)]);
    assert_eq!(head.header("content-type"), get(&server, ACCEPT).header("content-type"));
}

#[test]
fn without_native_histograms_protobuf_is_not_served_and_the_text_is_the_same() {
    let builders = [BigBrother::builder().isolated(), native()].map(|builder| builder.version("1"));
    let [off, on] = builders.map(|builder| builder.build());
    for monitor in [off.monitor(), on.monitor()] {
        record(&monitor, Duration::from_millis(20));
        record(&monitor, Duration::from_secs(2));
    }
    for format in [Format::Text, Format::OpenMetrics] {
        let [off, on] = [&off, &on].map(|middleware| middleware.monitor().encode(format));
        let lasting = |page: &str| -> Vec<String> {
            page.lines().filter(|line| !line.contains("process_")).map(str::to_owned).collect()
        };
        assert_eq!(lasting(&off), lasting(&on));
    }
    let server = Server::watched(off, routes);
    let response = get(&server, ACCEPT);
    is_text(&response);
    assert_ne!(response.header("vary"), Some("accept"));
}

#[test]
fn a_page_without_the_option_has_classic_histograms_only() {
    let monitor = BigBrother::builder().isolated().build().monitor();
    record(&monitor, Duration::from_millis(20));
    let histogram = request_seconds(&monitor.encode_protobuf());
    assert_eq!((histogram.sample_count, histogram.is_native()), (1, false));
}

#[test]
fn exemplars_have_their_trace_their_value_and_their_time() {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let counter = CounterWithExemplar::<Labels>::default();
    let time = std::time::UNIX_EPOCH + Duration::from_millis(1500);
    counter.inc_by(2, Some(vec![("id".to_owned(), "\"1\"\n".to_owned())]), Some(time));
    let middleware = native()
        .exemplars(Exemplars::traceparent())
        .register("traced", |registry| registry.register("traced", "Traced", counter))
        .build();
    let server = Server::watched(middleware, routes);
    let header = format!("00-{trace}-b7ad6b7169203331-01");
    server.connect().request("GET", "/users/1", &[("traceparent", &header)]);
    server.metrics_of(1.0);
    let families = protobuf::read(&get(&server, ACCEPT));

    let histogram = protobuf::histogram(&families, "request_seconds", "/users/{id}");
    let exemplars: Vec<_> = histogram.bucket.iter().filter_map(|b| b.exemplar.as_ref()).collect();
    let [exemplar] = exemplars[..] else { panic!("{exemplars:?}") };
    assert_eq!((&*exemplar.label[0].name, &*exemplar.label[0].value), ("trace_id", trace));
    assert!(exemplar.value > 0.0 && exemplar.value <= histogram.sample_sum);
    assert!(exemplar.timestamp.as_ref().is_some_and(|at| at.seconds > 1_700_000_000));

    let traced = families.iter().find(|family| family.name == "traced_total");
    let exemplar = traced.and_then(|family| family.metric[0].counter.clone()?.exemplar);
    let exemplar = exemplar.expect("the exemplar of the counter");
    assert_eq!((&*exemplar.label[0].name, &*exemplar.label[0].value), ("id", "\"1\"\n"));
    let at = exemplar.timestamp.map(|at| (at.seconds, at.nanos));
    assert_eq!((exemplar.value, at), (2.0, Some((1, 500_000_000))));
}

#[test]
fn metrics_of_other_libraries_are_on_the_protobuf_page() {
    let text = "# TYPE took summary\n\
                took{quantile=\"0.5\",a=\"x\"} 1.5\ntook_sum{a=\"x\"} 6\ntook_count{a=\"x\"} 4\n\
                # TYPE lasted histogram\nlasted_bucket{a=\"x\",b=\"y\",le=\"+Inf\"} 2\n\
                lasted_sum{b=\"y\",a=\"x\"} 5\nlasted_count{b=\"y\",a=\"x\"} 2\n\
                # TYPE jobs counter\njobs{a=\"1\"} 3\njobs{a=\"\\\"2\\n\"} 1 -1500\n\
                # TYPE opened untyped\nopened 4\n";
    let monitor = native().build().monitor();
    monitor.attach(MetricSource::text(move || text.to_owned()));
    let families = decode(&monitor.encode_protobuf());
    let metrics = |name| families.iter().find(|family| family.name == name).expect(name);

    let took = &metrics("took").metric[0];
    let summary = took.summary.as_ref().expect("a summary");
    assert_eq!((summary.sample_count, summary.sample_sum), (4, 6.0));
    let quantiles: Vec<_> = summary.quantile.iter().map(|q| (q.quantile, q.value)).collect();
    assert_eq!((metrics("took").kind, quantiles), (2, vec![(0.5, 1.5)]));
    assert_eq!(took.label.iter().map(|label| &*label.value).collect::<Vec<_>>(), ["x"]);

    let opened = &metrics("opened").metric[0];
    let value = opened.untyped.as_ref().map(|untyped| untyped.value);
    assert_eq!((metrics("opened").kind, value), (3, Some(4.0)));

    // Labels in another order are the same labels.
    let lasted = &metrics("lasted").metric;
    let counts: Vec<_> = lasted.iter().map(|metric| metric.histogram.as_ref()).collect();
    assert_eq!(counts.len(), 1);
    let histogram = counts[0].expect("a histogram");
    assert_eq!((histogram.sample_count, histogram.sample_sum), (2, 5.0));

    let jobs = metrics("jobs");
    let mut found: Vec<_> = jobs
        .metric
        .iter()
        .map(|metric| {
            let value = metric.counter.as_ref().map(|counter| counter.value);
            (&*metric.label[0].value, value, metric.timestamp_ms)
        })
        .collect();
    found.sort_by_key(|(_, _, at)| *at);
    assert_eq!(jobs.kind, 0);
    assert_eq!(found, [("\"2\n", Some(1.0), -1500), ("1", Some(3.0), 0)]);
}

#[test]
fn families_that_are_left_out_are_left_out_of_protobuf_too() {
    journal::start();
    let monitor = native().build().monitor();
    monitor.register(|registry| {
        registry.register("native_1", "Kept", Gauge::<i64>::default());
        registry.register("request_seconds", "Taken", Gauge::<i64>::default());
        registry.register("not valid", "Invalid", Gauge::<i64>::default());
    });
    // Text cannot have it, and text is what the app's metrics are read from.
    monitor.register(|registry| {
        let native = Histogram::new_native(NativeHistogramConfig::default());
        registry.register("native_only", "Native", native);
    });
    let families = decode(&monitor.encode_protobuf());
    assert_same(&families, &page_of(&monitor));
    let names: Vec<_> = families.iter().map(|family| family.name.as_str()).collect();
    assert!(names.contains(&"native_1") && !names.contains(&"native_only"), "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "request_seconds").count(), 1);
    let logged = journal::lines_of_this_thread("actix_monitor");
    let error = "a metric returned an error when it was encoded";
    assert_eq!(logged.iter().filter(|line| line.contains(error)).count(), 1, "{logged:?}");
}

#[test]
fn the_collector_encodes_native_histograms_as_classic_text() {
    let monitor = native().build().monitor();
    record(&monitor, Duration::from_millis(20));
    let mut text = String::new();
    actix_monitor::prometheus_client::encoding::text::encode(&mut text, monitor.registry())
        .expect("the registry can be encoded");
    assert!(text.contains("request_seconds_bucket{le=\"0.1\","), "{text}");
}
