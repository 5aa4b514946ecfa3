//! Mixed traffic with faults at full speed, on HTTP/1 and HTTP/2, to a server with every
//! option on and one with the defaults, while scrapers read all formats: `soak SECONDS`.
//!
//! The time is divided into rounds. After each of them every request is on the page exactly
//! once, with its labels and its size. Meanwhile no scrape fails and no counter falls. At the
//! end memory, descriptors and threads are what they were after the warm-up.

#![expect(clippy::print_stdout, reason = "a program")]

mod app;
mod figures;
mod ledger;
mod log_counter;
mod scrapers;
#[allow(dead_code, reason = "the soak needs a part of it")]
mod support;
mod traffic;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use actix_monitor::Format;

use app::{Server, Watched};
use figures::Figures;
use scrapers::Last;
use support::page::Page;
use support::patience::eventually;
use traffic::{Chance, Traffic};

const ROUNDS: u32 = 12;
/// The rounds until there is every series, buffer and thread.
const WARM_UP: u32 = 3;
/// The server is restarted after each round of this multiple.
const RESTART: u32 = 3;
/// Of the heap. The allocator keeps more than that, and for each thread on its own.
const GROWTH: usize = 2 * 1024 * 1024;

/// For each server.
const CLIENTS: [Traffic; 3] = [traffic::http1, traffic::http1, traffic::http2];

/// A server with its scrapers' last pages.
struct Subject {
    watched: Watched,
    server: Option<Server>,
    last: [Last; scrapers::ALL.len()],
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let seconds: u64 = seconds.expect("usage: soak SECONDS");
    log_counter::start();
    let mut subjects =
        [Watched::with_all_options(), Watched::with_defaults()].map(|watched| Subject {
            server: Some(Server::start(&watched)),
            watched,
            last: [(); 4].map(|()| Last::new()),
        });
    settle(&subjects);
    let idle = Figures::now();
    let mut warm = idle;
    println!("round  requests  scrapes  heap, MB  resident, MB  descriptors  threads");
    for round in 1..=ROUNDS {
        let end = Instant::now() + Duration::from_secs(seconds) / ROUNDS;
        let (sent, scrapes) = play(&mut subjects, round, end);
        for subject in &subjects {
            check(subject);
        }
        let figures = rest(idle);
        let Figures { heap, resident, descriptors, threads } = figures;
        let [heap, resident] = [heap, resident].map(|bytes| bytes as f64 / 1e6);
        println!(
            "{round:5}  {sent:8}  {scrapes:7}  {heap:8.2}  {resident:12.1}  {descriptors:11}  {threads:7}"
        );
        if round == WARM_UP {
            warm = figures;
        }
        if round % RESTART == 0 {
            restart(&mut subjects);
        }
    }
    let grown = Figures::now().heap.saturating_sub(warm.heap);
    println!("the heap grew by {:.2} MB since round {WARM_UP}", grown as f64 / 1e6);
    assert!(grown < GROWTH, "memory is not flat");
    assert_eq!(log_counter::unexpected(), [] as [String; 0], "nothing else is logged");
    for Subject { watched, .. } in &subjects {
        println!("{}: {} requests, each on the page once", watched.name, watched.ledger.requests());
    }
}

/// Waits until each worker of each server has responded.
fn settle(subjects: &[Subject]) {
    for subject in subjects {
        let to = subject.server.as_ref().expect("it runs").address;
        for _ in 0..4 {
            scrapers::scrape(
                to,
                scrapers::ALL[0],
                &mut Last::new(),
                Instant::now() + Duration::from_millis(50),
            );
        }
    }
}

/// One round. Returns the numbers of requests and scrapes.
fn play(subjects: &mut [Subject], round: u32, end: Instant) -> (u64, u64) {
    thread::scope(|scope| {
        let (mut clients, mut all_scrapers) = (Vec::new(), Vec::new());
        for (place, subject) in subjects.iter_mut().enumerate() {
            let to = subject.server.as_ref().expect("it runs").address;
            let watched = &subject.watched;
            for (number, client) in CLIENTS.iter().enumerate() {
                let seed = u64::from(round) * 100 + place as u64 * 10 + number as u64;
                clients.push(scope.spawn(move || client(watched, to, Chance::new(seed), end)));
            }
            for (asks, last) in scrapers::ALL.into_iter().zip(&mut subject.last) {
                all_scrapers.push(scope.spawn(move || scrapers::scrape(to, asks, last, end)));
            }
        }
        let sum = |threads: Vec<thread::ScopedJoinHandle<'_, u64>>| {
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        };
        (sum(clients), sum(all_scrapers))
    })
}

/// Waits until all requests are recorded, and compares the page with the ledger.
fn check(subject: &Subject) {
    let Watched { name, has_all, middleware, ledger, calls, blocks } = &subject.watched;
    let monitor = middleware.monitor();
    let read = || Page::parse(&monitor.encode(Format::Text));
    let mut last = None;
    eventually(&format!("{name}: all requests are recorded, and no other"), || {
        let (before, page) = (ledger.requests(), read());
        // A request whose client is gone may still be in its handler.
        let is_quiet = last.replace(before) == Some(before) && page.requests() as u64 == before;
        if !is_quiet {
            thread::sleep(Duration::from_millis(200));
        }
        is_quiet.then_some(())
    });
    let page = read();
    assert_eq!(ledger::on_page(&page), ledger.counts(), "{name}");
    let called = calls.load(Ordering::SeqCst);
    assert_eq!(page.total("dependency_request_seconds_count") as u64, called, "{name}");
    if *has_all {
        assert_eq!(page.total("requests_in_flight"), 0.0);
        assert_eq!(page.total("request_head_seconds_count"), page.requests());
        let blocked = page.sum("worker_blocked_total", &[("addr", "/blocks")]);
        assert_eq!(blocked as u64, blocks.load(Ordering::SeqCst));
    }
}

/// Waits until descriptors and threads are what they were without traffic.
fn rest(idle: Figures) -> Figures {
    eventually("all descriptors are closed and all threads have ended", || {
        let now = Figures::now();
        (now.descriptors <= idle.descriptors && now.threads <= idle.threads).then_some(now)
    })
}

/// Stops the servers, and starts others with the same monitors.
fn restart(subjects: &mut [Subject]) {
    for subject in subjects.iter_mut() {
        subject.server.take().expect("it runs").stop();
        subject.server = Some(Server::start(&subject.watched));
    }
    settle(subjects);
}
