//! What native histograms cost: requests, memory and pages, with them and without.

use std::time::{Duration, Instant};

use actix_monitor::{BigBrother, BigBrotherBuilder, Format, Monitor};

use super::counts::allocations_per_request;
use crate::peers::floor::bare;
use crate::peers::peer::Peer;
use crate::peers::published::with_options;
use crate::report::{Cell, Report};
use crate::runner::{BoxedWorkload, paired_timings, run_one_by_one};
use crate::services::{grid, one_series};
use crate::stats::median;
use crate::threads::{ThreadPair, Worker, growth, measure};
use crate::{Args, heap, subprocess};

const SECTION: &str = "native histograms";
const OFF: &str = "without native histograms";
const ON: &str = "with native histograms";

pub fn run(args: &Args, report: &mut Report) {
    times(args, report);
    counts(report);
    two_threads(args, report);
    memory(report);
    pages(args, report);
}

fn off() -> Peer<BigBrother> {
    with_options(OFF, |builder| builder)
}

fn on() -> Peer<BigBrother> {
    with_options(ON, BigBrotherBuilder::native_histograms)
}

fn times(args: &Args, report: &mut Report) {
    let worker = |peer: Peer<_>| Worker::new(peer.name, move || one_series(peer));
    let bare = Worker::new("bare", || one_series(bare()));
    let timings = paired_timings(&mut [bare, worker(off()), worker(on())], args.rounds(600));
    let [off, on] = [&timings[1], &timings[2]].map(|timing| timing.over_bare);
    report.number(SECTION, "ns over bare, off", off);
    report.number(SECTION, "ns over bare, on", on);
    let what = "time over bare, native histograms";
    report.ratio(what, Cell::new(on, " ns"), Cell::named(OFF, off, " ns"), 1.25);
}

/// Bare, off and on.
fn workloads() -> Vec<BoxedWorkload> {
    vec![one_series(bare()), one_series(off()), one_series(on())]
}

fn counts(report: &mut Report) {
    let allocations: Vec<_> =
        workloads().iter_mut().map(|workload| allocations_per_request(workload.as_mut())).collect();
    let more = allocations[2] - allocations[1];
    report.number(SECTION, "allocations more per request", more);
    let what = "allocations that native histograms add to a request";
    report.limit(what, Cell::new(more, ""), "–".to_owned(), 0.0, "");
    if !subprocess::has_callgrind() {
        return;
    }
    let instructions = |index| subprocess::instructions(&format!("native,{index}"));
    let [bare, off, on] = [0, 1, 2].map(instructions);
    report.number(SECTION, "instructions over bare, off", off - bare);
    report.number(SECTION, "instructions over bare, on", on - bare);
    let off = Cell::named(OFF, off - bare, "");
    report.compare("instructions per request, native histograms", Cell::new(on - bare, ""), off);
}

/// What this program does under callgrind.
pub fn child(task: &str) {
    let index: usize = task.parse().expect("native,INDEX");
    subprocess::run_counted(workloads()[index].as_mut());
}

fn two_threads(args: &Args, report: &mut Report) {
    // Several pairs: the placement of its memory changes the times of one pair.
    let on = || ThreadPair::sharing(on());
    let rounds = measure(&[ThreadPair::sharing(bare()), on(), on(), on()], args.rounds(400));
    let growth = median(&mut [1, 2, 3].map(|pair| growth(&rounds, pair, Some(0))));
    report.number(SECTION, "time per request, 2 threads : 1 thread", growth);
    let what = "time per request with native histograms, 2 threads on one series : 1 thread";
    report.limit(what, Cell::new(growth, " ×"), "–".to_owned(), 1.15, " ×");
}

const SERIES: usize = 1_000;

fn memory(report: &mut Report) {
    // 128 bytes and 64 for each octave of eight buckets, rounded up.
    for (buckets, threshold) in [(1, 240.0), (20, 380.0), (160, 1_550.0)] {
        let bytes = bytes_per_series(isolated().native_histograms(), buckets)
            - bytes_per_series(isolated(), buckets);
        report.number(SECTION, &format!("bytes more per series, {buckets} buckets"), bytes);
        let what =
            format!("live heap that native histograms add to a series, {buckets} buckets in use");
        report.limit(&what, Cell::new(bytes, " bytes"), "–".to_owned(), threshold, " bytes");
    }
}

fn isolated() -> BigBrotherBuilder {
    BigBrother::builder().isolated().series_limit(1_000_000)
}

fn bytes_per_series(builder: BigBrotherBuilder, buckets: u32) -> f64 {
    let monitor = builder.build().monitor();
    // Allocates what a writer needs once.
    record(&monitor, SERIES, 1);
    let change = heap::measure(|| (0..SERIES).for_each(|set| record(&monitor, set, buckets)));
    change.live_bytes as f64 / SERIES as f64
}

/// Records a duration in each of the first buckets above 1 µs.
fn record(monitor: &Monitor, series: usize, buckets: u32) {
    for bucket in 0..buckets {
        let seconds = 1.05e-6 * 2_f64.powf(f64::from(bucket) / 8.0);
        let timer = monitor.start_request("amqp").addr(series.to_string());
        timer.duration(Duration::from_secs_f64(seconds)).finish("ok");
    }
}

/// The time and the size of the protobuf page beside those of the text page.
fn pages(args: &Args, report: &mut Report) {
    for sets in [1_000, 10_000] {
        let middleware = isolated().native_histograms().build();
        let monitor = middleware.monitor();
        let text = monitor.clone();
        let peer =
            Peer::with_page(ON, middleware, "request_seconds", move || text.encode(Format::Text));
        run_one_by_one(grid(&peer, 0, sets).as_mut(), sets);
        let rounds = args.rounds((400_000 / sets).clamp(40, 1000));
        let protobuf = time(rounds, || monitor.encode_protobuf().len());
        let text = time(rounds, || monitor.encode(Format::Text).len());
        for (what, unit, ours, other) in [
            ("scrape", "µs", protobuf.0, text.0),
            ("size of the page", "kB", protobuf.1 / 1e3, text.1 / 1e3),
        ] {
            report.number(SECTION, &format!("{what}, {unit}, protobuf, {sets} sets"), ours);
            report.number(SECTION, &format!("{what}, {unit}, text, {sets} sets"), other);
            let what = format!("{what} of {sets} label sets with native histograms, protobuf");
            let unit = format!(" {unit}");
            report.compare(&what, Cell::new(ours, &unit), Cell::named("text 0.0.4", other, &unit));
        }
    }
}

/// Median microseconds, and bytes.
fn time(rounds: usize, encode: impl Fn() -> usize) -> (f64, f64) {
    let mut bytes = 0;
    let mut micros: Vec<_> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            bytes = encode();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    (median(&mut micros), bytes as f64)
}
