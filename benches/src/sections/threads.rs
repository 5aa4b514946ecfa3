//! One and two threads recording into one series.

use crate::crew::{Crew, growth, met, rounds};
use crate::peers;
use crate::plan::Plan;
use crate::report::{Cell, Report};

const SECTION: &str = "2 threads : 1 thread";
const APART: &str = "with a monitor for each thread";

/// The first is bare; the second is ours, and the third its control.
fn crews() -> [Crew; 8] {
    [
        Crew::sharing(peers::bare()),
        Crew::sharing(peers::ours()),
        Crew::of(APART, [peers::ours(), peers::ours()]),
        Crew::sharing(peers::pattern()),
        Crew::sharing(peers::family()),
        Crew::sharing(peers::prom()),
        Crew::sharing(peers::metrics()),
        Crew::sharing(peers::otel()),
    ]
}

pub fn run(plan: &Plan, report: &mut Report) {
    let crews = crews();
    let timed = rounds(&crews, plan.rounds(400));
    report.number(SECTION, "share of rounds in which both ran at once", met(&timed));
    let over_bare = |index| growth(&timed, index, Some(0));
    let growth: Vec<_> = (1..crews.len()).map(over_bare).collect();
    for (crew, growth) in crews[1..].iter().zip(&growth) {
        report.number(SECTION, crew.name, *growth);
    }
    let others = crews[2..].iter().zip(&growth[1..]);
    let others = others.map(|(crew, growth)| Cell::of(crew.name, *growth, " ×").text);
    let others = others.collect::<Vec<_>>().join(", ");
    let what = "2 threads on one series : 1 thread, ns an observation";
    report.limit(what, Cell::new(growth[0], " ×"), others, 1.15, " ×");
}
