//! Past the series limit: `addr` is `_overflow`, everything else stays exact, it is logged
//! once, and no thread waits for another.

use std::sync::{Barrier, OnceLock};
use std::thread;

use actix_monitor::{BigBrother, ErrorMessage, Monitor, Unmatched};
use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, web};

use crate::support::child::in_a_process_of_its_own;
use crate::support::journal;
use crate::support::oracle::page_of;
use crate::support::page::Page;
use crate::support::server::Server;

const LIMIT: usize = 5;
const THREADS: usize = 4;

/// The samples of the overflow, each with its labels: what an alert on errors reads.
fn overflowed(page: &Page, family: &str) -> Vec<(String, f64)> {
    let counts = page.find(&format!("{family}_count"), &[("addr", "_overflow")]).into_iter();
    let keys = ["name", "type", "status", "isError", "errorMessage", "method"];
    let mut lines: Vec<_> = counts
        .map(|count| {
            let labels: Vec<_> = keys.iter().filter_map(|key| count.label(key)).collect();
            (labels.join(" "), count.value)
        })
        .collect();
    lines.sort_by(|one, other| one.0.cmp(&other.0));
    lines
}

/// Fills both families, each with as many label sets as they may have.
fn fill(monitor: &Monitor) {
    for number in 0..LIMIT {
        monitor.start_request("http").method("GET").addr(format!("/{number}")).finish(200);
        monitor.start_dependency_request("db").addr(format!("/{number}")).finish("ok");
    }
}

#[test]
fn totals_and_all_labels_but_addr_are_exact_when_threads_race_past_the_limit() {
    const ROUNDS: usize = 300;
    let monitor = BigBrother::builder().isolated().series_limit(LIMIT).build().monitor();
    fill(&monitor);
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (monitor, barrier) = (&monitor, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for round in 0..ROUNDS {
                    let addr = format!("/{thread}/{round}");
                    let request = |kind, method| {
                        monitor.start_request(kind).method(method).addr(addr.clone())
                    };
                    request("amqp", "CONSUME").response_bytes(3).finish("ack");
                    request("amqp", "CONSUME").fail("nack");
                    request("http", "GET").response_bytes(2).finish(200);
                    request("http", "POST").fail(500);
                    // Within the limit: its own series, permanently.
                    monitor.start_request("http").method("GET").addr("/0").finish(200);
                    let call = monitor.start_dependency_request("cache").kind("resp");
                    call.method("GET").addr(addr).finish("hit");
                }
            });
        }
    });
    let page = page_of(&monitor);
    let each = (THREADS * ROUNDS) as f64;
    let lines = [
        "amqp ack false CONSUME",
        "amqp nack true CONSUME",
        "http 200 false GET",
        "http 500 true POST",
    ];
    let expected = lines.map(|labels| (labels.to_owned(), each));
    assert_eq!(overflowed(&page, "request_seconds"), expected);
    let expected = [("cache resp hit false GET".to_owned(), each)];
    assert_eq!(overflowed(&page, "dependency_request_seconds"), expected);
    let count = "request_seconds_count";
    assert_eq!(page.value(count, &[("addr", "/0")]), Some(1.0 + each));
    assert_eq!(page.total(count), LIMIT as f64 + 5.0 * each);
    assert_eq!(page.total("dependency_request_seconds_count"), LIMIT as f64 + each);
    assert_eq!(page.total("response_size_bytes"), 5.0 * each);
    assert_eq!(page.find(count, &[]).len(), LIMIT + lines.len());
}

#[test]
fn requests_of_several_workers_past_the_limit_keep_status_method_and_errors() {
    let watched = BigBrother::builder()
        .isolated()
        .series_limit(LIMIT)
        .unmatched(Unmatched::Path)
        .error_message(ErrorMessage::header("error-message"))
        .build();
    let monitor = watched.monitor();
    let server = Server::start(2, move || {
        let fails = web::to(async |path: web::Path<(u16, String)>| {
            let status = StatusCode::from_u16(path.0).expect("a status");
            HttpResponse::build(status).insert_header(("error-message", &*path.1)).finish()
        });
        App::new().route("/fails/{status}/{message}", fails).wrap(watched.clone())
    });
    fill(&monitor);
    const ROUNDS: usize = 100;
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for round in 0..ROUNDS {
                    assert_eq!(client.get(&format!("/{thread}/{round}")).status, 404);
                    let failing = format!("/fails/503/{thread}-{round}");
                    assert_eq!(client.request("PUT", &failing, &[]).status, 503);
                }
            });
        }
    });
    let page = page_of(&monitor);
    let each = (THREADS * ROUNDS) as f64;
    let lines = ["http 404 true _overflow GET", "http 503 true _overflow PUT"];
    let expected = lines.map(|labels| (labels.to_owned(), each));
    assert_eq!(overflowed(&page, "request_seconds"), expected);
    assert_eq!(page.requests(), LIMIT as f64 + 2.0 * each);
}

#[test]
fn a_full_family_is_logged_once_whoever_records_past_the_limit() {
    journal::start();
    // A limit that no other test has: the log is shared.
    const LIMIT: usize = 37;
    let monitor = BigBrother::builder().isolated().series_limit(LIMIT).build().monitor();
    let warnings = || {
        let lines = journal::lines("actix_monitor").into_iter();
        lines.filter(|line| line.starts_with("WARN") && line.contains(" 37 label sets")).count()
    };
    for number in 0..LIMIT {
        monitor.start_request("amqp").addr(format!("/{number}")).finish("ok");
    }
    assert_eq!(warnings(), 0, "it is full, and nothing is past the limit");
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (monitor, barrier) = (&monitor, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..50 {
                    let timer = monitor.start_request("amqp").addr(format!("/{thread}/{number}"));
                    timer.finish(if number % 2 == 0 { "ack" } else { "nack" });
                }
            });
        }
    });
    assert_eq!(warnings(), 1);
    for number in 0..=LIMIT {
        monitor.start_dependency_request("db").addr(format!("/{number}")).finish("ok");
    }
    assert_eq!(warnings(), 2, "the other family is full as well");
}

/// How often this thread has waited: for a lock, or for the system.
fn waits() -> usize {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|line| line.trim().parse().ok()).expect("a number")
}

#[test]
fn threads_that_record_past_the_limit_do_not_wait_for_each_other() {
    const RECORDS: usize = 100_000;
    in_a_process_of_its_own(|| {
        let monitor = BigBrother::builder().isolated().series_limit(LIMIT).build().monitor();
        fill(&monitor);
        let barrier = Barrier::new(THREADS);
        let waited: usize = thread::scope(|scope| {
            let record = |thread: usize| {
                let (monitor, barrier) = (&monitor, &barrier);
                scope.spawn(move || {
                    let addrs: Vec<_> = (0..100).map(|addr| format!("/{thread}/{addr}")).collect();
                    let record = |number: usize| {
                        let addr = addrs[number % addrs.len()].clone();
                        monitor.start_request("amqp").addr(addr).finish("ok");
                    };
                    barrier.wait();
                    (0..addrs.len()).for_each(record);
                    let before = waits();
                    (0..RECORDS).for_each(record);
                    waits() - before
                })
            };
            let threads: Vec<_> = (0..THREADS).map(record).collect();
            threads.into_iter().map(|thread| thread.join().expect("it records")).sum()
        });
        assert!(waited < 60, "{waited} waits for {} records", THREADS * RECORDS);
    });
}

#[test]
fn threads_record_past_the_limit_while_one_logs_that_it_is_reached() {
    in_a_process_of_its_own(|| {
        log::set_logger(&Records).expect("no other logger");
        log::set_max_level(log::LevelFilter::Info);
        let monitor = BigBrother::builder().isolated().series_limit(1).build().monitor();
        MONITOR.set(monitor.clone()).expect("set once");
        for number in 0..10 {
            monitor.start_request("amqp").addr(format!("/{number}")).finish("ok");
        }
        let page = page_of(&monitor);
        assert_eq!(page.requests(), 10.0 + RECORDS_WHILE_LOGGING as f64);
    });
}

static MONITOR: OnceLock<web::Data<Monitor>> = OnceLock::new();
const RECORDS_WHILE_LOGGING: usize = 20;

/// A logger that waits, while it logs, for another thread that records past the limit.
struct Records;

impl log::Log for Records {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if !record.args().to_string().contains("label sets") {
            return;
        }
        let monitor = MONITOR.get().expect("it is set").clone();
        let records = move || {
            for number in 0..RECORDS_WHILE_LOGGING {
                monitor.start_request("amqp").addr(format!("/late/{number}")).finish("ok");
            }
        };
        thread::spawn(records).join().expect("it records");
    }

    fn flush(&self) {}
}
