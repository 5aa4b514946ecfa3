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
    pub name: String,
    pub total: f64,
    pub over_bare: f64,
}

/// What takes its turn in a round: a lane, or a thread with a lane on it.
pub trait Turns {
    fn name(&self) -> &'static str;

    /// Nanoseconds a request.
    fn turn(&mut self) -> f64;

    fn seen(&self) -> Seen;
}

impl Turns for BoxedLane {
    fn name(&self) -> &'static str {
        self.as_ref().name()
    }

    fn turn(&mut self) -> f64 {
        turn_of(self.as_mut())
    }

    fn seen(&self) -> Seen {
        seen(self.as_ref())
    }
}

/// Times all contenders; the first one is the bare service.
pub fn paired(lanes: &mut [impl Turns], rounds: usize) -> Vec<Timing> {
    let before: Vec<_> = lanes.iter().map(Turns::seen).collect();
    let mut nanos = vec![Vec::with_capacity(rounds); lanes.len()];
    for round in 0..rounds {
        for lane in order(round, lanes.len()) {
            nanos[lane].push(lanes[lane].turn());
        }
    }
    for (lane, before) in lanes.iter().zip(before) {
        check(lane, before);
    }
    lanes.iter().zip(&nanos).map(|(lane, own)| timing(lane.name(), own, &nanos[0])).collect()
}

/// The order of a round: shuffled, so that nobody always follows the same
/// neighbour, and the same in every run.
pub fn order(round: usize, contenders: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..contenders).collect();
    let mut random = (round as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for last in (1..contenders).rev() {
        // A step of xorshift64.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        order.swap(last, (random % (last as u64 + 1)) as usize);
    }
    order
}

fn timing(name: &'static str, own: &[f64], bare: &[f64]) -> Timing {
    let mut over: Vec<_> = own.iter().zip(bare).map(|(own, bare)| own - bare).collect();
    Timing { name: name.to_owned(), total: median(&mut own.to_vec()), over_bare: median(&mut over) }
}

/// One turn: a batch to warm up, then the median of several.
pub fn turn_of(lane: &mut dyn Lane) -> f64 {
    batch(lane, BATCH, || ());
    let mut batches: Vec<_> = (0..BATCHES).map(|_| batch(lane, BATCH, || ())).collect();
    median(&mut batches)
}

/// Nanoseconds a request over one batch; `gate` is passed just before.
pub fn batch(lane: &mut dyn Lane, requests: usize, gate: impl FnOnce()) -> f64 {
    let (start, end) = prepared(lane, requests, gate);
    (end - start).as_nanos() as f64 / requests as f64
}

/// When the answering of a batch began and when it ended.
pub fn prepared(lane: &mut dyn Lane, requests: usize, gate: impl FnOnce()) -> (Instant, Instant) {
    lane.prepare(requests);
    gate();
    let start = Instant::now();
    lane.run();
    (start, Instant::now())
}

/// Requests sent, and requests recorded by those who record.
pub type Seen = (u64, Option<u64>);

pub fn seen(lane: &dyn Lane) -> Seen {
    (lane.sent(), lane.recorded())
}

/// A contender that loses requests would win every race.
fn check(lane: &impl Turns, before: Seen) {
    let now = lane.seen();
    let sent = now.0 - before.0;
    if let (Some(then), Some(now)) = (before.1, now.1) {
        assert_eq!(now - then, sent, "{} recorded another number than was sent", lane.name());
    }
}
