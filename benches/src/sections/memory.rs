//! Live heap: for a label set, for each further worker that uses it, and after
//! an outsider has tried 200 000 paths.

use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use actix_web::App;

use crate::heap;
use crate::lane::walk;
use crate::minimal::GRID_ROUTES;
use crate::peers::{self, Peer};
use crate::plan::Plan;
use crate::report::{Cell, Report};
use crate::settings::{Alone, BoxedLane, grid, unique_app};

const SETS: usize = 10_000;
const COUNTED: usize = SETS - GRID_ROUTES;
const SCANNED: usize = 200_000;

pub fn run(_: &Plan, report: &mut Report) {
    label_sets(report);
    unmatched_paths(report);
}

/// Bytes a label set: with one worker, and for a second one.
struct PerSet {
    name: &'static str,
    first: f64,
    further: f64,
}

fn label_sets(report: &mut Report) {
    let ours = per_set(peers::unlimited());
    let others = [per_set(peers::family()), per_set(peers::prom()), per_set(peers::metrics())];
    for PerSet { name, first, further } in others.iter().chain([&ours]) {
        report.number("heap bytes a label set, one worker", name, *first);
        report.number("heap bytes a label set, a further worker", name, *further);
    }
    let beside = |bytes: fn(&PerSet) -> f64| {
        others.each_ref().map(|peer| Cell::of(peer.name, bytes(peer), "").text).join(", ")
    };
    let cell = |bytes| Cell::new(bytes, " bytes");
    let what = "heap a label set, 4 buckets, one worker";
    report.limit(what, cell(ours.first), beside(|peer| peer.first), 600.0, " bytes");
    let what = "heap a label set, each further worker";
    report.limit(what, cell(ours.further), beside(|peer| peer.further), 160.0, " bytes");
}

fn per_set<M: Alone + Clone + Send + 'static>(peer: Peer<M>) -> PerSet {
    let name = peer.name;
    let workers = [Worker::new(peer.clone()), Worker::new(peer)];
    let [first, further] = workers.each_ref().map(|worker| {
        let heap = heap::count(|| worker.walk());
        heap.live_bytes as f64 / COUNTED as f64
    });
    PerSet { name, first, further }
}

/// A thread of its own that stays: what a worker holds goes with its thread.
struct Worker {
    start: Option<Sender<Sender<()>>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn new<M: Alone + Send + 'static>(peer: Peer<M>) -> Self {
        let (start, orders) = channel::<Sender<()>>();
        let (ready, is_ready) = channel();
        let thread = thread::spawn(move || {
            let mut lane = grid(&peer, 0, SETS);
            // The first request to each route pays for the worker and for the
            // scratch memory of the router's regular expressions.
            walk(lane.as_mut(), GRID_ROUTES);
            let _ = ready.send(());
            for done in orders {
                walk(lane.as_mut(), COUNTED);
                let _ = done.send(());
            }
        });
        is_ready.recv().expect("the worker starts");
        Self { start: Some(start), thread: Some(thread) }
    }

    fn walk(&self) {
        let (done, is_done) = channel();
        let start = self.start.as_ref().expect("only the drop takes it");
        start.send(done).expect("the worker waits for orders");
        is_done.recv().expect("the worker answers all");
    }
}

/// Waits for the thread, so that nothing is freed while the next one counts.
impl Drop for Worker {
    fn drop(&mut self) {
        self.start.take();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))), "the worker ends in peace");
    }
}

fn unmatched_paths(report: &mut Report) {
    let ours = growth(unique_app(peers::ours(), App::new(), scan()));
    let prom = growth(unique_app(peers::prom(), App::new(), scan()));
    let family = growth(unique_app(peers::family(), App::new(), scan()));
    for (name, bytes) in [("actix-monitor", ours), ("actix-web-prom", prom), ("Family", family)] {
        report.number("bytes after 200 000 unmatched paths", name, bytes);
    }
    let megabytes = |name, bytes: f64| Cell::of(name, bytes / 1e6, " MB").text;
    let beside = [megabytes("actix-web-prom", prom), megabytes("Family::get_or_create", family)];
    let what = "live heap after 200 000 unique unmatched paths";
    // A few kilobytes are one series and its caches, however many paths.
    report.limit(what, Cell::new(ours / 1e3, " kB"), beside.join(", "), 16.0, " kB");
}

fn scan() -> impl FnMut() -> String {
    let mut tried = 0;
    move || {
        tried += 1;
        format!("/scanned/{tried:06}.php")
    }
}

fn growth(mut lane: BoxedLane) -> f64 {
    heap::count(|| walk(lane.as_mut(), SCANNED)).live_bytes as f64
}
