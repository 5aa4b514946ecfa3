//! The builder: its defaults, and what the builds of one process share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::prometheus_client::registry::Registry;
use actix_monitor::{
    BigBrother, BigBrotherBuilder, Dependency, ErrorMessage, Exemplars, Format, Monitor, ObserveAt,
    ResponseSize, Unmatched,
};
use actix_web::http::StatusCode;
use actix_web::rt::{System, SystemRunner};
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::support::checks::{wait_for_result, wait_until_up};
use crate::support::child::in_a_process_of_its_own;
use crate::support::journal;
use crate::support::page::Page;
use crate::support::patience::eventually;
use crate::support::server::{Runtime, Server, run};

fn isolated() -> BigBrotherBuilder {
    BigBrother::builder().isolated()
}

fn page_of(monitor: &Monitor) -> Page {
    Page::parse(&monitor.encode(Format::Text))
}

fn bounds(page: &Page, bucket: &str) -> Vec<String> {
    let buckets = page.find(bucket, &[]).into_iter();
    buckets.map(|bucket| bucket.label("le").expect("a bound").to_owned()).collect()
}

// Defaults.

#[test]
fn the_version_is_unknown_by_default() {
    let page = page_of(&isolated().build().monitor());
    assert_eq!(page.value("application_info", &[("version", "unknown")]), Some(1.0));
    let page = page_of(&isolated().version("v0.1.2").build().monitor());
    assert_eq!(page.value("application_info", &[("version", "v0.1.2")]), Some(1.0));
}

#[test]
fn both_histograms_have_the_buckets_of_the_protocol_by_default() {
    let monitor = isolated().build().monitor();
    monitor.start_request("amqp").finish("ok");
    monitor.start_dependency_request("db").finish("ok");
    let page = page_of(&monitor);
    let family = ["0.1", "0.3", "1.5", "10.5", "+Inf"];
    assert_eq!(bounds(&page, "request_seconds_bucket"), family);
    assert_eq!(bounds(&page, "dependency_request_seconds_bucket"), family);
}

#[test]
fn calls_to_dependencies_have_the_buckets_of_requests_by_default() {
    let monitor = isolated().buckets([0.5, 1.0]).build().monitor();
    monitor.start_dependency_request("db").finish("ok");
    let page = page_of(&monitor);
    assert_eq!(bounds(&page, "dependency_request_seconds_bucket"), ["0.5", "1.0", "+Inf"]);

    let monitor = isolated().buckets([0.5]).dependency_buckets([0.001]).build().monitor();
    monitor.start_request("amqp").finish("ok");
    monitor.start_dependency_request("db").finish("ok");
    let page = page_of(&monitor);
    assert_eq!(bounds(&page, "request_seconds_bucket"), ["0.5", "+Inf"]);
    assert_eq!(bounds(&page, "dependency_request_seconds_bucket"), ["0.001", "+Inf"]);
}

#[test]
fn statuses_from_400_to_599_are_errors_by_default() {
    let routes = |config: &mut web::ServiceConfig| {
        config.route("/{status}", web::get().to(answer_with));
    };
    let statuses = ["200", "399", "400", "404", "499", "500", "599", "600"];
    let errors_of = |middleware: BigBrother| {
        let server = Server::watched(middleware, routes);
        let mut client = server.connect();
        statuses.iter().for_each(|status| {
            assert_eq!(client.get(&format!("/{status}")).status.to_string(), *status)
        });
        let page = server.metrics();
        let is_error = |status: &&str| {
            page.value("request_seconds_count", &[("status", status), ("isError", "true")])
                .is_some()
        };
        statuses.into_iter().filter(is_error).collect::<Vec<_>>()
    };
    assert_eq!(errors_of(isolated().build()), ["400", "404", "499", "500", "599"]);
    let server_errors = isolated().is_error(|status| status.is_server_error()).build();
    assert_eq!(errors_of(server_errors), ["500", "599"]);
}

async fn answer_with(status: web::Path<u16>) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(*status).expect("a status")).finish()
}

#[test]
fn the_endpoint_is_metrics_by_default() {
    let app = |config: &mut web::ServiceConfig| {
        config.default_service(web::to(|| async { "of the app" }));
    };
    let answers = |middleware: BigBrother| {
        let server = Server::watched(middleware, app);
        ["/metrics", "/metrics/", "/internal", "/"]
            .map(|path| server.connect().get(path).text() != "of the app")
    };
    assert_eq!(answers(isolated().build()), [true, false, false, false]);
    assert_eq!(answers(isolated().endpoint("/internal").build()), [false, false, true, false]);
    assert_eq!(answers(isolated().endpoint("/").build()), [false, false, false, true]);
    assert_eq!(answers(isolated().no_endpoint().build()), [false; 4]);
}

#[test]
fn a_family_has_at_most_2000_label_sets_by_default() {
    let sets_of = |monitor: &Monitor| {
        for number in 0..2_005 {
            monitor.start_request("amqp").addr(number.to_string()).finish("ok");
        }
        let page = page_of(monitor);
        assert_eq!(page.requests(), 2_005.0);
        let overflowed = page.value("request_seconds_count", &[("addr", "_overflow")]);
        (page.find("request_seconds_count", &[]).len(), overflowed)
    };
    assert_eq!(sets_of(&isolated().build().monitor()), (2_001, Some(5.0)));
    assert_eq!(sets_of(&isolated().series_limit(10).build().monitor()), (11, Some(1_995.0)));
}

#[test]
fn options_that_are_off_add_nothing_to_the_page() {
    let server = Server::watched(isolated().build(), |config| {
        config.route("/a", web::get().to(HttpResponse::Ok));
    });
    assert_eq!(server.connect().get("/a").status, 200);
    let page = server.metrics();
    let count = page.find("request_seconds_count", &[]);
    let keys: Vec<_> = count[0].labels.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["type", "status", "isError", "method", "addr"]);
    assert!(page.find("dependency_up", &[]).is_empty());
    assert!(!page.text.contains("in_flight"), "{}", page.text);
}

#[test]
fn openmetrics_is_off_by_default() {
    let type_of = |middleware: BigBrother| {
        let server = Server::watched(middleware, |_| {});
        let accept = [("accept", "application/openmetrics-text; version=1.0.0")];
        let answer = server.connect().request("GET", "/metrics", &accept);
        answer.header("content-type").expect("a type").split(';').next().map(str::to_owned)
    };
    assert_eq!(type_of(isolated().build()).as_deref(), Some("text/plain"));
    let openmetrics = Some("application/openmetrics-text");
    assert_eq!(type_of(isolated().openmetrics().build()).as_deref(), openmetrics);
}

#[test]
fn a_constant_label_is_on_every_series() {
    let monitor = isolated().const_label("region", "eu \"west\"").build().monitor();
    monitor.start_request("amqp").finish("ok");
    monitor.start_dependency_request("db").finish("ok");
    monitor.register(|registry| registry.register("orders", "Orders", Counter::<u64>::default()));
    let page = page_of(&monitor);
    assert!(page.samples.len() > 10);
    for sample in &page.samples {
        assert_eq!(sample.label("region"), Some("eu \"west\""), "{sample:?}");
    }
}

// Sharing. Each scenario has a process of its own.

#[test]
fn a_conflict_names_the_option_and_both_values() {
    in_a_process_of_its_own(|| {
        let checked = || Dependency::new("db", || async { true });
        let _running = BigBrother::builder()
            .version("v1")
            .buckets([0.5, 1.0])
            .dependency_buckets([0.25])
            .series_limit(100)
            .const_label("region", "eu")
            .dependency(checked())
            .build();
        let shared = BigBrother::builder;
        let conflicts = [
            (shared().version("v2"), "version", "\"v1\"", "\"v2\""),
            (shared().buckets([0.5]), "buckets", "[0.5, 1.0]", "[0.5]"),
            (shared().dependency_buckets([2.0]), "dependency_buckets", "[0.25]", "[2.0]"),
            (shared().series_limit(200), "series_limit", "100", "200"),
            (
                shared().const_label("region", "us"),
                "const_label",
                "[(\"region\", \"eu\")]",
                "[(\"region\", \"us\")]",
            ),
            (
                shared().error_message(ErrorMessage::header("x-error")),
                "error_message",
                "false",
                "true",
            ),
            (shared().requests_in_flight(), "requests_in_flight", "false", "true"),
            (shared().blocked_workers(), "blocked_workers", "false", "true"),
            #[cfg(feature = "native-histograms")]
            (shared().native_histograms(), "native_histograms", "false", "true"),
            (
                shared().dependency(checked().every(Duration::from_secs(1))),
                "dependency \"db\", every",
                "15s",
                "1s",
            ),
            (
                shared().dependency(checked().timeout(Duration::from_secs(1))),
                "dependency \"db\", timeout",
                "5s",
                "1s",
            ),
            (
                shared().dependency(checked().critical()),
                "dependency \"db\", critical",
                "false",
                "true",
            ),
        ];
        for (builder, option, current, requested) in conflicts {
            assert_eq!(
                builder.try_build().expect_err(option).to_string(),
                format!(
                    "{option}: the monitor of this process has {current}, this build sets \
                     {requested}; all builds of a process share one monitor, so set the same value \
                     in each, leave the option out to inherit it, or make this monitor isolated()"
                )
            );
        }
    });
}

#[test]
fn an_option_left_out_is_inherited_and_the_same_value_is_accepted() {
    in_a_process_of_its_own(|| {
        let first = BigBrother::builder()
            .version("v1")
            .buckets([0.5])
            .series_limit(7)
            .const_label("region", "eu")
            .blocking_threshold(Duration::from_millis(20))
            .build();
        // With the threshold of the first one.
        let heir = BigBrother::builder().blocked_workers().build();
        let twin = BigBrother::builder()
            .version("v1")
            .buckets([0.5])
            .series_limit(7)
            .const_label("region", "eu")
            .build();
        for other in [&heir, &twin] {
            other.monitor().start_request("amqp").finish("ok");
        }
        let page = page_of(&first.monitor());
        assert_eq!(
            page.value("application_info", &[("version", "v1"), ("region", "eu")]),
            Some(1.0)
        );
        assert_eq!(page.requests(), 2.0);
        assert_eq!(bounds(&page, "request_seconds_bucket"), ["0.5", "+Inf"]);
    });
}

#[test]
fn options_of_one_middleware_never_conflict() {
    in_a_process_of_its_own(|| {
        let _first = BigBrother::builder().build();
        let other = BigBrother::builder()
            .endpoint("/internal")
            .is_error(|status| status.is_server_error())
            .observe_at(ObserveAt::Head)
            .observe_route_at("/events", ObserveAt::BodyEnd)
            .response_size(ResponseSize::Sent)
            .unmatched(Unmatched::Path)
            .exclude_status(StatusCode::NOT_FOUND)
            .exemplars(Exemplars::traceparent())
            .openmetrics()
            .exclude("/health")
            .try_build();
        assert!(other.is_ok(), "{other:?}");
    });
}

#[test]
fn an_isolated_monitor_neither_joins_nor_conflicts() {
    in_a_process_of_its_own(|| {
        let shared = BigBrother::builder().version("v1").build().monitor();
        let alone = isolated().version("v2").buckets([9.0]).build().monitor();
        alone.start_request("amqp").finish("ok");
        assert_eq!(page_of(&shared).requests(), 0.0);
        assert_eq!(page_of(&alone).requests(), 1.0);
    });
}

#[test]
fn a_dependency_added_by_four_workers_is_checked_once() {
    in_a_process_of_its_own(|| {
        let loops = Arc::new(AtomicUsize::new(0));
        let builds = Arc::new(AtomicUsize::new(0));
        let (begun, built) = (Arc::clone(&loops), Arc::clone(&builds));
        let server = Server::start(4, move || {
            built.fetch_add(1, Ordering::SeqCst);
            let begun = Arc::clone(&begun);
            // The second run is an hour after the first, so each run belongs to another loop.
            let check = move || {
                begun.fetch_add(1, Ordering::SeqCst);
                async { true }
            };
            let dependency = Dependency::new("db", check).every(Duration::from_secs(3_600));
            App::new().wrap(BigBrother::builder().dependency(dependency).build())
        });
        server.metrics();
        eventually("all workers are built", || (builds.load(Ordering::SeqCst) == 4).then_some(()));
        let monitor = Monitor::global().expect("built");
        // Time for further loops to run, if there are any.
        let last = Dependency::new("last", || async { true });
        let _last = BigBrother::builder().dependency(last).build();
        wait_for_result(&monitor, "last");
        assert_eq!(loops.load(Ordering::SeqCst), 1);
        assert_eq!(server.metrics().find("dependency_up", &[("name", "db")]).len(), 1);
    });
}

#[test]
fn register_in_the_factory_registers_once() {
    in_a_process_of_its_own(|| {
        let orders: Counter = Counter::default();
        let (made, builds) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counter, calls, built) = (orders.clone(), Arc::clone(&made), Arc::clone(&builds));
        let server = Server::start(4, move || {
            let (counter, calls) = (counter.clone(), Arc::clone(&calls));
            let register = move |registry: &mut Registry| {
                calls.fetch_add(1, Ordering::SeqCst);
                registry.register("orders", "Orders taken", counter);
            };
            let middleware = BigBrother::builder().register("orders", register).build();
            built.fetch_add(1, Ordering::SeqCst);
            App::new().wrap(middleware)
        });
        server.metrics();
        eventually("all workers are built", || (builds.load(Ordering::SeqCst) == 4).then_some(()));
        orders.inc_by(3);
        assert_eq!(server.metrics().value("orders_total", &[]), Some(3.0));
        assert_eq!(made.load(Ordering::SeqCst), 1);
    });
}

/// A builder that registers one counter, as an app's own helper function might make it.
fn with_counter(name: &'static str, counter: &Counter) -> BigBrotherBuilder {
    let counter = counter.clone();
    let register = move |registry: &mut Registry| registry.register(name, "Help", counter);
    BigBrother::builder().register(name, register)
}

#[test]
fn two_builders_of_one_function_with_different_keys_are_both_registered() {
    in_a_process_of_its_own(|| {
        let (orders, refunds) = (Counter::default(), Counter::default());
        let first = with_counter("orders", &orders).build();
        let _second = with_counter("refunds", &refunds).build();
        let _again = with_counter("orders", &orders).build();
        orders.inc_by(2);
        refunds.inc();
        let page = page_of(&first.monitor());
        assert_eq!(page.value("orders_total", &[]), Some(2.0));
        assert_eq!(page.value("refunds_total", &[]), Some(1.0));
    });
}

#[test]
fn a_key_that_another_closure_has_used_is_refused() {
    in_a_process_of_its_own(|| {
        let first = with_counter("orders", &Counter::default()).build();
        let other = |registry: &mut Registry| {
            registry.register("refunds", "Help", Counter::<u64>::default());
        };
        let refused = BigBrother::builder().register("orders", other).try_build();
        let message = refused.expect_err("the key is in use").to_string();
        assert!(message.starts_with("register: the key \"orders\" is used for two"), "{message}");
        assert!(!page_of(&first.monitor()).text.contains("refunds"));
        // Keys are those of one monitor.
        assert!(isolated().register("orders", other).try_build().is_ok());
    });
}

#[test]
fn a_builder_that_uses_one_key_twice_leaves_no_monitor_behind() {
    in_a_process_of_its_own(|| {
        let nothing = |_: &mut Registry| {};
        let twice = BigBrother::builder().version("1").register("a", nothing);
        assert!(twice.register("a", nothing).try_build().is_err());
        assert!(Monitor::global().is_none());
        assert!(BigBrother::builder().version("2").try_build().is_ok());
    });
}

#[test]
fn a_registration_that_panics_is_made_by_the_next_build_with_its_key() {
    in_a_process_of_its_own(|| {
        let attempts = Arc::new(AtomicUsize::new(0));
        let builder = || {
            let attempts = Arc::clone(&attempts);
            BigBrother::builder().register("orders", move |registry| {
                registry.register("orders", "Orders taken", Counter::<u64>::default());
                assert!(attempts.fetch_add(1, Ordering::SeqCst) > 0, "a panic, on purpose");
            })
        };
        assert!(catch_unwind(AssertUnwindSafe(|| builder().build())).is_err());
        let middleware = builder().build();
        assert_eq!(page_of(&middleware.monitor()).value("orders_total", &[]), Some(0.0));
    });
}

#[test]
fn an_invalid_build_in_the_factory_ends_the_server_under_actix() {
    in_a_process_of_its_own(|| refused_in_the_factory(Runtime::Actix));
}

#[test]
fn an_invalid_build_in_the_factory_ends_the_server_under_tokio() {
    in_a_process_of_its_own(|| refused_in_the_factory(Runtime::Tokio));
}

#[test]
fn a_conflict_between_two_workers_ends_the_server_under_actix() {
    in_a_process_of_its_own(|| conflict_between_workers(Runtime::Actix));
}

#[test]
fn a_conflict_between_two_workers_ends_the_server_under_tokio() {
    in_a_process_of_its_own(|| conflict_between_workers(Runtime::Tokio));
}

fn refused_in_the_factory(runtime: Runtime) {
    journal::start();
    let ended = run(runtime, async {
        let factory = || App::new().wrap(BigBrother::builder().version("").build());
        HttpServer::new(factory).workers(2).bind(("127.0.0.1", 0))?.run().await
    });
    assert!(ended.is_err(), "a server without workers must not go on");
    // The error of the server does not contain the reason.
    let lines = journal::lines("actix_monitor");
    assert!(lines.iter().any(|line| line.starts_with("ERROR invalid configuration: version: ")));
}

fn conflict_between_workers(runtime: Runtime) {
    let workers = Arc::new(AtomicUsize::new(0));
    let ended = run(runtime, async {
        let factory = move || {
            let number = workers.fetch_add(1, Ordering::SeqCst);
            App::new().wrap(BigBrother::builder().version(format!("v{number}")).build())
        };
        HttpServer::new(factory).workers(2).bind(("127.0.0.1", 0))?.run().await
    });
    assert!(ended.is_err(), "a server that lacks a worker must not go on");
}

#[test]
fn counters_survive_a_restart_of_the_server_within_the_process() {
    in_a_process_of_its_own(|| {
        let serve = || {
            Server::start(2, || {
                let middleware = BigBrother::builder().version("v1").build();
                App::new().wrap(middleware).route("/a", web::get().to(HttpResponse::Ok))
            })
        };
        for round in 1..=3 {
            let server = serve();
            for _ in 0..5 {
                assert_eq!(server.connect().get("/a").status, 200);
            }
            assert_eq!(server.metrics().requests(), f64::from(5 * round));
            server.stop().expect("the server ends");
        }
    });
}

#[test]
fn checks_outlive_the_system_of_their_build() {
    in_a_process_of_its_own(|| {
        let runs = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let system = System::new();
            let counted = Arc::clone(&runs);
            let check = move || {
                counted.fetch_add(1, Ordering::SeqCst);
                async { true }
            };
            let dependency = Dependency::new("db", check).every(Duration::from_millis(20));
            let middleware =
                system.block_on(async { BigBrother::builder().dependency(dependency).build() });
            let before = runs.load(Ordering::SeqCst);
            eventually("the checks go on", || {
                (runs.load(Ordering::SeqCst) > before + 3).then_some(())
            });
            stop(system);
            drop(middleware);
        }
    });
}

#[test]
fn a_check_that_blocks_while_the_system_of_its_build_stops_continues() {
    in_a_process_of_its_own(|| {
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let (begins, begun) = mpsc::channel();
        let runs = Arc::new(AtomicUsize::new(0));
        let build = || {
            let (held, begins, runs) = (Arc::clone(&held), begins.clone(), Arc::clone(&runs));
            let check = move || {
                let run = runs.fetch_add(1, Ordering::SeqCst);
                // Only the first run is waited for.
                let _ = begins.send(run);
                if run == 0 {
                    // Blocks its thread until it is released.
                    let _ = held.lock().map(|held| held.recv());
                }
                async { true }
            };
            let dependency = Dependency::new("db", check).every(Duration::from_millis(20));
            BigBrother::builder().dependency(dependency).build()
        };
        let first = System::new();
        let _first = first.block_on(async { build() });
        begun.recv().expect("the first check begins");
        stop(first);
        let second = System::new();
        let monitor = second.block_on(async { build() }).monitor();
        release.send(()).expect("the check waits");
        eventually("the checks go on", || (runs.load(Ordering::SeqCst) > 3).then_some(()));
        wait_until_up(&monitor, "db");
    });
}

/// Stops a `System` and its arbiters.
fn stop(system: SystemRunner) {
    System::current().stop();
    system.run().expect("the System stops");
}

#[test]
fn the_debug_output_of_a_middleware_is_short() {
    let output = format!("{:?}", isolated().build());
    assert!(output.len() < 1000, "{} bytes: {output}", output.len());
}
