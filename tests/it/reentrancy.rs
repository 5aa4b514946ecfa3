//! Code of the app that calls the monitor while the monitor calls it: no lock is held
//! then, so nothing deadlocks. Each scenario has a process of its own, which is ended
//! if it hangs.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use actix_monitor::{
    BigBrother, BigBrotherBuilder, Dependency, Format, Monitor, readiness, readiness_with_reasons,
};
use actix_web::test::TestRequest;
use actix_web::web;
use futures_util::FutureExt as _;

use crate::support::checks::{
    Gate, ONCE, Runs, SOON, once, wait_until_down_because, wait_until_up,
};
use crate::support::child::in_a_process_of_its_own;
use crate::support::patience::eventually;

static MONITOR: OnceLock<web::Data<Monitor>> = OnceLock::new();

fn with(dependency: Dependency) -> BigBrotherBuilder {
    BigBrother::builder().dependency(dependency)
}

/// The dependency that each build of this process has.
fn db() -> Dependency {
    once(Dependency::new("db", || async { true }))
}

/// Calls all that has to do with dependencies, once there is a monitor.
fn ask_all() {
    let Some(monitor) = MONITOR.get() else { return };
    let request = || TestRequest::default().app_data(monitor.clone()).to_http_request();
    assert!(!monitor.dependencies().is_empty());
    monitor.encode(Format::Text).expect("a page");
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
            .handle();
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
        MONITOR.set(with(db()).build().handle()).expect("set once");
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
