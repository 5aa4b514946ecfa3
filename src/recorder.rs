//! One worker's way to its series: its own cache of shards, so that an ordinary
//! record takes no lock and shares no cache line with another worker.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hashbrown::HashTable;

use crate::labels::LabelSet;
use crate::metrics::family::{Family, SeriesId};
use crate::metrics::lane::Lane;

/// A worker's place in its lane, found once for each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot(Option<u32>);

/// A lane together with the cache that finds places in it.
#[derive(Debug)]
struct Track {
    lane: Arc<Lane>,
    slots: HashTable<(SeriesId, u32)>,
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
        let track =
            idle.unwrap_or_else(|| Track { lane: self.family.add_lane(), slots: HashTable::new() });
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
    /// The place in which observations of `labels` are counted.
    #[inline]
    pub(crate) fn slot(&mut self, labels: &LabelSet<'_>) -> Slot {
        let Some(track) = &mut self.track else { return Slot(None) };
        let family = &self.recorder.family;
        let hash = family.hash(labels);
        let is_same =
            |(id, _): &(SeriesId, u32)| family.series(*id).is_some_and(|s| s.labels() == *labels);
        match track.slots.find(hash, is_same) {
            Some((_, slot)) => Slot(Some(*slot)),
            None => Slot(track.meet(family, labels)),
        }
    }

    /// Counts one observation.
    #[inline]
    pub(crate) fn record(&mut self, slot: Slot, duration: Duration, bytes: u64) {
        let nanos = as_nanos(duration);
        let bucket = self.recorder.family.buckets().index_of(nanos);
        let Slot(Some(slot)) = slot else { return };
        let Some(track) = &self.track else { return };
        if let Some(shard) = track.lane.shard(slot as usize) {
            shard.record(bucket, nanos, bytes);
        }
    }
}

impl Track {
    /// The slow way, once for each series and worker.
    #[cold]
    fn meet(&mut self, family: &Family, labels: &LabelSet<'_>) -> Option<u32> {
        match family.find_or_make(labels) {
            Some(series) => self.add(family, series),
            None => {
                let series = family.overflow(*labels)?;
                self.find(family, series).or_else(|| self.add(family, series))
            }
        }
    }

    fn find(&self, family: &Family, series: SeriesId) -> Option<u32> {
        let hash = family.hash(&family.series(series)?.labels());
        self.slots.find(hash, |(id, _)| *id == series).map(|(_, slot)| *slot)
    }

    fn add(&mut self, family: &Family, series: SeriesId) -> Option<u32> {
        let slot = u32::try_from(self.lane.push(series)?).ok()?;
        let rehash = |id: SeriesId| family.series(id).map_or(0, |s| family.hash(&s.labels()));
        self.slots.insert_unique(rehash(series), (series, slot), |(id, _)| rehash(*id));
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

/// Whole nanoseconds, saturating after 584 years.
#[inline]
fn as_nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}
