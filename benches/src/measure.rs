//! Paired timing: in every round each lane has its turn, and only differences
//! inside a round count, so that a busy machine bends all lanes alike.

use std::time::Instant;

use crate::lane::Lane;
use crate::settings::BoxedLane;
use crate::stats::median;

/// Small enough for the prepared requests to stay in the first-level cache.
pub const BATCH: usize = 32;
const BATCHES: usize = 9;

/// Nanoseconds a request; `over_bare` is the median of the paired differences.
#[derive(Clone)]
pub struct Timing {
    pub name: &'static str,
    pub total: f64,
    pub over_bare: f64,
}

/// Times all lanes; the first one is the bare service.
pub fn paired(lanes: &mut [BoxedLane], rounds: usize) -> Vec<Timing> {
    let before: Vec<_> = lanes.iter().map(|lane| seen(lane.as_ref())).collect();
    let mut nanos = vec![Vec::with_capacity(rounds); lanes.len()];
    for round in 0..rounds {
        for turn in 0..lanes.len() {
            // Nobody always follows the same neighbour.
            let lane = (turn + round) % lanes.len();
            nanos[lane].push(turn_of(lanes[lane].as_mut()));
        }
    }
    for (lane, before) in lanes.iter().zip(before) {
        check(lane.as_ref(), before);
    }
    lanes.iter().zip(&nanos).map(|(lane, own)| timing(lane.name(), own, &nanos[0])).collect()
}

fn timing(name: &'static str, own: &[f64], bare: &[f64]) -> Timing {
    let mut over: Vec<_> = own.iter().zip(bare).map(|(own, bare)| own - bare).collect();
    Timing { name, total: median(&mut own.to_vec()), over_bare: median(&mut over) }
}

/// One turn: a batch to warm up, then the median of several.
fn turn_of(lane: &mut dyn Lane) -> f64 {
    batch(lane, BATCH, || ());
    let mut batches: Vec<_> = (0..BATCHES).map(|_| batch(lane, BATCH, || ())).collect();
    median(&mut batches)
}

/// Nanoseconds a request over one batch; `gate` is passed just before.
pub fn batch(lane: &mut dyn Lane, requests: usize, gate: impl FnOnce()) -> f64 {
    lane.prepare(requests);
    gate();
    let start = Instant::now();
    lane.run();
    start.elapsed().as_nanos() as f64 / requests as f64
}

/// Requests sent, and requests recorded by those who record.
type Seen = (u64, Option<u64>);

fn seen(lane: &dyn Lane) -> Seen {
    (lane.sent(), lane.recorded())
}

/// A contender that loses requests would win every race.
fn check(lane: &dyn Lane, before: Seen) {
    let sent = lane.sent() - before.0;
    if let (Some(then), Some(now)) = (before.1, lane.recorded()) {
        assert_eq!(now - then, sent, "{} recorded another number than was sent", lane.name());
    }
}
