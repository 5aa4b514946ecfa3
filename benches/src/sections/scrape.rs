//! Time and bytes of a scrape, at several numbers of label sets.

use std::time::Instant;

use crate::lane::walk;
use crate::peers::{self, Page, Peer, PrometheusVec};
use crate::plan::Plan;
use crate::report::{Cell, Report};
use crate::settings::{Alone, grid};
use crate::stats::median;

const SIZES: [usize; 3] = [100, 1_000, 10_000];

/// Records between two scrapes, so that no page can be served twice.
const TOUCHED: usize = 50;

/// One who is scraped, and the recordings between its scrapes.
struct Target {
    page: Page,
    touch: Box<dyn FnMut()>,
}

/// In this order everywhere below.
const NAMES: [&str; 4] =
    ["actix-monitor, text", "actix-monitor, OpenMetrics", "prometheus", "prometheus-client"];

pub fn run(plan: &Plan, report: &mut Report) {
    for sets in SIZES {
        let mut targets = [
            middleware(&peers::unlimited(), sets),
            middleware(&peers::openmetrics(), sets),
            prometheus(sets),
            middleware(&peers::family(), sets),
        ];
        let bytes = targets.each_ref().map(|target| (target.page)().len());
        let micros = times(&mut targets, plan.rounds(rounds(sets)));
        note(sets, micros, bytes, report);
        rows(sets, micros, report);
    }
}

fn rounds(sets: usize) -> usize {
    (400_000 / sets).clamp(40, 1000)
}

fn middleware<M: Alone>(peer: &Peer<M>, sets: usize) -> Target {
    let mut lane = grid(peer, 0, sets);
    walk(lane.as_mut(), sets);
    let touch = Box::new(move || walk(lane.as_mut(), TOUCHED));
    Target { page: Page::clone(&peer.page), touch }
}

fn prometheus(sets: usize) -> Target {
    let vec = std::sync::Arc::new(PrometheusVec::new());
    let scraped = std::sync::Arc::clone(&vec);
    (0..sets).for_each(|set| vec.record(set));
    let touch = Box::new(move || (0..TOUCHED).for_each(|set| vec.record(set)));
    Target { page: std::sync::Arc::new(move || scraped.page()), touch }
}

/// Microseconds a scrape, the targets taking turns.
fn times(targets: &mut [Target; 4], rounds: usize) -> [f64; 4] {
    let mut micros = [(); 4].map(|()| Vec::with_capacity(rounds));
    for _ in 0..rounds {
        for (target, micros) in targets.iter_mut().zip(&mut micros) {
            (target.touch)();
            let start = Instant::now();
            let page = (target.page)();
            micros.push(start.elapsed().as_secs_f64() * 1e6);
            drop(page);
        }
    }
    micros.map(|mut micros| median(&mut micros))
}

fn note(sets: usize, micros: [f64; 4], bytes: [usize; 4], report: &mut Report) {
    for (name, (micros, bytes)) in NAMES.iter().zip(micros.into_iter().zip(bytes)) {
        report.number("scrape, µs", &format!("{name}, {sets} sets"), micros);
        report.number("scrape, bytes", &format!("{name}, {sets} sets"), bytes);
    }
}

/// The bars stand where a scrape is long enough to matter.
fn rows(sets: usize, [text, open, prometheus, client]: [f64; 4], report: &mut Report) {
    let encoder = Cell::of("prometheus TextEncoder", prometheus, " µs");
    let family = Cell::of("prometheus-client Family", client, " µs");
    let rows = [
        ("OpenMetrics", open, encoder.clone(), 0.25),
        ("OpenMetrics", open, family, 0.5),
        ("text 0.0.4", text, encoder, 0.35),
    ];
    for (format, micros, peer, bar) in rows {
        let (what, ours) = (format!("scrape of {sets} sets, {format}"), Cell::new(micros, " µs"));
        match sets {
            1_000.. => report.ratio(&what, ours, peer, bar),
            _ => report.beside(&what, ours, peer),
        }
    }
}
