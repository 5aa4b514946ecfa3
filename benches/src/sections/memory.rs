//! Live heap: per label set, per further worker that uses it, after a client has requested
//! 200 000 paths that no route matches, and after it has sent 1 000 000 values of a label.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use actix_monitor::{Format, Label};
use actix_web::App;

use crate::peers::family::{FAMILY, family};
use crate::peers::peer::{OURS, Peer};
use crate::peers::published::{LABELLED, PROM, metrics, ours, prom, unlimited, with_options};
use crate::report::{Cell, Report, list};
use crate::runner::{BoxedWorkload, run_one_by_one};
use crate::services::{GRID_ROUTES, Middleware, app_with_uris, grid, one_series};
use crate::{Args, heap};

const SETS: usize = 10_000;
const MEASURED: usize = SETS - GRID_ROUTES;
const PATHS: usize = 200_000;
const VALUES: usize = 1_000_000;

pub fn run(_: &Args, report: &mut Report) {
    label_sets(report);
    unmatched_paths(report);
    label_values(report);
}

/// Bytes per label set: of the first worker, and of a second one.
struct PerSet {
    name: &'static str,
    first: f64,
    second: f64,
}

fn label_sets(report: &mut Report) {
    let ours = per_set(unlimited(Format::Text));
    let others = [per_set(family()), per_set(prom()), per_set(metrics())];
    for PerSet { name, first, second } in others.iter().chain([&ours]) {
        report.number("heap bytes per label set, one worker", name, *first);
        report.number("heap bytes per label set, each further worker", name, *second);
    }
    let others = |bytes: fn(&PerSet) -> f64| {
        list(others.iter().map(|peer| Cell::named(peer.name, bytes(peer), "")))
    };
    let cell = |bytes| Cell::new(bytes, " bytes");
    let what = "live heap per label set, 4 buckets, one worker";
    report.limit(what, cell(ours.first), others(|peer| peer.first), 600.0, " bytes");
    let what = "live heap per label set, each further worker";
    report.limit(what, cell(ours.second), others(|peer| peer.second), 160.0, " bytes");
}

fn per_set<M: Middleware + Clone + Send + 'static>(peer: Peer<M>) -> PerSet {
    let name = peer.name;
    let workers = [Worker::new(peer.clone()), Worker::new(peer)];
    let [first, second] = workers.each_ref().map(|worker| {
        let change = heap::measure(|| worker.run());
        change.live_bytes as f64 / MEASURED as f64
    });
    PerSet { name, first, second }
}

/// A thread that lives until it is dropped: a worker frees its memory with its thread.
struct Worker {
    start: Option<Sender<Sender<()>>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn new<M: Middleware + Send + 'static>(peer: Peer<M>) -> Self {
        let (start, starts) = channel::<Sender<()>>();
        let (ready, is_ready) = channel();
        let thread = thread::spawn(move || {
            let mut workload = grid(&peer, 0, SETS);
            // The first request of each route allocates what a worker needs once, and the
            // memory of the router's regular expressions.
            run_one_by_one(workload.as_mut(), GRID_ROUTES);
            let _ = ready.send(());
            for done in starts {
                run_one_by_one(workload.as_mut(), MEASURED);
                let _ = done.send(());
            }
        });
        is_ready.recv().expect("the worker starts");
        Self { start: Some(start), thread: Some(thread) }
    }

    fn run(&self) {
        let (done, is_done) = channel();
        let start = self.start.as_ref().expect("taken by drop only");
        start.send(done).expect("the worker waits");
        is_done.recv().expect("the worker does not panic");
    }
}

/// Waits for the thread, so that nothing is freed while the next one is measured.
impl Drop for Worker {
    fn drop(&mut self) {
        self.start.take();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))), "the worker does not panic");
    }
}

fn unmatched_paths(report: &mut Report) {
    let ours = growth(app_with_uris(ours(), App::new(), unmatched_uris()));
    let prom = growth(app_with_uris(prom(), App::new(), unmatched_uris()));
    let family = growth(app_with_uris(family(), App::new(), unmatched_uris()));
    for (name, bytes) in [(OURS, ours), (PROM, prom), (FAMILY, family)] {
        report.number("bytes after 200 000 unmatched paths", name, bytes);
    }
    let megabytes = |name, bytes: f64| Cell::named(name, bytes / 1e6, " MB");
    let others = list([megabytes(PROM, prom), megabytes(FAMILY, family)]);
    let what = "live heap after 200 000 unique unmatched paths";
    // One series and its caches, whatever the number of paths.
    report.limit(what, Cell::new(ours / 1e3, " kB"), others, 16.0, " kB");
}

fn unmatched_uris() -> impl FnMut() -> String {
    let mut requested = 0;
    move || {
        requested += 1;
        format!("/scanned/{requested:06}.php")
    }
}

fn growth(workload: BoxedWorkload) -> f64 {
    growth_of(workload, PATHS)
}

fn growth_of(mut workload: BoxedWorkload, requests: usize) -> f64 {
    heap::measure(|| run_one_by_one(workload.as_mut(), requests)).live_bytes as f64
}

/// All requests succeed, so the first hundred values are those of the label.
fn label_values(report: &mut Report) {
    let sent = AtomicUsize::new(0);
    let label =
        Label::from_request(move |_| Some(tenant(sent.fetch_add(1, Ordering::Relaxed)).into()));
    let peer = with_options(LABELLED, |builder| builder.label("tenant", label));
    let page = Arc::clone(&peer.page);
    let bytes = growth_of(one_series(peer), VALUES);
    let page = page();
    for number in 0..100 {
        let sample = format!(r#"tenant="{}"}} 1"#, tenant(number));
        assert!(page.contains(&sample), "the first values stay right: {sample}");
    }
    let section = "after 1 000 000 values of a label";
    report.number(section, "live heap, bytes", bytes);
    report.number(section, "page, bytes", page.len());
    let cell = Cell::new(bytes / 1e3, " kB");
    let what = "live heap after 1 000 000 values of a label, limit 100";
    report.limit(what, cell, "–".to_owned(), 120.0, " kB");
    let cell = Cell::new(page.len() as f64 / 1e3, " kB");
    report.limit("the page then", cell, "–".to_owned(), 120.0, " kB");
}

fn tenant(number: usize) -> String {
    format!("tenant {number:07}")
}
