//! The longest pause of a recording while another thread scrapes 10 000 label
//! sets, beside the same thread merely keeping its core busy.
//!
//! The longest of a round is an interrupt's or a page fault's as often as not, so
//! medians over many rounds are told, each with the interval that holds the true
//! median in 95 of 100 cases. In every round the control is taken right before the
//! scrape or right after it, by turns, and the two are compared within the round.
//! The bar is missed where the rounds show that a scrape makes the pause longer:
//! where that interval of the differences lies above zero.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::lane::{Lane, walk};
use crate::measure::batch;
use crate::peers::{self, FAMILY, OURS, PROM, Page, Peer};
use crate::plan::Plan;
use crate::report::{Cell, Report};
use crate::run_queue::RunQueue;
use crate::settings::{Alone, grid};
use crate::stats::{median, median_interval, median_of, quantile};

const SETS: usize = 10_000;

/// A round adds few enough to the 10 000 sets to leave them at about that.
const NEW_SETS: usize = 300;

/// About ten milliseconds: a few scrapes, and seldom an interrupt of the machine.
const OBSERVATIONS: usize = 5_000;

/// A recorder that waits for every scrape would take all day.
const PATIENCE: Duration = Duration::from_secs(2);

/// Microseconds: the longest, and the one that one in 10 000 is longer than.
#[derive(Clone, Copy)]
struct Pause {
    longest: f64,
    rare: f64,
}

/// The same observations with a scraper beside them and without.
#[derive(Clone, Copy)]
struct Pair {
    scraped: Pause,
    control: Pause,
}

struct Round {
    existing: Pair,
    new: Pair,
}

/// Picks existing or new series out of a round.
type Kind = fn(&Round) -> Pair;

const ROUNDS: usize = 61;

/// The peers' pauses are far from any doubt and take long.
const PEERS_EVERY: usize = 8;

pub fn run(plan: &Plan, report: &mut Report) {
    let mut all = [(); 3].map(|()| Vec::new());
    for turn in 0..plan.rounds(ROUNDS) {
        all[0].push(round(&peers::unlimited(), turn));
        if turn.is_multiple_of(PEERS_EVERY) {
            all[1].push(round(&peers::family(), turn));
            all[2].push(round(&peers::prom(), turn));
        }
    }
    for (name, rounds) in [OURS, FAMILY, PROM].iter().zip(&all) {
        note(name, rounds, report);
    }
    row("existing series", &all, |round| round.existing, report);
    row("new series", &all, |round| round.new, report);
}

/// A recorder of 10 000 sets, made anew, so that rounds do not add up.
fn round<M: Alone>(peer: &Peer<M>, turn: usize) -> Round {
    let mut existing = grid(peer, 0, SETS);
    walk(existing.as_mut(), SETS);
    let scraped_first = turn.is_multiple_of(2);
    let pair = |lane: &mut dyn Lane, observations, apart| {
        pair(&peer.page, scraped_first, || pause(lane, observations, apart))
    };
    let known = pair(existing.as_mut(), OBSERVATIONS, Duration::ZERO);
    // One lane a thread at a time, as in a server.
    drop(existing);
    let mut new = grid(peer, SETS, usize::MAX);
    // The first request of a worker does what is done once in its life.
    walk(new.as_mut(), 1);
    Round { existing: known, new: pair(new.as_mut(), NEW_SETS, Duration::from_micros(300)) }
}

fn pair(page: &Page, scraped_first: bool, mut observe: impl FnMut() -> Pause) -> Pair {
    let scrape = || {
        let page = Arc::clone(page);
        move || drop(page())
    };
    let idle = || (0..1000).for_each(|_| spin_loop());
    if scraped_first {
        let scraped = beside(scrape(), &mut observe);
        Pair { scraped, control: beside(idle, &mut observe) }
    } else {
        let control = beside(idle, &mut observe);
        Pair { control, scraped: beside(scrape(), &mut observe) }
    }
}

/// Runs `observe` while another thread repeats `neighbour`.
fn beside<T>(neighbour: impl Fn() + Send + 'static, observe: &mut impl FnMut() -> T) -> T {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        while !stopped.load(Relaxed) {
            neighbour();
        }
    });
    let seen = observe();
    stop.store(true, Relaxed);
    thread.join().expect("the neighbour does not fail");
    seen
}

/// New series are spread over several scrapes; they would be over before one.
fn pause(lane: &mut dyn Lane, observations: usize, apart: Duration) -> Pause {
    let queue = RunQueue::of_this_thread();
    let start = Instant::now();
    let mut micros: Vec<_> = (0..observations)
        .take_while(|_| start.elapsed() < PATIENCE)
        .map(|_| {
            wait(apart);
            observe(lane, &queue) / 1e3
        })
        .collect();
    Pause { longest: quantile(&mut micros, 1.0), rare: quantile(&mut micros, 0.9999) }
}

/// Nanoseconds of one recording; waiting for a lock is in it, waiting for the
/// core is not.
fn observe(lane: &mut dyn Lane, queue: &RunQueue) -> f64 {
    let mut before = 0.0;
    let nanos = batch(lane, 1, || before = queue.waited());
    (nanos - (queue.waited() - before)).max(0.0)
}

fn wait(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        spin_loop();
    }
}

fn note(name: &str, rounds: &[Round], report: &mut Report) {
    let kinds: [(&str, Kind); 2] =
        [("existing series", |round| round.existing), ("new series", |round| round.new)];
    for (kind, of) in kinds {
        let mut number = |what: &str, pause: fn(&Pair) -> f64| {
            let median = median_of(rounds, |round| pause(&of(round)));
            report.number("longest pause, µs", &format!("{name}, {kind}, {what}"), median);
        };
        number("p100 while scraped", |pair| pair.scraped.longest);
        number("p100 control", |pair| pair.control.longest);
        number("p99.99 while scraped", |pair| pair.scraped.rare);
        number("p99.99 control", |pair| pair.control.rare);
    }
}

fn row(kind: &str, all: &[Vec<Round>; 3], of: Kind, report: &mut Report) {
    let scraped = |rounds| Middle::of(rounds, |round: &Round| of(round).scraped.longest);
    let control = |rounds| Middle::of(rounds, |round: &Round| of(round).control.longest);
    let [ours, family, prom] = all;
    let (scraped_ours, control_ours) = (scraped(ours), control(ours));
    let others = [
        format!("{} control", control_ours.text()),
        Cell::of(FAMILY, scraped(family).median, " µs").text,
        Cell::of(PROM, scraped(prom).median, " µs").text,
    ];
    let what = format!("longest pause of a recording while 10 000 sets are scraped, {kind}");
    let longer = Middle::of(ours, |round| {
        let Pair { scraped, control } = of(round);
        scraped.longest - control.longest
    });
    let longer_by = format!("longer by {}", longer.text());
    report.remark(&what, &scraped_ours.text(), others.join(", "), longer_by);
    report.judge("no longer than the control".to_owned(), longer.low <= 0.0);
}

/// A median over rounds, in microseconds, and where the true one lies.
struct Middle {
    low: f64,
    median: f64,
    high: f64,
}

impl Middle {
    fn of(rounds: &[Round], micros: impl Fn(&Round) -> f64) -> Self {
        let mut micros: Vec<_> = rounds.iter().map(micros).collect();
        let (low, high) = median_interval(&mut micros);
        Self { low, median: median(&mut micros), high }
    }

    fn text(&self) -> String {
        let Self { low, median, high } = self;
        format!("{median:.1} µs ({low:.1} to {high:.1})")
    }
}
