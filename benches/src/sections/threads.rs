//! One and two threads recording into one series.

use crate::crew::Crew;
use crate::measure::BATCH;
use crate::peers;
use crate::plan::Plan;
use crate::report::{Cell, Report};
use crate::stats::median_of;

const SECTION: &str = "2 threads : 1 thread";

/// Longer than a batch elsewhere, so that the two really meet.
const REQUESTS: usize = 4 * BATCH;

/// Nanoseconds a request with one thread and with two.
#[derive(Clone, Copy)]
struct Round {
    one: f64,
    two: f64,
}

/// The first is bare; the second and third are ours.
fn crews() -> [Crew; 8] {
    [
        Crew::sharing(peers::bare()),
        Crew::sharing(peers::ours()),
        Crew::of(peers::ours(), peers::ours()),
        Crew::sharing(peers::pattern()),
        Crew::sharing(peers::family()),
        Crew::sharing(peers::prom()),
        Crew::sharing(peers::metrics()),
        Crew::sharing(peers::otel()),
    ]
}

pub fn run(plan: &Plan, report: &mut Report) {
    let crews = crews();
    let timed: Vec<_> = (0..plan.rounds(1500)).map(|_| crews.each_ref().map(round)).collect();
    for (index, crew) in crews.iter().enumerate() {
        check(crew, timed.len(), index != 2);
    }
    let growth: Vec<_> = (1..crews.len()).map(|index| growth(&timed, index)).collect();
    for (crew, growth) in crews[1..].iter().zip(&growth) {
        report.number(SECTION, crew.name, *growth);
    }
    report.number(SECTION, "ours, a monitor for each thread", growth[1]);
    report.number(SECTION, crews[1].name, growth[0]);
    let control = Cell::of("with a monitor for each thread", growth[1], " ×").text;
    let others = crews[3..].iter().zip(&growth[2..]);
    let others = others.map(|(crew, growth)| Cell::of(crew.name, *growth, " ×").text);
    let beside: Vec<_> = std::iter::once(control).chain(others).collect();
    let what = "2 threads on one series : 1 thread, ns an observation";
    report.limit(what, Cell::new(growth[0], " ×"), beside.join(", "), 1.15, " ×");
}

fn round(crew: &Crew) -> Round {
    Round { one: crew.time(1, REQUESTS), two: crew.time(2, REQUESTS) }
}

/// How much dearer an observation is for two; bare's share is taken off both.
fn growth(timed: &[[Round; 8]], index: usize) -> f64 {
    let over = |nanos: fn(&Round) -> f64| {
        median_of(timed, |crews| nanos(&crews[index]) - nanos(&crews[0]))
    };
    over(|round| round.two) / over(|round| round.one)
}

fn check(crew: &Crew, rounds: usize, is_shared: bool) {
    let turns = if is_shared { 3 } else { 2 };
    if let Some(recorded) = crew.recorded() {
        assert_eq!(recorded, (rounds * turns * REQUESTS) as u64, "{}", crew.name);
    }
}
