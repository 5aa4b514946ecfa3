//! One worker's way to its series: its own cache of shards, so that an ordinary
//! record takes no lock and shares no cache line with another worker.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use hashbrown::HashTable;

use crate::labels::{LabelSet, Outcome};
use crate::metrics::buckets::Buckets;
use crate::metrics::exemplars::Exemplar;
use crate::metrics::family::{Family, SeriesId};
use crate::metrics::lane::{Lane, Place};

/// A worker's place in its lane for a series, found once for each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    series: SeriesId,
    place: Place,
}

/// A lane together with the cache that finds places in it.
#[derive(Debug)]
struct Track {
    lane: Arc<Lane>,
    /// A copy of the family's, nearer by.
    buckets: Buckets,
    slots: HashTable<Slot>,
    /// Slots of requests seen lately: most requests are like one before.
    recent: Box<[Option<Recent>; RECENT]>,
}

/// The requests of one series, and where they are counted.
#[derive(Debug)]
struct Recent {
    addr: Arc<str>,
    outcome: Outcome,
    slot: Slot,
}

/// Enough for the routes, methods and statuses of most services.
const RECENT: usize = 128;

/// Where workers get their writers from. Tracks of workers that ended are handed
/// on: nothing counted is lost, and a server that restarts does not add up lanes.
#[derive(Debug)]
pub(crate) struct Recorder {
    family: Arc<Family>,
    idle: Mutex<Vec<Track>>,
}

impl Recorder {
    pub(crate) fn new(family: Arc<Family>) -> Arc<Self> {
        Arc::new(Self { family, idle: Mutex::default() })
    }

    /// A writer for the calling worker alone.
    pub(crate) fn writer(self: &Arc<Self>) -> Writer {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let track = idle.unwrap_or_else(|| Track {
            lane: self.family.add_lane(),
            buckets: self.family.buckets().clone(),
            slots: HashTable::new(),
            recent: Box::new([const { None }; RECENT]),
        });
        Writer { recorder: Arc::clone(self), track: Some(track) }
    }
}

/// Records for one thread at a time: the single writer that shards ask for.
#[derive(Debug)]
pub(crate) struct Writer {
    recorder: Arc<Recorder>,
    /// `None` only while being dropped.
    track: Option<Track>,
}

impl Writer {
    /// The place in which requests for `addr` with this outcome are counted. `None`
    /// as below. `message` is the one that nearly all requests have: none, or an
    /// empty one where there is a label for it.
    #[inline]
    pub(crate) fn request_slot(
        &mut self,
        addr: &str,
        outcome: Outcome,
        message: Option<&'static str>,
    ) -> Option<Slot> {
        match &self.track.as_ref()?.recent[place_of(addr, outcome)] {
            Some(recent) if recent.outcome == outcome && *recent.addr == *addr => Some(recent.slot),
            _ => self.look_up(addr, outcome, message),
        }
    }

    /// Finds what was not seen lately, and remembers it.
    #[cold]
    fn look_up(&mut self, addr: &str, outcome: Outcome, message: Option<&str>) -> Option<Slot> {
        let slot = self.slot(&outcome.at(addr, message))?;
        let series = self.recorder.family.series(slot.series)?;
        // Past the limit the series has another `addr`, and outsiders choose this one.
        if **series.addr() == *addr {
            let (addr, place) = (Arc::clone(series.addr()), place_of(addr, outcome));
            self.track.as_mut()?.recent[place] = Some(Recent { addr, outcome, slot });
        }
        Some(slot)
    }

    /// The place in which observations of `labels` are counted. `None` where even
    /// the overflow has no room: that takes four billion series.
    pub(crate) fn slot(&mut self, labels: &LabelSet<'_>) -> Option<Slot> {
        let track = self.track.as_mut()?;
        let family = &self.recorder.family;
        let is_same = |slot: &Slot| family.series(slot.series).is_some_and(|s| s.is(labels));
        let found = track.slots.find(family.hash(labels), is_same).copied();
        found.or_else(|| track.meet(family, labels))
    }

    /// Counts one observation.
    #[inline]
    pub(crate) fn record(&mut self, slot: Slot, nanos: u64, bytes: u64) {
        let Some(track) = &self.track else { return };
        if let Some(shard) = track.lane.shard(slot.place) {
            shard.record(track.buckets.index_of(nanos), nanos, bytes);
        }
    }

    /// Shows the trace of an observation beside the bucket that it fell into.
    #[cold]
    pub(crate) fn exemplify(&mut self, slot: Slot, nanos: u64, trace_id: String) {
        let family = &self.recorder.family;
        let exemplar = Exemplar { trace_id, nanos, at: SystemTime::now() };
        family.exemplars().offer(slot.series, family.buckets().index_of(nanos), exemplar);
    }

    /// One request more (or less) is being answered.
    pub(crate) fn add_in_flight(&mut self, change: i64) {
        if let Some(track) = &self.track {
            track.lane.add_in_flight(change);
        }
    }
}

impl Track {
    /// The slow way, once for each series and worker.
    #[cold]
    fn meet(&mut self, family: &Family, labels: &LabelSet<'_>) -> Option<Slot> {
        match family.find_or_make(labels) {
            Some(series) => self.add(family, series),
            None => {
                let series = family.overflow(*labels)?;
                self.find(family, series).or_else(|| self.add(family, series))
            }
        }
    }

    fn find(&self, family: &Family, series: SeriesId) -> Option<Slot> {
        let hash = family.hash(&family.series(series)?.labels());
        self.slots.find(hash, |slot| slot.series == series).copied()
    }

    fn add(&mut self, family: &Family, series: SeriesId) -> Option<Slot> {
        let slot = Slot { series, place: self.lane.push(series)? };
        let rehash = |id: SeriesId| family.series(id).map_or(0, |s| family.hash(&s.labels()));
        self.slots.insert_unique(rehash(series), slot, |slot| rehash(slot.series));
        Some(slot)
    }
}

impl Drop for Writer {
    /// Hands the lane on to the next worker.
    fn drop(&mut self) {
        let idle = &self.recorder.idle;
        idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.track.take());
    }
}

/// A place among the recent slots, made in a few instructions.
#[inline]
fn place_of(addr: &str, outcome: Outcome) -> usize {
    let bytes = addr.as_bytes();
    let edge = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |chunk| u64::from_le_bytes(*chunk));
    let edges = edge(bytes.first_chunk()) ^ edge(bytes.last_chunk()).rotate_left(29);
    let mixed = edges ^ outcome.code() << 8 ^ bytes.len() as u64;
    mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> (usize::BITS - RECENT.ilog2())
}

/// Writers for callers that are no worker: any thread takes one, and keeps to the
/// same one as long as nobody else is at it.
#[derive(Debug)]
pub(crate) struct SharedWriters {
    seats: Box<[Arc<Seat>]>,
}

/// A caller's hold on the writers, and the writer that it tries first. There are
/// several, because threads that count references in one place hold each other up
/// as much as a lock would. On cache lines of its own, as its count then is: two
/// lines, because processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Seat {
    writers: Arc<[Desk]>,
    recorder: Arc<Recorder>,
    first: usize,
}

/// A writer that threads share, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Desk(Mutex<Option<Writer>>);

impl SharedWriters {
    pub(crate) fn new(recorder: &Arc<Recorder>) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let writers: Arc<[_]> = (0..threads).map(|_| Desk::default()).collect();
        let seat = |first| {
            let (writers, recorder) = (Arc::clone(&writers), Arc::clone(recorder));
            Arc::new(Seat { writers, recorder, first })
        };
        Self { seats: (0..threads).map(seat).collect() }
    }

    /// The calling thread's seat.
    pub(crate) fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.seats[THREAD.with(|thread| *thread) % self.seats.len()])
    }
}

impl Seat {
    /// Counts one observation, from any thread.
    pub(crate) fn record(&self, labels: &LabelSet<'_>, nanos: u64, bytes: u64) {
        let count = |writer: &mut Writer| {
            if let Some(slot) = writer.slot(labels) {
                writer.record(slot, nanos, bytes);
            }
        };
        match self.free() {
            Some(mut writer) => count(writer.get_or_insert_with(|| self.recorder.writer())),
            // Nobody waits here. A logger that records a call of its own while it is
            // told of a full family would wait for itself.
            None => count(&mut self.recorder.writer()),
        }
    }

    fn free(&self) -> Option<MutexGuard<'_, Option<Writer>>> {
        let (before, from) = self.writers.split_at(self.first);
        from.iter().chain(before).find_map(|desk| desk.0.try_lock().ok())
    }
}

thread_local! {
    /// A number of its own for each thread, so that threads spread over seats.
    static THREAD: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed)
    };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Recorder, SharedWriters};
    use crate::labels::{LabelSet, Status};
    use crate::metrics::buckets::Buckets;
    use crate::metrics::family::Family;

    const LABELS: LabelSet<'_> = LabelSet {
        addr: "orders",
        status: Status::Text("ok"),
        method: "GET",
        is_error: false,
        kind: "http",
        name: None,
        message: None,
    };

    #[test]
    fn nobody_waits_for_a_writer() {
        let family = Arc::new(Family::new(Buckets::new(&[1.0]), 10, ""));
        let seat = SharedWriters::new(&Recorder::new(Arc::clone(&family))).seat();
        let held: Vec<_> = seat.writers.iter().map(|desk| desk.0.lock()).collect();
        for _ in 0..2 {
            seat.record(&LABELS, 0, 0);
        }
        drop(held);
        assert_eq!(family.lanes().len(), 1, "a lane is handed on");
        assert_eq!(family.lanes()[0].shards().count(), 1);
    }
}
