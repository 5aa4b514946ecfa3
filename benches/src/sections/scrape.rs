//! Time and size of a scrape, with several numbers of label sets.

use std::sync::Arc;
use std::time::Instant;

use actix_monitor::Format;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::Args;
use crate::peers::family::{FAMILY, family};
use crate::peers::peer::{Page, Peer};
use crate::peers::published::{BUCKETS, unlimited};
use crate::report::{Cell, Report};
use crate::runner::run_one_by_one;
use crate::services::{GRID_ROUTES, Middleware, grid, grid_status, pattern};
use crate::stats::median;

const SIZES: [usize; 3] = [100, 1_000, 10_000];

/// Requests between two scrapes, so that a page cannot be encoded once for all scrapes.
const REQUESTS: usize = 50;

/// The name of the prometheus crate's rows.
const ENCODER: &str = "prometheus TextEncoder";

/// What is scraped, in the order of the targets below.
const NAMES: [&str; 4] = ["actix-monitor, text", "actix-monitor, OpenMetrics", ENCODER, FAMILY];

struct Target {
    page: Page,
    /// Records requests.
    record: Box<dyn FnMut()>,
}

pub fn run(args: &Args, report: &mut Report) {
    for sets in SIZES {
        let mut targets = [
            middleware(&unlimited(Format::Text), sets),
            middleware(&unlimited(Format::OpenMetrics), sets),
            prometheus(sets),
            middleware(&family(), sets),
        ];
        let bytes = targets.each_ref().map(|target| (target.page)().len());
        let rounds = (400_000 / sets).clamp(40, 1000);
        let micros = time(&mut targets, args.rounds(rounds));
        for (name, (micros, bytes)) in NAMES.iter().zip(micros.into_iter().zip(bytes)) {
            report.number("scrape, µs", &format!("{name}, {sets} sets"), micros);
            report.number("scrape, bytes", &format!("{name}, {sets} sets"), bytes);
        }
        report_rows(sets, micros, report);
    }
}

fn middleware<M: Middleware>(peer: &Peer<M>, sets: usize) -> Target {
    let mut workload = grid(peer, 0, sets);
    run_one_by_one(workload.as_mut(), sets);
    let record = Box::new(move || run_one_by_one(workload.as_mut(), REQUESTS));
    Target { page: Page::clone(&peer.page), record }
}

fn prometheus(sets: usize) -> Target {
    let vectors = Arc::new(Vectors::new());
    let scraped = Arc::clone(&vectors);
    (0..sets).for_each(|set| vectors.record(set));
    let record = Box::new(move || (0..REQUESTS).for_each(|set| vectors.record(set)));
    Target { page: Arc::new(move || scraped.page()), record }
}

/// Median microseconds per scrape. The targets are scraped in turn.
fn time(targets: &mut [Target; 4], rounds: usize) -> [f64; 4] {
    let mut micros = [(); 4].map(|()| Vec::with_capacity(rounds));
    for _ in 0..rounds {
        for (target, micros) in targets.iter_mut().zip(&mut micros) {
            (target.record)();
            let start = Instant::now();
            let page = (target.page)();
            micros.push(start.elapsed().as_secs_f64() * 1e6);
            drop(page);
        }
    }
    micros.map(|mut micros| median(&mut micros))
}

fn report_rows(sets: usize, [text, open, prometheus, family]: [f64; 4], report: &mut Report) {
    for (format, micros) in [("text 0.0.4", text), ("OpenMetrics", open)] {
        let what = format!("scrape of {sets} label sets, {format}");
        let ours = || Cell::new(micros, " µs");
        let encoder = Cell::named(ENCODER, prometheus, " µs");
        let family = Cell::named(FAMILY, family, " µs");
        if sets < 1_000 {
            report.ratio(&what, ours(), encoder, 0.1);
            report.compare(&what, ours(), family);
        } else {
            report.ratio(&what, ours(), encoder, 0.08);
            report.ratio(&what, ours(), family, 0.5);
        }
    }
}

/// The metrics of this crate in the prometheus crate, without a middleware.
struct Vectors {
    registry: Registry,
    seconds: HistogramVec,
    bytes: IntCounterVec,
}

const LABELS: [&str; 5] = ["type", "status", "isError", "method", "addr"];

impl Vectors {
    fn new() -> Self {
        let seconds = HistogramOpts::new("request_seconds", "Duration of requests");
        let bytes = Opts::new("response_size_bytes", "Size of responses");
        let seconds = HistogramVec::new(seconds.buckets(BUCKETS.to_vec()), &LABELS);
        let bytes = IntCounterVec::new(bytes, &LABELS);
        let vectors = Self {
            registry: Registry::new(),
            seconds: seconds.expect("the names are valid"),
            bytes: bytes.expect("the names are valid"),
        };
        let registered = [
            vectors.registry.register(Box::new(vectors.seconds.clone())),
            vectors.registry.register(Box::new(vectors.bytes.clone())),
        ];
        assert!(registered.iter().all(Result::is_ok), "the registry is empty");
        vectors
    }

    /// Records a request of the n-th label set of the grid.
    fn record(&self, set: usize) {
        let status = grid_status(set);
        let is_error = if (400..600).contains(&status) { "true" } else { "false" };
        let addr = pattern(set % GRID_ROUTES);
        let labels = ["http", &status.to_string(), is_error, "GET", &addr];
        self.seconds.with_label_values(&labels).observe(1e-6);
        self.bytes.with_label_values(&labels).inc_by(2);
    }

    fn page(&self) -> String {
        let page = TextEncoder::new().encode_to_string(&self.registry.gather());
        page.expect("a String takes any text")
    }
}
