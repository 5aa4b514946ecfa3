//! Allocations and instructions per request, which do not depend on the load of the
//! machine.

use crate::peers::floor::{bare, floor};
use crate::peers::peer::{OURS, contenders};
use crate::peers::published::{labelled, ours};
use crate::report::{Cell, Report, list};
use crate::runner::{BoxedWorkload, Workload};
use crate::services::{grid, one_series};
use crate::{Args, heap, subprocess};

/// A contender, and its number over that of the bare service.
type Count = (&'static str, f64);

pub fn allocations(_: &Args, report: &mut Report) {
    let workloads = one_series_each();
    let count =
        |mut workload: BoxedWorkload| (workload.name(), allocations_per_request(workload.as_mut()));
    let counts = over_bare(workloads.into_iter().map(count).collect());
    report_counts("allocations over bare", "allocations per request", &counts, 1.0, report);
}

const REQUESTS: usize = 1000;

pub fn allocations_per_request(workload: &mut dyn Workload) -> f64 {
    // The first ones create the series and fill caches.
    workload.prepare(REQUESTS);
    workload.run();
    workload.prepare(REQUESTS);
    let change = heap::measure(|| workload.run());
    change.allocations as f64 / REQUESTS as f64
}

pub fn instructions(_: &Args, report: &mut Report) {
    if !subprocess::has_callgrind() {
        let reason = "not counted: valgrind is not installed".to_owned();
        return report.row("instructions per request", "–", reason, "–".to_owned());
    }
    let names = one_series_each().into_iter().map(|workload| workload.name());
    let counts = names.enumerate().map(|(index, name)| (name, count(0, index))).collect();
    let counts = over_bare(counts);
    report_counts("instructions over bare", "instructions per request", &counts, 1250.0, report);
    live_series(report);
}

/// Numbers of label sets that are requested in turn.
const FEW: usize = 10;
const MANY: usize = 2000;

/// Whether a request costs more with many live series.
fn live_series(report: &mut Report) {
    let [few, many] = [FEW, MANY].map(|sets| {
        let [bare, floor, ours] = [0, 1, 2].map(|index| count(sets, index));
        [floor - bare, ours - bare]
    });
    for (sets, [floor, ours]) in [(FEW, few), (MANY, many)] {
        let section = "instructions over bare, by live series";
        report.number(section, &format!("{OURS}, {sets} series"), ours);
        report.number(section, &format!("floor, {sets} series"), floor);
    }
    let what = format!("instructions per request, {MANY} live series : {FEW}");
    let [floor, ours] = [0, 1].map(|index| many[index] / few[index]);
    let others = Cell::named("the floor", floor, " ×").text;
    report.limit(&what, Cell::new(ours, " ×"), others, 1.15, " ×");
}

/// Instructions per request of a contender, with `sets` label sets in turn; 0 for one
/// series.
fn count(sets: usize, contender: usize) -> f64 {
    subprocess::instructions(&format!("instructions,{sets},{contender}"))
}

/// What this program does under callgrind.
pub fn child(task: &str) {
    let numbers = task
        .split_once(',')
        .and_then(|(sets, contender)| Some((sets.parse().ok()?, contender.parse::<usize>().ok()?)));
    let (sets, contender) = numbers.expect("instructions,SETS,CONTENDER");
    let mut workloads = if sets == 0 {
        one_series_each()
    } else {
        vec![grid(&bare(), 0, sets), grid(&floor(), 0, sets), grid(&ours(), 0, sets)]
    };
    subprocess::run_counted(workloads[contender].as_mut());
}

fn one_series_each() -> Vec<BoxedWorkload> {
    let mut workloads = contenders!(one_series);
    workloads.push(one_series(labelled()));
    workloads
}

fn over_bare(counts: Vec<Count>) -> Vec<Count> {
    let bare = counts[0].1;
    counts.into_iter().map(|(name, count)| (name, count - bare)).collect()
}

fn report_counts(section: &str, what: &str, counts: &[Count], threshold: f64, report: &mut Report) {
    for (name, count) in counts {
        report.number(section, name, *count);
    }
    let (ours, others): (Vec<_>, Vec<_>) = counts[1..].iter().partition(|(name, _)| *name == OURS);
    let others = list(others.into_iter().map(|(name, count)| Cell::named(name, count, "")));
    let ours = ours.first().map_or(f64::NAN, |(_, count)| *count);
    report.limit(what, Cell::new(ours, ""), others, threshold, "");
}
