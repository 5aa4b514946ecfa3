//! Dependencies: what a check may return or do wrong, and the state that follows.

use std::future::{pending, ready};
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_monitor::{BigBrother, Dependency, DependencyStatus, readiness};
use actix_web::web;

use crate::support::checks::{
    Gate, ONCE, PanicsOnDrop, Runs, SOON, once, state_of, up_on_page, wait_until_down,
    wait_until_down_because, wait_until_up, watching,
};
use crate::support::journal;
use crate::support::patience::eventually;
use crate::support::server::Server;

// What a check may return.

#[test]
fn a_check_returns_a_bool_or_a_result() {
    let monitor = watching(
        [
            Dependency::new("true", || async { true }),
            Dependency::new("false", || async { false }),
            Dependency::new("ok", || async { Ok::<_, std::io::Error>("whatever it is") }),
            Dependency::new("err", || async { Err::<(), _>("connection refused") }),
            Dependency::blocking("blocking true", || true),
            Dependency::blocking("blocking err", || Err::<(), _>("no such file")),
        ]
        .map(once),
    );
    for name in ["true", "ok", "blocking true"] {
        wait_until_up(&monitor, name);
        assert_eq!(up_on_page(&monitor, name), Some(1.0));
        assert_eq!(state_of(&monitor, name).reason(), None);
    }
    let expected = [
        ("false", "the check returned false"),
        ("err", "connection refused"),
        ("blocking err", "no such file"),
    ];
    for (name, reason) in expected {
        assert_eq!(wait_until_down(&monitor, name), reason);
        assert_eq!(up_on_page(&monitor, name), Some(0.0));
    }
}

#[test]
fn a_reason_is_cut_to_120_characters_in_the_state_and_in_the_log() {
    journal::start();
    let long = || async { Err::<(), _>("é".repeat(10_000)) };
    let monitor = watching([once(Dependency::new("talks much", long))]);
    let cut = "é".repeat(120);
    assert_eq!(wait_until_down(&monitor, "talks much"), cut);
    let expected = format!("WARN dependency \"talks much\" is down: {cut}");
    eventually("it is logged", || {
        journal::lines("actix_monitor").contains(&expected).then_some(())
    });
}

#[test]
fn the_first_run_is_immediate() {
    let monitor = watching([once(Dependency::new("db", || async { true }))]);
    wait_until_up(&monitor, "db");
}

#[test]
fn before_its_first_result_a_dependency_is_neither_up_nor_down() {
    let runs = Runs::default();
    let begun = runs.clone();
    let check = move || {
        begun.add();
        pending::<bool>()
    };
    let monitor = watching([once(Dependency::new("db", check))]);
    eventually("the check runs", || (runs.count() == 1).then_some(()));
    let state = state_of(&monitor, "db");
    assert_eq!((state.status(), state.since()), (DependencyStatus::Unknown, None));
    assert_eq!((state.reason(), state.last_duration()), (None, None));
    assert_eq!(up_on_page(&monitor, "db"), None);
}

#[test]
fn a_dependency_follows_its_checks_up_and_down() {
    let is_up = Arc::new(AtomicBool::new(true));
    let answer = Arc::clone(&is_up);
    let check = move || ready(answer.load(Ordering::SeqCst));
    let monitor = watching([Dependency::new("db", check).every(SOON)]);
    for round in 0..3 {
        is_up.store(round % 2 == 0, Ordering::SeqCst);
        if round % 2 == 0 {
            wait_until_up(&monitor, "db");
        } else {
            wait_until_down_because(&monitor, "db", "the check returned false");
        }
    }
}

#[test]
fn since_is_the_last_change_and_not_the_last_check() {
    let (runs, is_up) = (Runs::default(), Arc::new(AtomicBool::new(false)));
    let (counted, answer) = (runs.clone(), Arc::clone(&is_up));
    let check = move || {
        counted.add();
        ready(answer.load(Ordering::SeqCst))
    };
    let monitor = watching([Dependency::new("db", check).every(SOON)]);
    wait_until_down(&monitor, "db");
    let first = state_of(&monitor, "db").since().expect("it has a state");
    runs.wait_for(3);
    assert_eq!(state_of(&monitor, "db").since(), Some(first));
    is_up.store(true, Ordering::SeqCst);
    wait_until_up(&monitor, "db");
    assert!(state_of(&monitor, "db").since() > Some(first));
}

#[test]
fn a_change_of_state_is_logged_once_with_its_reason() {
    journal::start();
    let runs = Runs::default();
    let counted = runs.clone();
    let check = move || {
        ready(match counted.add() {
            0..2 => Err("refused"),
            2..4 => Ok(()),
            _ => Err("gone away"),
        })
    };
    // A period, and so a timeout, that a busy machine keeps as well.
    let monitor = watching([Dependency::new("logged", check).every(Duration::from_secs(1))]);
    eventually("it has gone away", || (runs.count() > 5).then_some(()));
    drop(monitor);
    let lines = journal::lines("actix_monitor");
    let lines = lines.into_iter().filter(|line| line.contains("\"logged\""));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "WARN dependency \"logged\" is down: refused",
            "INFO dependency \"logged\" is up",
            "WARN dependency \"logged\" is down: gone away",
        ]
    );
}

#[test]
fn the_state_the_page_and_readiness_run_no_check() {
    let runs = Runs::default();
    let counted = runs.clone();
    let check = move || {
        counted.add();
        ready(true)
    };
    let dependency = once(Dependency::new("db", check));
    let middleware = BigBrother::builder().isolated().dependency(dependency).build();
    let monitor = middleware.monitor();
    let server = Server::watched(middleware, |config| {
        config.route("/ready", web::get().to(readiness));
    });
    wait_until_up(&monitor, "db");
    let mut client = server.connect();
    for _ in 0..50 {
        state_of(&monitor, "db");
        up_on_page(&monitor, "db");
        assert_eq!(client.get("/ready").status, 200);
    }
    // Time for the runs that were asked for, if there were any.
    let later = watching([once(Dependency::new("later", || async { true }))]);
    wait_until_up(&later, "later");
    assert_eq!(runs.count(), 1);
}

// What a check may do wrong.

#[test]
fn a_check_that_panics_is_down_and_comes_up_when_it_no_longer_does() {
    journal::start();
    let panics_once = |name: &str, panic: fn()| {
        let runs = Runs::default();
        let check = move || {
            let is_first = runs.add() == 0;
            async move {
                if is_first {
                    panic();
                }
                true
            }
        };
        Dependency::new(name, check)
    };
    let runs = Runs::default();
    let in_closure = move || {
        assert!(runs.add() > 0, "told to panic in the closure");
        ready(true)
    };
    let runs = Runs::default();
    let on_pool = move || {
        assert!(runs.add() > 0, "told to panic on the pool");
        true
    };
    let dependencies = [
        Dependency::new("panics in its closure", in_closure),
        panics_once("panics in its future", || panic!("told to panic in the future")),
        panics_once("panics twice", || panic_any(PanicsOnDrop)),
        panics_once("panics in a drop", || drop(PanicsOnDrop)),
        Dependency::blocking("panics on the pool", on_pool),
    ];
    // A period, and so a timeout, that a busy machine keeps as well.
    let monitor = watching(dependencies.map(|one| one.every(Duration::from_secs(2))));
    for state in monitor.dependencies() {
        wait_until_up(&monitor, state.name());
        let down = format!("WARN dependency {:?} is down: the check panicked", state.name());
        assert!(journal::lines("actix_monitor").contains(&down), "{down}");
    }
}

#[test]
fn a_check_that_never_returns_is_down_and_runs_again() {
    let runs = Runs::default();
    let begun = runs.clone();
    let check = move || {
        begun.add();
        pending::<bool>()
    };
    let monitor = watching([Dependency::new("db", check).every(SOON).timeout(SOON)]);
    wait_until_down_because(&monitor, "db", "no answer within 20ms");
    runs.wait_for(3);
}

#[test]
fn a_timeout_longer_than_the_period_is_shortened_to_it() {
    let monitor = watching([Dependency::new("db", pending::<bool>).every(SOON).timeout(ONCE)]);
    wait_until_down_because(&monitor, "db", "no answer within 20ms");
}

#[test]
fn a_check_that_blocks_is_down_at_its_timeout_and_stays_so_whatever_it_returns() {
    for kind in ["asynchronous", "blocking"] {
        let gate = Gate::closed();
        let held = gate.clone();
        let check = move || {
            held.wait();
            true
        };
        let dependency = match kind {
            "blocking" => Dependency::blocking("db", check),
            _ => Dependency::new("db", move || ready(check())),
        };
        let monitor = watching([dependency.every(ONCE).timeout(SOON)]);
        wait_until_down_because(&monitor, "db", "no answer within 20ms");
        assert_eq!(up_on_page(&monitor, "db"), Some(0.0), "{kind}");
        gate.open();
        eventually("the run has ended", || state_of(&monitor, "db").last_duration());
        assert_eq!(wait_until_down(&monitor, "db"), "no answer within 20ms", "{kind}");
    }
}

#[test]
fn a_check_that_blocks_comes_up_again_when_it_no_longer_does() {
    let (gate, runs) = (Gate::closed(), Runs::default());
    let (held, counted) = (gate.clone(), runs.clone());
    let check = move || {
        if counted.add() > 0 {
            held.wait();
        }
        ready(true)
    };
    let monitor = watching([Dependency::new("db", check).every(SOON)]);
    eventually("the check blocks", || (runs.count() > 1).then_some(()));
    wait_until_down(&monitor, "db");
    assert_eq!(up_on_page(&monitor, "db"), Some(0.0));
    gate.open();
    wait_until_up(&monitor, "db");
}

#[test]
fn checks_go_on_beside_those_that_go_wrong() {
    let runs = Runs::default();
    let counted = runs.clone();
    let healthy = move || {
        counted.add();
        ready(true)
    };
    let monitor = watching([
        Dependency::new("fails", || async { false }).every(SOON),
        Dependency::new("panics", || async { panic!("told to") as bool }).every(SOON),
        Dependency::new("never returns", pending::<bool>).every(SOON),
        Dependency::new("healthy", healthy).every(SOON),
    ]);
    wait_until_down_because(&monitor, "fails", "the check returned false");
    wait_until_down_because(&monitor, "panics", "the check panicked");
    wait_until_down_because(&monitor, "never returns", "no answer within 20ms");
    runs.wait_for(10);
    wait_until_up(&monitor, "healthy");
}
