//! The life of checks: they run for as long as there is a handle, in every runtime,
//! and keep no process from exiting.

use std::future::{pending, ready};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_monitor::{BigBrother, Dependency};
use actix_web::{App, HttpServer};
use futures_util::future::join;

use crate::support::checks::{ONCE, Runs, SOON, once, wait_until_up, watching};
use crate::support::child::{in_a_process_of_its_own, terminate_this_process};
use crate::support::patience::eventually;

// Handles.

#[test]
fn a_collector_that_outlives_its_monitor_does_not_keep_the_checks_running() {
    let token = Arc::new(());
    let held = Arc::downgrade(&token);
    let check = move || {
        let _token = &token;
        ready(true)
    };
    let dependency = once(Dependency::new("db", check));
    let monitor = BigBrother::builder().isolated().dependency(dependency).build().monitor();
    wait_until_up(&monitor, "db");
    let collector = monitor.collector();
    drop(monitor);
    eventually("the check is dropped", || (held.strong_count() == 0).then_some(()));
    drop(collector);
}

#[test]
fn dropping_the_last_handle_of_an_isolated_monitor_stops_its_checks() {
    let token = Arc::new(());
    let held = Arc::downgrade(&token);
    let (waits, blocks) = (Arc::clone(&token), Arc::clone(&token));
    let returning = move || {
        let _token = &token;
        ready(true)
    };
    let waiting = move || {
        let _token = &waits;
        pending::<bool>()
    };
    // Longer than its period: it is due again each time it returns.
    let runs = Runs::default();
    let counted = runs.clone();
    let busy = move || {
        let _token = &blocks;
        counted.add();
        thread::sleep(Duration::from_millis(10));
        ready(true)
    };
    let middleware = BigBrother::builder()
        .isolated()
        .dependency(once(Dependency::new("returns", returning)))
        .dependency(once(Dependency::new("waits", waiting)))
        .dependency(Dependency::new("is busy", busy).every(Duration::from_millis(5)))
        .build();
    let last = middleware.monitor();
    wait_until_up(&last, "returns");
    runs.wait_for(3);
    drop(middleware);
    assert_eq!(held.strong_count(), 3, "a handle is left");
    drop(last);
    let count = runs.count();
    eventually("the checks are gone", || (held.strong_count() == 0).then_some(()));
    // One run may have started meanwhile, and one before the thread hears of the end.
    assert!(runs.count() <= count + 2, "{} more runs", runs.count() - count);
}

#[test]
fn checks_go_on_for_as_long_as_there_is_a_handle() {
    let runs = Runs::default();
    let counted = runs.clone();
    let check = move || {
        counted.add();
        ready(true)
    };
    let dependency = Dependency::new("db", check).every(SOON);
    let middleware = BigBrother::builder().isolated().dependency(dependency).build();
    let clone = middleware.clone();
    drop(middleware);
    runs.wait_for(3);
    let handle = clone.monitor();
    drop(clone);
    runs.wait_for(3);
    drop(handle);
}

// Runtimes.

/// Both kinds of checks have a result.
fn checks_work() {
    let monitor = watching(
        [
            Dependency::new("async", || async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                true
            }),
            Dependency::blocking("blocking", || true),
        ]
        .map(once),
    );
    wait_until_up(&monitor, "async");
    wait_until_up(&monitor, "blocking");
}

#[actix_web::main]
async fn actix_main() {
    checks_work();
}

#[tokio::main]
async fn tokio_main() {
    checks_work();
}

#[test]
fn checks_work_under_actix_main() {
    in_a_process_of_its_own(|| {
        actix_main();
    });
}

#[test]
fn checks_work_under_tokio_main() {
    in_a_process_of_its_own(|| {
        tokio_main();
    });
}

#[test]
fn checks_work_in_a_plain_main() {
    in_a_process_of_its_own(|| {
        checks_work();
    });
}

#[test]
fn checks_outlive_the_runtime_that_started_them() {
    in_a_process_of_its_own(|| {
        let runs = Runs::default();
        let counted = runs.clone();
        let check = move || {
            counted.add();
            ready(true)
        };
        let dependency = Dependency::new("db", check).every(SOON);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let monitor = runtime.block_on(async { watching([dependency]) });
        wait_until_up(&monitor, "db");
        drop(runtime);
        runs.wait_for(3);
    });
}

// The end of the process.

/// One check blocks its thread forever, and one a thread of the blocking pool.
fn hopeless(begun: &Runs) -> BigBrother {
    let (first, second) = (begun.clone(), begun.clone());
    let blocks = move || {
        first.add();
        block_forever();
        ready(true)
    };
    let hangs = move || {
        second.add();
        block_forever();
        true
    };
    BigBrother::builder()
        .dependency(Dependency::blocking("hangs", hangs))
        .dependency(Dependency::new("blocks", blocks).every(ONCE))
        .build()
}

fn block_forever() {
    loop {
        thread::park();
    }
}

async fn serve_until_told_to_end() -> std::io::Result<()> {
    let begun = Runs::default();
    let middleware = hopeless(&begun);
    let server = HttpServer::new(move || App::new().wrap(middleware.clone()))
        .workers(1)
        .bind(("127.0.0.1", 0))?
        .run();
    let handle = server.handle();
    let end = async move {
        // A server that hears commands has made its handlers of signals before.
        handle.pause().await;
        thread::spawn(move || {
            eventually("both checks are under way", || (begun.count() == 2).then_some(()));
            terminate_this_process();
        });
    };
    join(server, end).await.0
}

#[actix_web::main]
async fn actix_service() -> std::io::Result<()> {
    serve_until_told_to_end().await
}

#[tokio::main]
async fn tokio_service() -> std::io::Result<()> {
    serve_until_told_to_end().await
}

#[test]
fn a_check_that_blocks_does_not_keep_an_actix_service_from_exiting() {
    in_a_process_of_its_own(|| actix_service().expect("the server ends"));
}

#[test]
fn a_check_that_blocks_does_not_keep_a_tokio_service_from_exiting() {
    in_a_process_of_its_own(|| tokio_service().expect("the server ends"));
}
