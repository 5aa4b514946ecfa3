//! Two members that start through a gate, so that they record at the same
//! moment. The scheduler places them: no thread is pinned to a core.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::lane::Lane;
use crate::measure::{Turns, order, prepared};
use crate::member::Member;
use crate::peers::Peer;
use crate::settings::{Alone, BoxedLane, alone};
use crate::stats::median;

pub struct Crew {
    pub name: &'static str,
    members: [Member; 2],
    is_sharing: bool,
}

/// Nanoseconds an observation, with one member at work and with both. `None`
/// where the machine never let both run at once.
#[derive(Clone, Copy)]
pub struct Round {
    pub one: f64,
    pub two: Option<f64>,
}

/// Batches a turn, after one to warm up: a member comes from its sleep.
const BATCHES: usize = 5;

/// Observations a batch: long enough for the two really to meet.
const OBSERVATIONS: usize = 128;

/// The least part of a batch that both must have worked at the same time.
const TOGETHER: f64 = 0.8;

impl Crew {
    /// Both members around one shared recorder: the question.
    pub fn sharing<M: Alone + Clone + Send + 'static>(peer: Peer<M>) -> Self {
        let name = peer.name;
        Self::new(name, [peer.clone(), peer].map(|peer| || alone(peer)), true)
    }

    /// A recorder for each member. What two threads still cost each other
    /// here is the machine's doing.
    pub fn of<M: Alone + Send + 'static>(name: &'static str, peers: [Peer<M>; 2]) -> Self {
        Self::new(name, peers.map(|peer| || alone(peer)), false)
    }

    /// `is_sharing` says that one recorder sees what both members send.
    pub fn new<F>(name: &'static str, lanes: [F; 2], is_sharing: bool) -> Self
    where
        F: FnOnce() -> BoxedLane + Send + 'static,
    {
        Self { name, members: lanes.map(|make| Member::new(name, make)), is_sharing }
    }

    fn round(&self) -> Round {
        let one = self.turn::<1>();
        let mut one = one.map(nanos).to_vec();
        Round { one: median(&mut one), two: self.both() }
    }

    fn both(&self) -> Option<f64> {
        let turn = self.turn::<2>();
        let mut nanos: Vec<_> = turn.into_iter().filter_map(together).collect();
        (!nanos.is_empty()).then(|| median(&mut nanos))
    }

    /// The batches of a turn, each with the spans of the members at work.
    fn turn<const MEMBERS: usize>(&self) -> [[Span; MEMBERS]; BATCHES] {
        let gates = Arc::new([(); BATCHES].map(|()| Gate::of(MEMBERS)));
        let answers: [_; MEMBERS] = std::array::from_fn(|member| {
            let gates = Arc::clone(&gates);
            self.members[member].ask(move |lane| obey(lane, &gates))
        });
        let spans = answers.map(|answer| answer.wait());
        std::array::from_fn(|batch| spans.map(|spans| spans[batch]))
    }

    /// A crew that loses observations would win every race.
    pub fn check(&self) {
        let [first, second] = self.members.each_ref().map(Turns::seen);
        let sent = if self.is_sharing { first.0 + second.0 } else { first.0 };
        if let Some(recorded) = first.1 {
            assert_eq!(recorded, sent, "{} recorded another number than was sent", self.name);
        }
    }
}

/// Rounds in which each crew has its turn; the outer index is the round.
pub fn rounds(crews: &[Crew], rounds: usize) -> Vec<Vec<Round>> {
    let timed = (0..rounds).map(|round| {
        let turns = order(round, crews.len()).into_iter();
        let mut turns: Vec<_> = turns.map(|crew| (crew, crews[crew].round())).collect();
        turns.sort_by_key(|(crew, _)| *crew);
        turns.into_iter().map(|(_, round)| round).collect()
    });
    let timed = timed.collect();
    crews.iter().for_each(Crew::check);
    timed
}

/// How much dearer an observation of crew `index` is for two than for one;
/// the share of crew `bare`, if there is one, is taken off both.
pub fn growth(timed: &[Vec<Round>], index: usize, bare: Option<usize>) -> f64 {
    let over = |nanos: fn(&Round) -> Option<f64>| {
        let paired = timed.iter().filter_map(|crews| {
            let bare = bare.map_or(Some(0.0), |bare| nanos(&crews[bare]))?;
            Some(nanos(&crews[index])? - bare)
        });
        let mut paired: Vec<_> = paired.collect();
        if paired.is_empty() { f64::NAN } else { median(&mut paired) }
    };
    over(|round| round.two) / over(|round| Some(round.one))
}

/// The share of rounds in which two threads really ran at once.
pub fn met(timed: &[Vec<Round>]) -> f64 {
    let all = timed.iter().flatten();
    let met = all.clone().filter(|round| round.two.is_some()).count();
    met as f64 / all.count() as f64
}

/// When a member was at work.
#[derive(Clone, Copy)]
struct Span {
    start: Instant,
    end: Instant,
}

impl Span {
    fn length(&self) -> Duration {
        self.end - self.start
    }
}

fn obey(lane: &mut dyn Lane, gates: &[Gate; BATCHES]) -> [Span; BATCHES] {
    batch(lane, || ());
    gates.each_ref().map(|gate| batch(lane, || gate.pass()))
}

fn batch(lane: &mut dyn Lane, gate: impl FnOnce()) -> Span {
    let (start, end) = prepared(lane, OBSERVATIONS, gate);
    Span { start, end }
}

fn nanos<const MEMBERS: usize>(spans: [Span; MEMBERS]) -> f64 {
    let sum: Duration = spans.iter().map(Span::length).sum();
    sum.as_nanos() as f64 / (MEMBERS * OBSERVATIONS) as f64
}

/// The time of a batch in which both were at work for nearly all of it. Two
/// that take turns on one core disturb nobody, and would show the best growth.
fn together(spans: [Span; 2]) -> Option<f64> {
    let [one, two] = spans;
    let both = one.end.min(two.end).saturating_duration_since(one.start.max(two.start));
    let longest = one.length().max(two.length());
    (both.as_secs_f64() >= TOGETHER * longest.as_secs_f64()).then(|| nanos(spans))
}

/// Opens when all have arrived. It spins, because waking a sleeper takes
/// longer than the work that is timed.
struct Gate {
    missing: AtomicUsize,
}

impl Gate {
    fn of(members: usize) -> Self {
        Self { missing: AtomicUsize::new(members) }
    }

    fn pass(&self) {
        self.missing.fetch_sub(1, Ordering::AcqRel);
        while self.missing.load(Ordering::Acquire) > 0 {
            std::hint::spin_loop();
        }
    }
}
