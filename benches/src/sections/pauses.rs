//! The longest pause of a recording while another thread scrapes 10 000 label sets,
//! compared with a control in which that thread only keeps its core busy.
//!
//! The longest pause of a round is often caused by an interrupt or a page fault.
//! Therefore medians over many rounds are reported, each with the interval that contains
//! the true median in 95 of 100 cases. In every round the control is measured just before
//! the scrapes or just after them, in turn, and the two are compared within the round.
//! The threshold is missed if that interval of the differences is above zero: scrapes
//! then make the longest pause longer.

use std::fs::File;
use std::hint::spin_loop;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use actix_monitor::Format;

use crate::Args;
use crate::peers::family::{FAMILY, family};
use crate::peers::peer::{OURS, Page, Peer};
use crate::peers::published::{PROM, prom, unlimited};
use crate::report::{Cell, Report};
use crate::runner::{Workload, run_one_by_one, time_batch};
use crate::services::{Middleware, grid};
use crate::stats::{MedianInterval, median_of, quantile};

const SETS: usize = 10_000;

/// New label sets per measurement: few compared with 10 000.
const NEW_SETS: usize = 300;

/// About ten milliseconds: a few scrapes, and rarely an interrupt.
const RECORDINGS: usize = 5_000;

/// The end of a measurement of a recorder that waits for every scrape.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Microseconds: the longest pause, and the one that one in 10 000 exceeds.
#[derive(Clone, Copy)]
struct Pause {
    longest: f64,
    rare: f64,
}

/// The same recordings during scrapes and in the control.
#[derive(Clone, Copy)]
struct Pair {
    scraped: Pause,
    control: Pause,
}

struct Round {
    existing: Pair,
    new: Pair,
}

/// Existing or new series of a round.
type Kind = fn(&Round) -> Pair;

const ROUNDS: usize = 61;

/// The others are measured in one of these rounds: their pauses are long and leave no
/// doubt.
const OTHERS_EVERY: usize = 8;

pub fn run(args: &Args, report: &mut Report) {
    let mut all = [(); 3].map(|()| Vec::new());
    for turn in 0..args.rounds(ROUNDS) {
        all[0].push(round(&unlimited(Format::Text), turn));
        if turn.is_multiple_of(OTHERS_EVERY) {
            all[1].push(round(&family(), turn));
            all[2].push(round(&prom(), turn));
        }
    }
    for (name, rounds) in [OURS, FAMILY, PROM].iter().zip(&all) {
        report_numbers(name, rounds, report);
    }
    report_row("existing series", &all, |round| round.existing, report);
    report_row("new series", &all, |round| round.new, report);
}

/// Measures a new recorder with 10 000 label sets, so that rounds do not add up.
fn round<M: Middleware>(peer: &Peer<M>, turn: usize) -> Round {
    let mut existing = grid(peer, 0, SETS);
    run_one_by_one(existing.as_mut(), SETS);
    let scraped_first = turn.is_multiple_of(2);
    let pair = |workload: &mut dyn Workload, recordings, wait| {
        pair(&peer.page, scraped_first, || pause(workload, recordings, wait))
    };
    let known = pair(existing.as_mut(), RECORDINGS, Duration::ZERO);
    // One middleware per thread, as in a server.
    drop(existing);
    let mut new = grid(peer, SETS, usize::MAX);
    // The first request does what is done once per worker.
    run_one_by_one(new.as_mut(), 1);
    Round { existing: known, new: pair(new.as_mut(), NEW_SETS, Duration::from_micros(300)) }
}

fn pair(page: &Page, scraped_first: bool, mut record: impl FnMut() -> Pause) -> Pair {
    let scrape = || {
        let page = Arc::clone(page);
        move || drop(page())
    };
    let spin = || (0..1000).for_each(|_| spin_loop());
    if scraped_first {
        let scraped = during(scrape(), &mut record);
        Pair { scraped, control: during(spin, &mut record) }
    } else {
        let control = during(spin, &mut record);
        Pair { control, scraped: during(scrape(), &mut record) }
    }
}

/// Runs `record` while another thread repeats `work`.
fn during<T>(work: impl Fn() + Send + 'static, record: &mut impl FnMut() -> T) -> T {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        while !stopped.load(Relaxed) {
            work();
        }
    });
    let recorded = record();
    stop.store(true, Relaxed);
    thread.join().expect("the work does not panic");
    recorded
}

/// Waits between recordings, because a few new series would end before a scrape does.
fn pause(workload: &mut dyn Workload, recordings: usize, wait: Duration) -> Pause {
    let queue = RunQueue::of_this_thread();
    let start = Instant::now();
    let mut micros: Vec<_> = (0..recordings)
        .take_while(|_| start.elapsed() < TIME_LIMIT)
        .map(|_| {
            spin_for(wait);
            time_recording(workload, &queue) / 1e3
        })
        .collect();
    Pause { longest: quantile(&mut micros, 1.0), rare: quantile(&mut micros, 0.9999) }
}

/// Nanoseconds of one recording. Includes waiting for a lock, but not waiting for a
/// core.
fn time_recording(workload: &mut dyn Workload, queue: &RunQueue) -> f64 {
    let mut before = 0.0;
    let nanos = time_batch(workload, 1, || before = queue.waited());
    (nanos - (queue.waited() - before)).max(0.0)
}

fn spin_for(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        spin_loop();
    }
}

fn report_numbers(name: &str, rounds: &[Round], report: &mut Report) {
    let kinds: [(&str, Kind); 2] =
        [("existing series", |round| round.existing), ("new series", |round| round.new)];
    for (kind, of) in kinds {
        let mut number = |what: &str, pause: fn(&Pair) -> f64| {
            let median = median_of(rounds, |round| pause(&of(round)));
            report.number(
                "longest pause of a recording, µs",
                &format!("{name}, {kind}, {what}"),
                median,
            );
        };
        number("p100 during scrapes", |pair| pair.scraped.longest);
        number("p100 control", |pair| pair.control.longest);
        number("p99.99 during scrapes", |pair| pair.scraped.rare);
        number("p99.99 control", |pair| pair.control.rare);
    }
}

fn report_row(kind: &str, all: &[Vec<Round>; 3], of: Kind, report: &mut Report) {
    let scraped = |rounds| MedianInterval::of(rounds, |round: &Round| of(round).scraped.longest);
    let control = MedianInterval::of(&all[0], |round| of(round).control.longest);
    let [ours, family, prom] = all;
    let others = [
        format!("{} control", control.text(" µs")),
        Cell::named(FAMILY, scraped(family).median, " µs").text,
        Cell::named(PROM, scraped(prom).median, " µs").text,
    ];
    let what = format!("longest pause of a recording while 10 000 label sets are scraped, {kind}");
    let longer = MedianInterval::of(ours, |round| {
        let Pair { scraped, control } = of(round);
        scraped.longest - control.longest
    });
    let longer_by = format!("longer by {}", longer.text(" µs"));
    report.row(&what, &scraped(ours).text(" µs"), others.join(", "), longer_by);
    report.set_threshold("no longer than the control".to_owned(), Some(longer.low <= 0.0));
}

/// How long a thread was ready to run while other threads had its core. On a shared
/// machine this is most of a long pause, and not caused by a recorder. Zero if the system
/// does not report it, as Linux does.
struct RunQueue {
    schedstat: Option<File>,
}

impl RunQueue {
    fn of_this_thread() -> Self {
        Self { schedstat: File::open("/proc/thread-self/schedstat").ok() }
    }

    /// Nanoseconds spent waiting for a core since the thread began.
    fn waited(&self) -> f64 {
        self.read().unwrap_or_default()
    }

    /// The line is: time on a core, time waiting for one, number of turns.
    fn read(&self) -> Option<f64> {
        let mut line = [0; 96];
        let length = self.schedstat.as_ref()?.read_at(&mut line, 0).ok()?;
        let line = std::str::from_utf8(&line[..length]).ok()?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}
