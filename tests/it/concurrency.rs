//! Concurrent requests and scrapes: nothing is lost or counted twice, and each page is
//! consistent.

use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use actix_monitor::{BigBrother, Format, Monitor};
use actix_web::{App, HttpResponse, web};

use crate::support::page::{Page, Sample};
use crate::support::server::Server;

const SENDERS: u64 = 6;
const REQUESTS: u64 = 400;

/// How many requests have begun and how many have ended: the count on a page lies between
/// the two.
#[derive(Default)]
struct Traffic {
    begun: AtomicU64,
    ended: AtomicU64,
    is_over: AtomicBool,
}

impl Traffic {
    fn send(&self, request: impl FnOnce()) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        request();
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    /// Reads pages until the traffic is over, and once more. The parser checks that the
    /// `+Inf` bucket equals `_count`.
    fn read_along(&self, scrape: impl Fn() -> Page) {
        let mut last = HashMap::new();
        loop {
            let is_over = self.is_over.load(Ordering::SeqCst);
            let ended = self.ended.load(Ordering::SeqCst);
            let page = scrape();
            let begun = self.begun.load(Ordering::SeqCst);
            let shown = page.requests() as u64;
            assert!((ended..=begun).contains(&shown), "{shown} is not within {ended}..={begun}");
            last = assert_none_falls(last, &page);
            if is_over {
                return;
            }
        }
    }
}

/// Asserts that no counter of requests has fallen, and returns the counters.
fn assert_none_falls(last: HashMap<String, f64>, page: &Page) -> HashMap<String, f64> {
    let ours = ["request_seconds", "response_size_bytes"];
    let counters = page.samples.iter().filter(|s| ours.iter().any(|name| s.name.starts_with(name)));
    let now: HashMap<String, f64> = counters.map(|sample| (key_of(sample), sample.value)).collect();
    for (key, before) in last {
        let after = now.get(&key).copied();
        assert!(
            after.is_some_and(|after| after >= before),
            "{key} fell from {before} to {after:?}"
        );
    }
    now
}

fn key_of(sample: &Sample) -> String {
    format!("{}{:?}", sample.name, sample.labels)
}

#[test]
fn pages_read_during_requests_neither_lose_nor_repeat_one() {
    let middleware = BigBrother::builder().isolated().build();
    let server = Server::start(2, move || {
        App::new()
            .wrap(middleware.clone())
            .route("/known/{id}", web::get().to(|| async { "hello" }))
            .route("/missing/{id}", web::get().to(HttpResponse::NotFound))
    });
    let (traffic, gate) = (Traffic::default(), Barrier::new(SENDERS as usize + 2));
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                gate.wait();
                traffic.read_along(|| server.metrics())
            })
        });
        let senders = (0..SENDERS).map(|sender| {
            let (traffic, gate, server) = (&traffic, &gate, &server);
            scope.spawn(move || {
                let mut client = server.connect();
                let paths = [format!("/known/{sender}"), format!("/missing/{sender}"), "/?".into()];
                gate.wait();
                for path in paths.iter().cycle().take(REQUESTS as usize) {
                    traffic.send(|| assert!(client.get(path).is_complete));
                }
            })
        });
        let senders: Vec<_> = senders.collect();
        let are_well: Vec<_> = senders.into_iter().map(|sender| sender.join().is_ok()).collect();
        traffic.is_over.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.join().expect("each page is right");
        }
        assert!(are_well.into_iter().all(|is_well| is_well));
    });
    let page = server.metrics();
    assert_eq!(page.requests() as u64, SENDERS * REQUESTS);
    let answered = |status| page.sum("request_seconds_count", &[("status", status)]) as u64;
    // Of 400 requests, 134 are for the first of the three paths.
    assert_eq!((answered("200"), answered("404")), (SENDERS * 134, SENDERS * 266));
    let known = page.value("response_size_bytes", &[("addr", "/known/{id}")]);
    assert_eq!(known, Some((SENDERS * 134 * 5) as f64));
}

#[test]
fn pages_read_while_series_are_created_lack_none_that_existed() {
    let monitor = BigBrother::builder().isolated().series_limit(1_000).build().monitor();
    let page_of = |monitor: &Monitor| Page::parse(&monitor.encode(Format::Text));
    let (traffic, gate) = (Traffic::default(), Barrier::new(SENDERS as usize + 1));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            gate.wait();
            traffic.read_along(|| page_of(&monitor))
        });
        let senders = (0..SENDERS).map(|_| {
            scope.spawn(|| {
                gate.wait();
                for number in 0..REQUESTS {
                    // All threads create the same series.
                    let timer = monitor.start_request("amqp").addr(number.to_string());
                    traffic.send(|| timer.response_bytes(3).finish("ok"));
                }
            })
        });
        let senders: Vec<_> = senders.collect();
        let are_well: Vec<_> = senders.into_iter().map(|sender| sender.join().is_ok()).collect();
        traffic.is_over.store(true, Ordering::SeqCst);
        reader.join().expect("each page is right");
        assert!(are_well.into_iter().all(|is_well| is_well));
    });
    let page = page_of(&monitor);
    assert_eq!(page.find("request_seconds_count", &[]).len() as u64, REQUESTS);
    for series in page.find("request_seconds_count", &[]) {
        assert_eq!(series.value as u64, SENDERS, "{series:?}");
    }
    assert_eq!(page.total("response_size_bytes") as u64, 3 * SENDERS * REQUESTS);
}

#[test]
fn no_request_is_lost_when_threads_race_for_the_last_series_within_the_limit() {
    let monitor = BigBrother::builder().isolated().series_limit(50).build().monitor();
    let gate = Barrier::new(SENDERS as usize);
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (monitor, gate) = (&monitor, &gate);
            scope.spawn(move || {
                gate.wait();
                for number in 0..REQUESTS {
                    let addr = format!("{sender}/{number}");
                    monitor.start_request("amqp").addr(addr).finish("ok");
                }
            });
        }
    });
    let page = Page::parse(&monitor.encode(Format::Text));
    assert_eq!(page.requests() as u64, SENDERS * REQUESTS);
    assert_eq!(page.find("request_seconds_count", &[]).len(), 51);
    let overflowed = page.value("request_seconds_count", &[("addr", "_overflow")]);
    assert_eq!(overflowed.map(|count| count as u64), Some(SENDERS * REQUESTS - 50));
}
