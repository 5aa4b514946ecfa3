//! Scrapes: metrics that fail, and many scrapes at a time.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};

use actix_monitor::prometheus_client::collector::Collector;
use actix_monitor::prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use actix_monitor::prometheus_client::metrics::counter::{ConstCounter, Counter};
use actix_monitor::prometheus_client::metrics::histogram::Histogram;
use actix_monitor::{BigBrother, metrics};
use actix_web::dev::ServiceRequest;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, web};

use crate::support::child::in_a_process_of_its_own;
use crate::support::journal;
use crate::support::oracle::{is_openmetrics, is_text};
use crate::support::page::Page;
use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::{Server, monitor};
use crate::support::services::announced;

fn ok(app: &mut web::ServiceConfig) {
    app.route("/ok", web::get().to(async || "ok"));
}

/// What a [`Moody`] metric does when it is encoded.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Good,
    Failing,
    Panicking,
}

/// A metric of the app that fails on demand.
#[derive(Clone, Debug)]
struct Moody(Arc<Mutex<Mood>>);

impl Moody {
    fn be(&self, mood: Mood) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }
}

impl Collector for Moody {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counter = ConstCounter::new(1_u64);
        let mood = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let metric = encoder.encode_descriptor("moody", "Moods", None, counter.metric_type())?;
        counter.encode(metric)?;
        match mood {
            Mood::Good => Ok(()),
            Mood::Failing => Err(fmt::Error),
            Mood::Panicking => panic!("a metric's panic, on purpose"),
        }
    }
}

#[test]
fn a_metric_that_fails_or_panics_is_left_out_and_logged_once_and_the_page_stays() {
    in_a_process_of_its_own(|| {
        journal::start();
        let monitor = monitor();
        let moody = Moody(Arc::new(Mutex::new(Mood::Good)));
        let collector = Box::new(moody.clone());
        let handle = monitor.monitor();
        handle.register(|registry| registry.register_collector(collector));
        let orders = Counter::<u64>::default();
        handle.register(|registry| registry.register("orders", "Orders taken", orders));
        let server = Server::watched(monitor, |app| {
            app.configure(ok).route("/mounted", web::get().to(metrics));
        });
        let mut client = server.connect();
        client.get("/ok");
        let expected = ["200 false GET /ok: 1 of 2 bytes"];
        for mood in [Mood::Failing, Mood::Panicking] {
            moody.be(mood);
            for path in ["/metrics", "/mounted", "/metrics"] {
                let page = is_text(&client.get(path));
                assert_eq!(page.recorded(), expected, "{mood:?} at {path}");
                assert_eq!(page.value("orders_total", &[]), Some(0.0), "{mood:?} at {path}");
                assert!(!page.text.contains("moody"), "{mood:?} at {path}: {}", page.text);
            }
            assert_eq!(client.head("/metrics").status, 200, "{mood:?}");
            moody.be(Mood::Good);
            let page = is_text(&client.get("/metrics"));
            assert_eq!(page.value("moody_total", &[]), Some(1.0));
        }
        let start = "WARN metrics of the app are left out of the page: a metric ";
        let logged = journal::lines("actix_monitor");
        for reason in ["returned an error", "panicked"] {
            let lines = logged.iter().filter(|line| line.starts_with(&format!("{start}{reason}")));
            assert_eq!(lines.count(), 1, "{reason}: {logged:?}");
        }
    });
}

/// A metric that counts its encodings, each of which waits until the gate is open.
#[derive(Clone, Debug)]
struct Gate(Arc<GateState>);

#[derive(Debug)]
struct GateState {
    is_open: Mutex<bool>,
    opened: Condvar,
    encodings: AtomicUsize,
}

impl Gate {
    fn closed() -> Self {
        Self(Arc::new(GateState {
            is_open: Mutex::new(false),
            opened: Condvar::new(),
            encodings: AtomicUsize::new(0),
        }))
    }

    fn set(&self, is_open: bool) {
        *self.0.is_open.lock().expect("no panics here") = is_open;
        self.0.opened.notify_all();
    }

    fn encodings(&self) -> usize {
        self.0.encodings.load(Ordering::SeqCst)
    }

    /// Waits until this many encodings have begun.
    fn wait_for(&self, encodings: usize) {
        let is_there = || (self.encodings() == encodings).then_some(());
        eventually("an encoding waits at the gate", is_there);
    }
}

impl Collector for Gate {
    fn encode(&self, _: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.encodings.fetch_add(1, Ordering::SeqCst);
        let is_open = self.0.is_open.lock().expect("no panics here");
        let waited = self.0.opened.wait_timeout_while(is_open, PATIENCE, |is_open| !*is_open);
        // The time limit keeps a test that fails from hanging.
        drop(waited.expect("no panics here"));
        Ok(())
    }
}

fn with_openmetrics() -> BigBrother {
    BigBrother::builder().isolated().openmetrics().build()
}

/// A server with one worker and a gate, and a message for each scrape that waits.
fn gated(monitor: BigBrother) -> (Gate, mpsc::Receiver<()>, Server) {
    let gate = Gate::closed();
    let collector = Box::new(gate.clone());
    monitor.monitor().register(|registry| registry.register_collector(collector));
    let (waits, waiting) = mpsc::channel();
    let server = Server::start(1, move || {
        let waits = waits.clone();
        let announce = from_fn(move |request: ServiceRequest, next: Next<_>| {
            let (waits, is_scrape) = (waits.clone(), request.path() == "/metrics");
            announced(next.call(request), move || {
                if is_scrape {
                    waits.send(()).expect("the test listens");
                }
            })
        });
        App::new().configure(ok).wrap(monitor.clone()).wrap(announce)
    });
    (gate, waiting, server)
}

#[test]
fn scrapes_that_overlap_share_one_encoding_and_none_is_stale() {
    let (gate, waiting, server) = gated(with_openmetrics());
    let mut first = server.connect();
    first.send_request("GET", "/metrics", &[]);
    gate.wait_for(1);
    // The only worker responds while the first page is encoded.
    assert_eq!(server.connect().get("/ok").text(), "ok");
    let mut others: Vec<_> = (0..40).map(|_| server.connect()).collect();
    for (index, other) in others.iter_mut().enumerate() {
        let accept = if index % 2 == 0 { "*/*" } else { "application/openmetrics-text" };
        other.send_request("GET", "/metrics", &[("accept", accept)]);
    }
    for _ in 0..41 {
        waiting.recv_timeout(PATIENCE).expect("each scrape begins");
    }
    assert_eq!(gate.encodings(), 1, "one encoding at a time");
    gate.set(true);
    is_text(&first.read_response());
    for (index, other) in others.iter_mut().enumerate() {
        let answer = other.read_response();
        let page = if index % 2 == 0 { is_text(&answer) } else { is_openmetrics(&answer) };
        assert_eq!(page.recorded(), ["200 false GET /ok: 1 of 2 bytes"], "scrape {index}");
    }
    assert_eq!(gate.encodings(), 2, "one encoding for all that waited");
}

/// OpenMetrics forbids a negative sum, so the metric is in the text format alone.
#[test]
fn scrapes_that_share_an_encoding_have_all_that_their_formats_allow() {
    for first in ["*/*", "application/openmetrics-text"] {
        let monitor = with_openmetrics();
        let change = Histogram::new([1.0]);
        change.observe(-2.0);
        monitor.monitor().register(|registry| registry.register("change", "Help", change));
        let (gate, waiting, server) = gated(monitor);
        let mut earlier = server.connect();
        earlier.send_request("GET", "/metrics", &[]);
        gate.wait_for(1);
        let mut clients = Vec::new();
        waiting.recv_timeout(PATIENCE).expect("the scrape begins");
        for accept in [first, "*/*", "application/openmetrics-text"] {
            let mut client = server.connect();
            client.send_request("GET", "/metrics", &[("accept", accept)]);
            waiting.recv_timeout(PATIENCE).expect("the scrape begins");
            clients.push((accept, client));
        }
        gate.set(true);
        assert!(earlier.read_response().text().contains("change_sum -2.0\n"));
        for (accept, mut client) in clients {
            let page = client.read_response().text();
            assert_eq!(page.contains("change_sum -2.0\n"), accept == "*/*", "{first}: {page}");
        }
        assert_eq!(gate.encodings(), 2, "{first}");
    }
}

#[test]
fn scrapers_that_disconnect_do_not_delay_others() {
    let (gate, waiting, server) = gated(with_openmetrics());
    let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send_request("GET", "/metrics", &[]);
        waiting.recv_timeout(PATIENCE).expect("the scrape begins");
    }
    gate.wait_for(1);
    clients.into_iter().for_each(|client| client.reset());
    let mut patient = server.connect();
    patient.send_request("GET", "/metrics", &[]);
    waiting.recv_timeout(PATIENCE).expect("the scrape begins");
    gate.set(true);
    assert_eq!(is_text(&patient.read_response()).requests(), 0.0, "scrapes are not recorded");
    assert_eq!(gate.encodings(), 2);
    is_text(&server.connect().get("/metrics"));
    assert_eq!(gate.encodings(), 3);
}

#[test]
fn every_scrape_shows_all_requests_that_ended_before_it_began() {
    const THREADS: usize = 6;
    const ROUNDS: usize = 60;
    let watched = monitor();
    let server = Server::start(2, move || App::new().configure(ok).wrap(watched.clone()));
    let (started, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let (mut client, mut scraper) = (server.connect(), server.connect());
                for _ in 0..ROUNDS {
                    started.fetch_add(1, Ordering::SeqCst);
                    client.get("/ok");
                    let at_least = 1 + ended.fetch_add(1, Ordering::SeqCst);
                    let page = Page::parse(&scraper.get("/metrics").text());
                    let at_most = started.load(Ordering::SeqCst);
                    let shown = page.requests() as usize;
                    assert!((at_least..=at_most).contains(&shown), "{at_least} {shown} {at_most}");
                }
            });
        }
    });
    assert_eq!(server.metrics().requests(), (THREADS * ROUNDS) as f64);
}

#[test]
fn the_page_is_complete_after_the_server_that_encoded_it_has_stopped() {
    let watched = monitor();
    for round in 1..=3 {
        let server = Server::watched(watched.clone(), ok);
        assert_eq!(server.connect().get("/ok").text(), "ok");
        let expected = format!("200 false GET /ok: {round} of {} bytes", 2 * round);
        assert_eq!(server.metrics().recorded(), [expected]);
        server.stop().expect("the server stops");
    }
}

#[test]
fn a_scrape_dropped_by_a_stop_does_not_delay_the_next_server() {
    let (gate, monitor) = (Gate::closed(), monitor());
    let collector = Box::new(gate.clone());
    monitor.monitor().register(|registry| registry.register_collector(collector));
    let server = Server::watched(monitor.clone(), ok);
    let mut cut_off = server.connect();
    cut_off.send_request("GET", "/metrics", &[]);
    gate.wait_for(1);
    let stopping = std::thread::spawn(move || server.stop());
    let next = Server::watched(monitor, ok);
    assert_eq!(next.connect().get("/ok").text(), "ok");
    gate.set(true);
    assert_eq!(next.metrics().recorded(), ["200 false GET /ok: 1 of 2 bytes"]);
    stopping.join().expect("no panic").expect("the server stops");
}
