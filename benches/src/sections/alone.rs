//! Time over bare, the middleware alone around a minimal service.

use crate::apart;
use crate::measure::{Timing, paired};
use crate::peers::{FAMILY, FLOOR, OURS, PROM, contenders};
use crate::plan::Plan;
use crate::report::{Cell, Report};
use crate::settings::{BoxedLane, alone};

/// Also what the figure shows.
pub const ALONE: &str = "ns over bare, alone";

const ROUNDS: usize = 100;

pub fn run(plan: &Plan, report: &mut Report) {
    let timings = apart::timings("alone", plan);
    note(ALONE, &timings, report);
    for (peer, bar) in [(PROM, 0.3), (FAMILY, 0.5), (FLOOR, 1.4)] {
        let what = "time over bare, middleware alone";
        report.ratio(what, cell(&timings, OURS), named(&timings, peer), bar);
    }
    let others =
        timings.iter().filter(|timing| ![OURS, PROM, FAMILY].contains(&timing.name.as_str()));
    let others = others.skip(1).map(|other| named(&timings, &other.name).text);
    let others = others.collect::<Vec<_>>().join(", ");
    report.remark("the others beside it", "–", others, "–".to_owned());
}

/// What a process of its own times.
pub fn child() -> Vec<Timing> {
    let mut lanes: Vec<BoxedLane> = contenders!(alone);
    paired(&mut lanes, ROUNDS)
}

/// Keeps every timing; the bare service with its own time.
pub fn note(section: &str, timings: &[Timing], report: &mut Report) {
    for timing in timings {
        report.number(section, &timing.name, timing.over_bare);
    }
    report.number(section, "bare", timings[0].total);
}

pub fn over_bare(timings: &[Timing], name: &str) -> f64 {
    let found = timings.iter().find(|timing| timing.name == name);
    found.expect("every contender was timed").over_bare
}

pub fn cell(timings: &[Timing], name: &str) -> Cell {
    Cell::new(over_bare(timings, name), " ns")
}

pub fn named(timings: &[Timing], name: &str) -> Cell {
    Cell::of(name, over_bare(timings, name), " ns")
}
