//! The longest pause of a recording while another thread scrapes 10 000 label
//! sets, beside the same thread merely keeping its core busy.

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
use crate::stats::{median_of, quantile};

const SETS: usize = 10_000;

/// A round adds few enough to the 10 000 sets to leave them at about that.
const NEW_SETS: usize = 300;
const OBSERVATIONS: usize = 40_000;

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

pub fn run(plan: &Plan, report: &mut Report) {
    let rounds = plan.rounds(9);
    let mut all = [(); 3].map(|()| Vec::with_capacity(rounds));
    for _ in 0..rounds {
        all[0].push(round(&peers::unlimited()));
        all[1].push(round(&peers::family()));
        all[2].push(round(&peers::prom()));
    }
    for (name, rounds) in [OURS, FAMILY, PROM].iter().zip(&all) {
        note(name, rounds, report);
    }
    row("existing series", &all, |round| round.existing, report);
    row("new series", &all, |round| round.new, report);
}

/// A recorder of 10 000 sets, made anew, so that rounds do not add up.
fn round<M: Alone>(peer: &Peer<M>) -> Round {
    let mut existing = grid(peer, 0, SETS);
    walk(existing.as_mut(), SETS);
    let mut new = grid(peer, SETS, usize::MAX);
    Round {
        existing: pair(existing.as_mut(), &peer.page, OBSERVATIONS, Duration::ZERO),
        new: pair(new.as_mut(), &peer.page, NEW_SETS, Duration::from_micros(300)),
    }
}

fn pair(lane: &mut dyn Lane, page: &Page, observations: usize, apart: Duration) -> Pair {
    let mut observe = || pause(lane, observations, apart);
    let page = Arc::clone(page);
    Pair {
        control: beside(|| (0..1000).for_each(|_| spin_loop()), &mut observe),
        scraped: beside(move || drop(page()), &mut observe),
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

/// The longest pause of a round is an interrupt's or a page fault's as often as
/// not, so it is held against the whole range of the control's rounds.
fn row(kind: &str, all: &[Vec<Round>; 3], of: Kind, report: &mut Report) {
    let scraped = |rounds| median_of(rounds, |round: &Round| of(round).scraped.longest);
    let control = |rounds| median_of(rounds, |round: &Round| of(round).control.longest);
    let [ours, family, prom] = all;
    let worst = ours.iter().map(|round| of(round).control.longest).fold(0.0, f64::max);
    let others = [
        Cell::of("control", control(ours), " µs").text,
        Cell::of(FAMILY, scraped(family), " µs").text,
        Cell::of(PROM, scraped(prom), " µs").text,
    ];
    let what = format!("longest pause of a recording while 10 000 sets are scraped, {kind}");
    let ratio = format!("{:.2} of the control", scraped(ours) / control(ours));
    report.remark(&what, &Cell::new(scraped(ours), " µs").text, others.join(", "), ratio);
    report.judge("within the control's rounds".to_owned(), scraped(ours) <= worst);
}
