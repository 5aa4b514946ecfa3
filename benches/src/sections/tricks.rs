//! What each trick of the hot path gains: the middleware with it and without it.
//!
//! The package `variants` contains the copies of the crate that lack a trick, and
//! describes how to add one.

use std::sync::Arc;

use actix_web::App;

use super::counts::allocations_per_request;
use super::threads::calls;
use super::time::{UNMATCHED, over_bare};
use crate::Args;
use crate::peers::floor::bare;
use crate::peers::peer::{OURS, Peer, Recorded, count_in};
use crate::peers::published::ours;
use crate::report::{Cell, Report};
use crate::runner::{BoxedWorkload, Timing, paired_timings};
use crate::services::{app, one_series};
use crate::stats::{median, median_of};
use crate::subprocess::{has_callgrind, instructions, medians, run_counted, timings_by_process};
use crate::threads::{ThreadPair, measure};

/// A trick: what it does, and the copies of the crate with it and without it.
struct Trick {
    name: &'static str,
    with: &'static str,
    without: &'static str,
}

const fn trick(name: &'static str, without: &'static str) -> Trick {
    Trick { name, with: UNCHANGED, without }
}

const UNCHANGED: &str = "unchanged";

/// The tricks on the path of a request that a route handles.
const TRICKS: [Trick; 8] = [
    trick("slot cache instead of the locked index of the family", "locked_index"),
    trick("slots in a table of their own instead of hashbrown", "hashbrown_slots"),
    trick("boxed request state that is reused instead of a new box", "new_state"),
    trick("boxed request state that is reused instead of one inside the future", "inline_state"),
    trick("response taken apart instead of map_body", "map_body"),
    trick("stores by the one writer of a cell instead of atomic additions", "atomic_add"),
    trick("optional slot in a register instead of a flag beside it", "flagged_slot"),
    trick("GET and POST recognized first instead of text comparisons", "method_text"),
];

/// Not a trick but a promise, which costs something: the page is not recorded, wherever it
/// is mounted.
const PAGE_MARK: Trick = trick("check whether the response is the metrics page", "no_page_mark");

/// Not in the crate by default: without it, durations are read from the system's clock.
const TSC: Trick =
    Trick { name: "feature tsc instead of the system's clock", with: "tsc", without: UNCHANGED };

const UNMATCHED_PATTERN: Trick = Trick {
    name: "no match_pattern for a path that no route matches",
    with: OURS,
    without: "always_pattern",
};

const SECTION: &str = "ns over bare, tricks";
const ROUNDS: usize = 100;

/// A gain below both is not worth the code.
const LEAST_NANOS: f64 = 5.0;
const LEAST_ALLOCATIONS: f64 = 1.0;

/// Passes one copy of the crate to a function.
macro_rules! copy_of_crate {
    ($name:ident, $workload:path $(, $more:expr)*) => {{
        use actix_monitor_variants::$name::{BigBrother, Format};
        let middleware = BigBrother::builder().isolated().build();
        let monitor = middleware.monitor();
        let page = move || monitor.encode(Format::Text);
        let name = stringify!($name);
        $workload(Peer::with_page(name, middleware, "request_seconds", page) $(, $more)*)
    }};
}

/// Passes the bare service and these copies to a function.
macro_rules! copies_of_crate {
    ($workload:path; $($name:ident),*) => {
        vec![$workload(bare()), $(copy_of_crate!($name, $workload)),*]
    };
}

fn copies() -> Vec<BoxedWorkload> {
    copies_of_crate!(
        one_series;
        unchanged, tsc, locked_index, hashbrown_slots, new_state, inline_state,
        map_body, atomic_add, flagged_slot, method_text, no_page_mark
    )
}

fn unmatched() -> Vec<BoxedWorkload> {
    vec![
        app(bare(), App::new(), UNMATCHED),
        // Not a copy that `copies` contains as well: with two callers, the compiler would
        // inline less of it than of the others.
        app(ours(), App::new(), UNMATCHED),
        copy_of_crate!(always_pattern, app, App::new(), UNMATCHED),
    ]
}

/// What a request costs with a copy of the crate, over the bare service.
#[derive(Clone, Copy)]
struct Cost {
    nanos: f64,
    /// NaN if they were not counted.
    instructions: f64,
    allocations: f64,
}

impl Cost {
    fn text(self) -> String {
        let Self { nanos, instructions, allocations } = self;
        let mut text = Cell::new(nanos, " ns").text;
        if !instructions.is_nan() {
            text += &format!(", {instructions:.0} instructions");
        }
        if !allocations.is_nan() {
            let s = if allocations == 1.0 { "" } else { "s" };
            text += &format!(", {allocations:.0} allocation{s}");
        }
        text
    }
}

pub fn run(args: &Args, report: &mut Report) {
    let costs = Costs::measure("copies", copies(), args);
    for trick in TRICKS.iter().chain([&TSC]) {
        costs.report(trick, report);
    }
    let [with, without] = [PAGE_MARK.with, PAGE_MARK.without].map(|name| costs.of(name));
    let others = format!("without: {}", without.text());
    let nanos = Cell::new(-costs.gain(&PAGE_MARK), " ns").text;
    report.row(PAGE_MARK.name, &with.text(), others, format!("costs {nanos}"));
    Costs::measure("unmatched", unmatched(), args).report(&UNMATCHED_PATTERN, report);
    two_threads(args, report);
}

/// What requests cost with each of several copies.
struct Costs {
    processes: Vec<Vec<Timing>>,
    costs: Vec<(&'static str, Cost)>,
}

impl Costs {
    /// Measures these workloads, of which the first is the bare service.
    fn measure(task: &str, mut workloads: Vec<BoxedWorkload>, args: &Args) -> Self {
        let processes = timings_by_process(&format!("tricks,{task}"), args);
        let timings = medians(&processes);
        let has_callgrind = has_callgrind();
        let costs = workloads.iter_mut().enumerate().map(|(index, workload)| {
            let count = || instructions(&format!("tricks,{task},{index}"));
            let cost = Cost {
                nanos: timings[index].over_bare,
                instructions: if has_callgrind { count() } else { f64::NAN },
                allocations: allocations_per_request(workload.as_mut()),
            };
            (workload.name(), cost)
        });
        let mut costs: Vec<_> = costs.collect();
        let bare = costs[0].1;
        for (_, cost) in &mut costs {
            cost.instructions -= bare.instructions;
            cost.allocations -= bare.allocations;
        }
        Self { processes, costs }
    }

    fn of(&self, name: &str) -> Cost {
        let found = self.costs.iter().find(|(other, _)| *other == name);
        found.expect("every copy is measured").1
    }

    /// Nanoseconds. Compared within each process, because all times of a process are
    /// shorter or longer than those of another one.
    fn gain(&self, trick: &Trick) -> f64 {
        median_of(&self.processes, |timings| {
            over_bare(timings, trick.without) - over_bare(timings, trick.with)
        })
    }

    fn report(&self, trick: &Trick, report: &mut Report) {
        let [with, without] = [trick.with, trick.without].map(|name| self.of(name));
        report_gain(trick.name, with, without, self.gain(trick), report);
    }
}

/// What a process of its own measures.
pub fn child(task: &str) -> Option<Vec<Timing>> {
    let (task, counted) = task.split_once(',').map_or((task, None), |(task, counted)| {
        (task, Some(counted.parse::<usize>().expect("tricks,TASK,INDEX")))
    });
    let mut workloads = if task == "unmatched" { unmatched() } else { copies() };
    match counted {
        Some(index) => {
            run_counted(workloads[index].as_mut());
            None
        }
        None => Some(paired_timings(&mut workloads, ROUNDS)),
    }
}

fn report_gain(name: &str, with: Cost, without: Cost, nanos: f64, report: &mut Report) {
    report.number(SECTION, &format!("{name}: with it"), with.nanos);
    report.number(SECTION, &format!("{name}: without it"), without.nanos);
    let allocations = without.allocations - with.allocations;
    let others = format!("without: {}", without.text());
    report.row(
        &format!("trick: {name}"),
        &with.text(),
        others,
        Cell::new(nanos, " ns gained").text,
    );
    let is_worth_it = nanos >= LEAST_NANOS || allocations >= LEAST_ALLOCATIONS;
    let is_met = (!nanos.is_nan()).then_some(is_worth_it);
    report.set_threshold(format!("≥ {LEAST_NANOS} ns or an allocation"), is_met);
}

/// Passes a timer of one copy of the crate to two threads.
macro_rules! timers_of_copy {
    ($name:ident) => {{
        use actix_monitor_variants::$name::{BigBrother, Format};
        let monitor = BigBrother::builder().isolated().build().monitor().into_inner();
        let page = Arc::clone(&monitor);
        let recorded = move || Some(count_in(&page.encode(Format::Text), "request_seconds"));
        let recorded: Recorded = Arc::new(recorded);
        calls(stringify!($name), recorded, || {
            let monitor = Arc::clone(&monitor);
            move || {
                let timer = monitor.start_request("amqp").method("CONSUME").addr("orders");
                timer.response_bytes(120).finish("ack");
            }
        })
    }};
}

/// The tricks that keep threads from waiting for each other.
fn two_threads(args: &Args, report: &mut Report) {
    let pairs = [
        copy_of_crate!(unchanged, ThreadPair::sharing),
        copy_of_crate!(locked_index, ThreadPair::sharing),
        timers_of_copy!(unchanged),
        timers_of_copy!(one_mutex),
    ];
    let rounds = measure(&pairs, args.rounds(400));
    let nanos = |pair: usize| {
        let nanos = rounds.iter().filter_map(|pairs| pairs[pair].two);
        let mut nanos: Vec<_> = nanos.collect();
        if nanos.is_empty() { f64::NAN } else { median(&mut nanos) }
    };
    // Without a threshold: what the lock costs depends on whether the two processors
    // share a cache.
    let name = "trick: slot cache instead of the locked index; 2 threads, bare included";
    report.compare(name, Cell::new(nanos(0), " ns"), Cell::named("without", nanos(1), " ns"));
    let cost = |pair| Cost { nanos: nanos(pair), instructions: f64::NAN, allocations: f64::NAN };
    let name = "pool of writers instead of one locked writer; timers on 2 threads";
    report_gain(name, cost(2), cost(3), nanos(3) - nanos(2), report);
}
