//! The threads of checks: each dependency has its own, so that no check delays
//! another, and each check keeps its period whatever it does.

use std::collections::HashSet;
use std::future::{pending, ready};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use actix_monitor::Dependency;
use actix_web::rt::{System, task};

use crate::support::checks::{
    Gate, PanicsOnDrop, Runs, SOON, once, wait_until_down, wait_until_down_because, wait_until_up,
    watching,
};
use crate::support::patience::eventually;

// One thread for each dependency.

#[test]
fn each_check_has_a_thread_of_its_own() {
    let threads: Arc<Mutex<HashSet<(usize, ThreadId)>>> = Arc::default();
    let runs = [(); 3].map(|()| Runs::default());
    let dependencies = [0, 1, 2].map(|number| {
        let (threads, runs) = (Arc::clone(&threads), runs[number].clone());
        let check = move || {
            threads.lock().expect("no panic").insert((number, thread::current().id()));
            runs.add();
            ready(true)
        };
        Dependency::new(format!("check {number}"), check).every(SOON)
    });
    let monitor = watching(dependencies);
    runs.iter().for_each(|runs| runs.wait_for(3));
    drop(monitor);
    let threads = threads.lock().expect("no panic");
    let ids: HashSet<_> = threads.iter().map(|(_, id)| *id).collect();
    // Three pairs, of three threads: none has two checks, no check has two threads.
    assert_eq!((threads.len(), ids.len()), (3, 3), "{threads:?}");
    assert!(!ids.contains(&thread::current().id()));
}

#[test]
fn a_check_has_an_arbiter_and_a_system() {
    let check = || async {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let answers = async { sender.send(()).unwrap_or_default() };
        System::current().arbiter().spawn(answers) && receiver.await.is_ok()
    };
    let monitor = watching([once(Dependency::new("spawns", check))]);
    wait_until_up(&monitor, "spawns");
}

#[test]
fn a_check_that_blocks_delays_no_other() {
    let (gate, begun, runs) = (Gate::closed(), Runs::default(), Runs::default());
    let blocking = |name: &str| {
        let (held, started) = (gate.clone(), begun.clone());
        let check = move || {
            started.add();
            held.wait();
            ready(true)
        };
        Dependency::new(name, check).every(SOON)
    };
    let counted = runs.clone();
    let healthy = move || {
        counted.add();
        ready(true)
    };
    let monitor = watching([
        blocking("blocks"),
        Dependency::new("healthy", healthy).every(SOON),
        blocking("blocks too"),
    ]);
    eventually("both checks block", || (begun.count() == 2).then_some(()));
    runs.wait_for(10);
    wait_until_up(&monitor, "healthy");
    for name in ["blocks", "blocks too"] {
        wait_until_down_because(&monitor, name, "no answer within 20ms");
    }
    assert_eq!(begun.count(), 2, "both still block");
    gate.open();
}

#[test]
fn a_blocking_check_that_hangs_runs_once_at_a_time() {
    let (gate, begun, runs) = (Gate::closed(), Runs::default(), Runs::default());
    let (held, started, counted) = (gate.clone(), begun.clone(), runs.clone());
    let hangs = move || {
        started.add();
        held.wait();
        true
    };
    let healthy = move || {
        counted.add();
        true
    };
    let monitor = watching([
        Dependency::blocking("hangs", hangs).every(SOON),
        Dependency::blocking("healthy", healthy).every(SOON),
    ]);
    eventually("the check hangs", || (begun.count() > 0).then_some(()));
    wait_until_down_because(&monitor, "hangs", "no answer within 20ms");
    runs.wait_for(5);
    assert_eq!(begun.count(), 1, "threads must not pile up");
    gate.open();
    wait_until_up(&monitor, "hangs");
}

// The period.

/// Far above what a run takes, so that runs that start too early are noticed.
const PERIOD: Duration = Duration::from_millis(250);

/// Runs `check` five times, and asserts that no run came before its time.
#[track_caller]
fn assert_keeps_its_period<R>(name: &str, check: impl Fn() -> R + Send + Sync + 'static)
where
    R: Future<Output = bool> + 'static,
{
    let runs = Runs::default();
    let counted = runs.clone();
    let counting = move || {
        counted.add();
        check()
    };
    let started = Instant::now();
    let monitor = watching([Dependency::new(name, counting).every(PERIOD)]);
    let (count, elapsed) = eventually("there are five runs", || {
        // In this order: what elapses meanwhile only makes the bound wider.
        let count = runs.count();
        (count >= 5).then(|| (count, started.elapsed()))
    });
    drop(monitor);
    let periods = elapsed.as_nanos() / PERIOD.as_nanos();
    assert!(count as u128 <= periods + 1, "{name}: {count} runs in {elapsed:?}");
}

#[test]
fn a_check_that_returns_keeps_its_period() {
    assert_keeps_its_period("returns", || ready(true));
}

#[test]
fn a_check_that_stops_its_system_keeps_its_period() {
    assert_keeps_its_period("stops and returns", || {
        System::current().stop();
        ready(true)
    });
    assert_keeps_its_period("stops and waits", || {
        System::current().stop();
        pending()
    });
}

#[test]
fn a_check_that_panics_while_it_is_dropped_keeps_its_period() {
    assert_keeps_its_period("dropped at its timeout", || async {
        let _bomb = PanicsOnDrop;
        pending().await
    });
    assert_keeps_its_period("dropped with its System", || async {
        let _bomb = PanicsOnDrop;
        System::current().stop();
        pending().await
    });
    assert_keeps_its_period("dropped by a panic", || async { std::panic::panic_any(PanicsOnDrop) });
}

#[test]
fn a_check_that_stops_its_system_without_a_result_is_down() {
    let waits = || {
        System::current().stop();
        pending::<bool>()
    };
    let returns = || {
        System::current().stop();
        ready(true)
    };
    let monitor = watching([
        once(Dependency::new("waits", waits)),
        once(Dependency::new("returns", returns)),
    ]);
    let reason = "the check stopped its System before it returned";
    wait_until_down_because(&monitor, "waits", reason);
    wait_until_up(&monitor, "returns");
}

// The threads, as the kernel shows them.

#[cfg(target_os = "linux")]
#[test]
fn threads_are_named_after_their_dependencies() {
    use crate::support::checks::threads_named;

    let gate = Gate::closed();
    let holding = |name: &str| {
        let held = gate.clone();
        Dependency::blocking(name, move || {
            held.wait();
            true
        })
    };
    let _monitor = watching([
        Dependency::new("named-db", || async { true }),
        Dependency::new("named-a-long-name", || async { true }),
        Dependency::new("named-élan-vital", || async { true }),
        Dependency::new("named-\0", || async { true }),
        holding("named-holds"),
    ]);
    let names = [
        ("bb-named-db", 1),
        ("bb-named-a-long", 1),
        ("bb-named-élan-", 1),
        ("bb-named-", 1),
        // The thread of the check, and the one that it holds.
        ("bb-named-holds", 2),
    ];
    for (name, count) in names {
        eventually(&format!("{count} threads are named {name:?}"), || {
            (threads_named(name) == count).then_some(())
        });
    }
    gate.open();
}

#[cfg(target_os = "linux")]
#[test]
fn threads_do_not_pile_up() {
    use crate::support::checks::threads_named;

    let (gate, stops, hangs, leaves) =
        (Gate::closed(), Runs::default(), Runs::default(), Runs::default());
    let counted = stops.clone();
    let stopping = move || {
        counted.add();
        System::current().stop();
        pending::<bool>()
    };
    let (counted, held) = (hangs.clone(), gate.clone());
    let hanging = move || {
        counted.add();
        held.wait();
        true
    };
    // Leaves a task behind that keeps its runtime from ending.
    let (counted, held) = (leaves.clone(), gate.clone());
    let leaving = move || {
        counted.add();
        let held = held.clone();
        let (begun, begins) = mpsc::channel::<()>();
        task::spawn_blocking(move || {
            drop(begun);
            held.wait();
        });
        // A task that has not begun would not be waited for.
        begins.recv().expect_err("the task has begun");
        System::current().stop();
        pending::<bool>()
    };
    let monitor = watching([
        Dependency::new("pile-stops", stopping).every(SOON),
        Dependency::blocking("pile-hangs", hanging).every(SOON),
        Dependency::new("pile-leaves", leaving).every(SOON),
    ]);
    eventually("both checks hang", || (hangs.count() + leaves.count() == 2).then_some(()));
    stops.wait_for(10);
    assert_eq!((hangs.count(), leaves.count()), (1, 1));
    for (name, most) in [("bb-pile-stops", 1), ("bb-pile-hangs", 2), ("bb-pile-leaves", 2)] {
        let count = threads_named(name);
        assert!(count <= most, "{count} threads named {name}");
    }
    wait_until_down(&monitor, "pile-leaves");
    gate.open();
    leaves.wait_for(1);
}
