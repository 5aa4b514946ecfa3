//! One worker's way to its series: its own cache of shards, so that an ordinary
//! record takes no lock and shares no cache line with another worker.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hashbrown::HashTable;

use super::recent::RecentSlots;
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
    recent: RecentSlots,
}

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
            recent: RecentSlots::new(),
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
    /// empty one where there is a label for it. It needs no comparing, since a family
    /// has that label for all of its life or never.
    #[inline]
    pub(crate) fn request_slot(
        &mut self,
        addr: &str,
        outcome: Outcome,
        message: Option<&'static str>,
    ) -> Option<Slot> {
        match self.track.as_ref()?.recent.find(addr, outcome) {
            Some(slot) => Some(slot),
            None => self.look_further(addr, outcome, message),
        }
    }

    #[inline(never)]
    fn look_further(
        &mut self,
        addr: &str,
        outcome: Outcome,
        message: Option<&str>,
    ) -> Option<Slot> {
        if let Some(slot) = self.track.as_ref()?.recent.find_beside(addr, outcome) {
            return Some(slot);
        }
        let slot = self.slot(&outcome.at(addr, message))?;
        let addr_of_series = self.recorder.family.series(slot.series)?.addr();
        // Past the limit it is another one, and outsiders choose what is asked for.
        if **addr_of_series == *addr {
            self.track.as_mut()?.recent.remember(addr_of_series, outcome, slot);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Recorder;
    use crate::labels::Outcome;
    use crate::metrics::buckets::Buckets;
    use crate::metrics::family::Family;
    use crate::metrics::shard::Totals;
    use crate::protocol::Method;

    #[test]
    fn routes_that_look_alike_are_counted_each_for_itself() {
        let family = Arc::new(Family::new(Buckets::new(&[1.0]), 1000, ""));
        let mut writer = Recorder::new(Arc::clone(&family)).writer();
        let ok = Outcome::new(Method::GET, 200, false);
        // More of them than there are places, so that they push each other out.
        let addrs: Vec<_> =
            (0..300).map(|route| format!("/long/prefix/{route:03}/a/long/suffix")).collect();
        for _ in 0..3 {
            for (route, addr) in addrs.iter().enumerate() {
                let slot = writer.request_slot(addr, ok, None).expect("there is room");
                writer.record(slot, 0, route as u64);
            }
        }
        let (mut nanos, mut counts) = (0, [0; 2]);
        for (series, shard) in family.lanes()[0].shards() {
            let mut bytes = 0;
            assert!(shard.try_read(&mut Totals {
                nanos: &mut nanos,
                bytes: &mut bytes,
                counts: &mut counts
            }));
            let addr = family.series(series as u32).expect("it was met").addr();
            assert_eq!((counts[0], bytes), (3, 3 * series as u64), "{addr}");
            assert_eq!(**addr, *addrs[series]);
        }
    }
}
