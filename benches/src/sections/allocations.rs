//! Heap allocations a request.

use crate::heap;
use crate::peers::{OURS, contenders};
use crate::plan::Plan;
use crate::report::{Cell, Report};
use crate::settings::{BoxedLane, alone};

const REQUESTS: usize = 1000;
const SECTION: &str = "allocations over bare";

pub fn run(_: &Plan, report: &mut Report) {
    let mut lanes: Vec<BoxedLane> = contenders!(alone);
    let counts: Vec<_> = lanes.iter_mut().map(|lane| (lane.name(), per_request(lane))).collect();
    let (_, bare) = counts[0];
    let over = |(name, count): &(&'static str, f64)| (*name, count - bare);
    let counts: Vec<_> = counts.iter().map(over).collect();
    for (name, count) in &counts {
        report.number(SECTION, name, *count);
    }
    let ours = counts.iter().find(|(name, _)| *name == OURS).map_or(f64::NAN, |(_, count)| *count);
    report.limit("heap allocations a request", Cell::new(ours, ""), beside(&counts), 1.0, "");
}

/// The first thousand creates the series and fills the caches.
fn per_request(lane: &mut BoxedLane) -> f64 {
    lane.prepare(REQUESTS);
    lane.run();
    lane.prepare(REQUESTS);
    let heap = heap::count(|| lane.run());
    heap.allocations as f64 / REQUESTS as f64
}

/// All but bare and ours.
pub fn beside(counts: &[(&'static str, f64)]) -> String {
    let peers = counts.iter().skip(1).filter(|(name, _)| *name != OURS);
    peers.map(|(name, count)| Cell::of(name, *count, "").text).collect::<Vec<_>>().join(", ")
}
