//! Code of the app that calls the monitor while the monitor calls it: no lock is held
//! then, so nothing deadlocks. Each scenario has a process of its own, which is ended
//! if it hangs.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use actix_monitor::prometheus_client::collector::Collector;
use actix_monitor::prometheus_client::encoding::text::encode;
use actix_monitor::prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use actix_monitor::prometheus_client::metrics::counter::ConstCounter;
use actix_monitor::prometheus_client::metrics::gauge::Gauge;
use actix_monitor::prometheus_client::registry::Registry;
use actix_monitor::{
    BigBrother, BigBrotherBuilder, Dependency, ErrorMessage, Exclude, Exemplars, Format, Monitor,
    readiness, readiness_with_reasons,
};
use actix_web::test::TestRequest;
use actix_web::{HttpResponse, web};
use futures_util::FutureExt as _;

use crate::support::checks::{
    Gate, ONCE, Runs, SOON, once, wait_until_down_because, wait_until_up,
};
use crate::support::child::in_a_process_of_its_own;
use crate::support::patience::eventually;
use crate::support::server::Server;

static MONITOR: OnceLock<web::Data<Monitor>> = OnceLock::new();

fn with(dependency: Dependency) -> BigBrotherBuilder {
    BigBrother::builder().dependency(dependency)
}

/// The dependency that each build of this process has.
fn db() -> Dependency {
    once(Dependency::new("db", || async { true }))
}

/// Calls the methods of the monitor, of its handlers and of its builder, once there is a
/// monitor.
fn ask_all() {
    let Some(monitor) = MONITOR.get() else { return };
    let request = || TestRequest::default().app_data(monitor.clone()).to_http_request();
    assert!(Monitor::global().is_some() && !monitor.dependencies().is_empty());
    monitor.start_request("asked").finish("ok");
    drop(monitor.start_dependency_request("asked"));
    monitor.encode(Format::Text);
    monitor.encode(Format::OpenMetrics);
    encode(&mut String::new(), monitor.registry()).expect("no metric fails");
    readiness(request()).now_or_never().expect("it waits for nothing");
    readiness_with_reasons(request()).now_or_never().expect("it waits for nothing");
    drop(with(db()).build());
    with(db().critical()).try_build().expect_err("it is not critical");
}

/// Keeps what this crate logs, and asks all at each record.
struct AsksAll;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl log::Log for AsksAll {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target().starts_with("actix_monitor") {
            ask_all();
            let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_logger_may_call_the_monitor() {
    in_a_process_of_its_own(|| {
        log::set_logger(&AsksAll).expect("no other logger");
        log::set_max_level(log::LevelFilter::Trace);
        let (gate, runs) = (Gate::closed(), Runs::default());
        let held = gate.clone();
        let blocks = move || {
            held.wait();
            async { true }
        };
        let flips = move || std::future::ready(runs.add() % 2 == 0);
        let monitor = with(db())
            .dependency(Dependency::new("blocks", blocks).every(ONCE).timeout(SOON))
            .dependency(Dependency::new("flips", flips).every(SOON))
            .build()
            .monitor();
        MONITOR.set(monitor.clone()).expect("set once");
        let is_logged = |line: &str| {
            // Who asks for the states logs that a check blocks; nobody else can.
            monitor.dependencies();
            LINES.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|one| one == line)
        };
        for line in [
            "dependency \"blocks\" is down: no answer within 20ms",
            "dependency \"flips\" is down: the check returned false",
            "dependency \"flips\" is up",
        ] {
            eventually(&format!("{line} is logged"), || is_logged(line).then_some(()));
        }
        gate.open();
    });
}

/// An error that asks all while it is displayed.
struct AsksWhenDisplayed;

impl fmt::Display for AsksWhenDisplayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ask_all();
        f.write_str("asked")
    }
}

/// Part of a check, and asks all when it is dropped.
struct AsksWhenDropped(Runs);

impl Drop for AsksWhenDropped {
    fn drop(&mut self) {
        ask_all();
        self.0.add();
    }
}

#[test]
fn a_check_its_error_and_its_drop_may_call_the_monitor() {
    in_a_process_of_its_own(|| {
        MONITOR.set(with(db()).build().monitor()).expect("set once");
        let monitor = MONITOR.get().expect("it is set");
        let asks = || {
            ask_all();
            async {
                ask_all();
                true
            }
        };
        let blocking = || {
            ask_all();
            true
        };
        let fails = || async { Err::<(), _>(AsksWhenDisplayed) };
        let _others = with(once(Dependency::new("asks", asks)))
            .dependency(once(Dependency::blocking("asks while it blocks", blocking)))
            .dependency(once(Dependency::new("fails", fails)))
            .build();
        wait_until_up(monitor, "asks");
        wait_until_up(monitor, "asks while it blocks");
        wait_until_down_because(monitor, "fails", "asked");

        let drops = Runs::default();
        let dropped = || {
            let token = AsksWhenDropped(drops.clone());
            once(Dependency::new("db", move || {
                let _token = &token;
                async { true }
            }))
        };
        // It is checked already; it contradicts that check.
        drop(with(dropped()).build());
        with(dropped().critical()).try_build().expect_err("it is not critical");
        assert_eq!(drops.count(), 2);
    });
}

/// A collector that asks all while it is encoded, which encodes it again.
#[derive(Debug)]
struct AsksWhenEncoded;

impl Collector for AsksWhenEncoded {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        ask_all();
        let counter = ConstCounter::new(1_u64);
        let encoder = encoder.encode_descriptor("asks", "Help", None, counter.metric_type())?;
        counter.encode(encoder)
    }
}

#[test]
fn a_collector_and_its_registration_may_call_the_monitor() {
    in_a_process_of_its_own(|| {
        MONITOR.set(with(db()).build().monitor()).expect("set once");
        let monitor = MONITOR.get().expect("it is set");
        let register = |registry: &mut Registry| {
            ask_all();
            monitor.register(|_| ask_all());
            registry.register_collector(Box::new(AsksWhenEncoded));
        };
        let middleware = with(db()).register("asks", register).build();
        assert!(monitor.encode(Format::Text).contains("asks_total 1\n"));
        let server = Server::watched(middleware, |_| {});
        for _ in 0..2 {
            assert_eq!(server.metrics().value("asks_total", &[]), Some(1.0));
        }
    });
}

#[test]
fn closures_of_a_middleware_may_call_the_monitor() {
    in_a_process_of_its_own(|| {
        let excludes = Exclude::from_fn(|_| {
            ask_all();
            false
        });
        let traces = Exemplars::from_fn(|_| {
            ask_all();
            Some("trace".to_owned())
        });
        let messages = ErrorMessage::from_fn(|_| {
            ask_all();
            Some("asked".to_owned())
        });
        let builder = with(db()).exclude(excludes).exemplars(traces).error_message(messages);
        let middleware = builder.requests_in_flight().build();
        MONITOR.set(middleware.monitor()).expect("set once");
        let server = Server::watched(middleware, |app| {
            app.route("/a", web::get().to(HttpResponse::Ok));
        });
        for _ in 0..2 {
            assert_eq!(server.connect().get("/a").status, 200);
        }
        let recorded = [("addr", "/a"), ("errorMessage", "asked")];
        assert_eq!(server.metrics().value("request_seconds_count", &recorded), Some(2.0));
    });
}

#[test]
fn a_logger_may_call_the_monitor_when_a_route_blocks_its_worker() {
    in_a_process_of_its_own(|| {
        log::set_logger(&AsksAll).expect("no other logger");
        log::set_max_level(log::LevelFilter::Trace);
        let middleware = with(db()).blocking_threshold(Duration::from_nanos(1)).build();
        MONITOR.set(middleware.monitor()).expect("set once");
        let server = Server::watched(middleware, |app| {
            app.route("/blocks", web::get().to(HttpResponse::Ok));
        });
        for _ in 0..2 {
            assert_eq!(server.connect().get("/blocks").status, 200);
        }
        let labels = [("method", "GET"), ("addr", "/blocks")];
        assert_eq!(server.metrics().value("worker_blocked_total", &labels), Some(2.0));
        let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        let blocked = "GET /blocks blocked its worker";
        assert_eq!(lines.iter().filter(|line| line.contains(blocked)).count(), 1);
    });
}

#[test]
fn a_logger_may_call_the_monitor_when_the_limit_is_reached_and_when_a_metric_is_left_out() {
    in_a_process_of_its_own(|| {
        log::set_logger(&AsksAll).expect("no other logger");
        log::set_max_level(log::LevelFilter::Trace);
        let monitor = with(db()).series_limit(1).build().monitor();
        MONITOR.set(monitor.clone()).expect("set once");
        monitor.start_request("amqp").addr("one").finish("ok");
        monitor.start_request("amqp").addr("two").finish("ok");
        monitor.start_dependency_request("db").addr("one").finish("ok");
        monitor.start_dependency_request("db").addr("two").finish("ok");
        monitor.register(|registry| registry.register("my-gauge", "Help", Gauge::<i64>::default()));
        let page = monitor.encode(Format::Text);
        assert!(!page.contains("my-gauge"), "{page}");
        // The check logs as well, and its thread may be the one that logs these.
        let count = |text: &str| {
            let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
            lines.iter().filter(|line| line.contains(text)).count()
        };
        // One for each family.
        let (limit, left_out) = ("the series limit of 1", "the metric \"my-gauge\" is left out");
        eventually("both limits are logged", || (count(limit) == 2).then_some(()));
        eventually("what is left out is logged", || (count(left_out) == 1).then_some(()));
    });
}
