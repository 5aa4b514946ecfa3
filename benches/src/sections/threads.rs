//! Two threads that record into one series, with requests and with timers.

use std::sync::Arc;

use actix_monitor::{BigBrother, Format, Monitor};

use crate::Args;
use crate::peers::peer::{OURS, Recorded, count_in};
use crate::peers::{family, floor, published};
use crate::report::{Cell, Report, list};
use crate::runner::{BoxedWorkload, Calls};
use crate::stats::median_of;
use crate::threads::{Round, ThreadPair, growth, measure, overlapping};

const SEPARATE: &str = "with a monitor per thread";

/// The indices of the bare service, of this crate, and of this crate with a label.
const BARE: usize = 0;
const REQUEST: usize = 1;
const LABELLED: usize = 3;

pub fn requests(args: &Args, report: &mut Report) {
    let pairs = [
        ThreadPair::sharing(floor::bare()),
        ThreadPair::sharing(published::ours()),
        ThreadPair::separate(SEPARATE, [published::ours(), published::ours()]),
        ThreadPair::sharing(published::labelled()),
        ThreadPair::sharing(floor::floor()),
        ThreadPair::sharing(family::family()),
        ThreadPair::sharing(published::prom()),
        ThreadPair::sharing(published::metrics()),
        ThreadPair::sharing(published::otel()),
    ];
    let rounds = measure(&pairs, args.rounds(400));
    let section = "time per request, 2 threads : 1 thread";
    report.number(section, "part of the rounds in which both ran at once", overlapping(&rounds));
    let over_bare = |index| growth(&rounds, index, Some(BARE));
    for (index, pair) in pairs.iter().enumerate().skip(REQUEST) {
        report.number(section, pair.name, over_bare(index));
    }
    let is_other = |index: usize| index > REQUEST && index != LABELLED;
    let others = pairs.iter().enumerate().filter(|(index, _)| is_other(*index));
    let others = list(others.map(|(index, pair)| Cell::named(pair.name, over_bare(index), " ×")));
    let what = "time per request, 2 threads on one series : 1 thread";
    report.limit(what, Cell::new(over_bare(REQUEST), " ×"), others, 1.15, " ×");
    let without = Cell::named("without the label", over_bare(REQUEST), " ×").text;
    let what = "the same with a label of the app's own";
    report.limit(what, Cell::new(over_bare(LABELLED), " ×"), without, 1.15, " ×");
}

#[derive(Clone, Copy)]
struct Timer {
    name: &'static str,
    histogram: &'static str,
    call: fn(&Monitor),
}

const DEPENDENCY: Timer = Timer {
    name: "start_dependency_request(…).finish(…)",
    histogram: "dependency_request_seconds",
    call: |monitor| {
        let timer = monitor.start_dependency_request("postgres").kind("sql");
        timer.method("SELECT").addr("note by id").finish("ok");
    },
};

const MESSAGE: Timer = Timer {
    name: "start_request(…).finish(…)",
    histogram: "request_seconds",
    call: |monitor| {
        let timer = monitor.start_request("amqp").method("CONSUME").addr("orders");
        timer.response_bytes(120).finish("ack");
    },
};

pub fn timers(args: &Args, report: &mut Report) {
    let pairs = [
        ThreadPair::sharing(floor::bare()),
        ThreadPair::sharing(published::ours()),
        pair(DEPENDENCY),
        pair(MESSAGE),
    ];
    let rounds = measure(&pairs, args.rounds(400));
    let section = "timers, ns per call";
    let request = median_of(&rounds, |pairs| pairs[REQUEST].one - pairs[BARE].one);
    let request_growth = growth(&rounds, REQUEST, Some(BARE));
    report.number(section, "a request, over bare", request);
    for (index, timer) in [(2, DEPENDENCY), (3, MESSAGE)] {
        let name = timer.name;
        let nanos = median_of(&rounds, |pairs: &Vec<Round>| pairs[index].one);
        let growth = growth(&rounds, index, None);
        report.number(section, name, nanos);
        report.number(section, &format!("{name}, 2 threads : 1 thread"), growth);
        let other = Cell::named(&format!("a request of {OURS}, over bare"), request, " ns");
        report.compare(&format!("`{name}`, per call"), Cell::new(nanos, " ns"), other);
        let other = Cell::named("a request", request_growth, " ×").text;
        let what = format!("`{name}`, 2 threads on one series : 1 thread");
        report.row(&what, &Cell::new(growth, " ×").text, other, "–".to_owned());
    }
}

/// Two threads with one monitor, as in a server.
fn pair(timer: Timer) -> ThreadPair {
    let monitor = BigBrother::builder().isolated().build().monitor().into_inner();
    let recorded = {
        let monitor = Arc::clone(&monitor);
        move || Some(count_in(&monitor.encode(Format::Text), timer.histogram))
    };
    calls(timer.name, Arc::new(recorded), move || {
        let monitor = Arc::clone(&monitor);
        move || (timer.call)(&monitor)
    })
}

/// Two threads that call a function each, which `function` creates.
pub fn calls<F: FnMut() + Send + 'static>(
    name: &'static str,
    recorded: Recorded,
    function: impl Fn() -> F,
) -> ThreadPair {
    let workload = || {
        let (call, recorded) = (function(), Arc::clone(&recorded));
        move || -> BoxedWorkload { Box::new(Calls { name, call, prepared: 0, sent: 0, recorded }) }
    };
    ThreadPair::new(name, [workload(), workload()], true)
}
