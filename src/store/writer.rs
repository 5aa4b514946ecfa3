//! The writer: one thread's access to the store.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::exemplars::Exemplar;
use super::family::Family;
use super::own_labels::KnownValues;
use super::series::SeriesId;
use super::shard::Shard;
use super::slots::{Slot, SlotCache};
use crate::labels::{Key, LabelSet, OwnValues, RequestKey};

/// Creates writers for one family, and keeps what they leave: shards are handed on
/// to later writers, so a server that restarts does not add up shards.
#[derive(Debug)]
pub(crate) struct Recorder {
    family: Arc<Family>,
    idle: Mutex<Vec<(Arc<Shard>, SlotCache)>>,
}

/// Records for one thread at a time, which is what cells require.
///
/// # Drop
///
/// Hands the shard on to the next writer.
#[derive(Debug)]
pub(crate) struct Writer {
    recorder: Arc<Recorder>,
    shard: Arc<Shard>,
    slots: RefCell<SlotCache>,
    /// The values of the app's own labels.
    known: RefCell<KnownValues>,
}

impl Recorder {
    pub(crate) fn new(family: Arc<Family>) -> Arc<Self> {
        Arc::new(Self { family, idle: Mutex::default() })
    }

    pub(crate) fn family(&self) -> &Arc<Family> {
        &self.family
    }

    /// A writer for the calling thread.
    pub(crate) fn writer(self: &Arc<Self>) -> Writer {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (shard, slots) =
            idle.unwrap_or_else(|| (self.family.add_shard(), SlotCache::default()));
        let known = RefCell::new(self.family.own_labels().known_values());
        Writer { recorder: Arc::clone(self), shard, slots: RefCell::new(slots), known }
    }
}

impl Writer {
    /// The slot in which observations with these labels are recorded. `None` after
    /// four billion series.
    pub(crate) fn slot(&self, labels: &LabelSet<'_>) -> Option<Slot> {
        let slot = self.slots.borrow().get(&self.recorder.family, labels);
        if slot.is_some() { slot } else { self.slot_slow(labels) }
    }

    /// The values of the app's own labels, as `value` returns them by the index and key of
    /// each label. Only a trusted request adds a value to those that a label can have.
    pub(crate) fn own_values<'a>(
        &self,
        is_trusted: bool,
        value: impl Fn(usize, &str) -> &'a str,
    ) -> OwnValues {
        self.recorder.family.own_labels().numbers(&self.known, is_trusted, value)
    }

    /// The slot of requests in a family without `errorMessage` and labels of the app's own.
    #[inline(always)]
    pub(crate) fn request_slot(&self, key: RequestKey, addr: &str) -> Option<Slot> {
        let slot = self.slots.borrow().get_request(key, addr);
        if slot.is_some() {
            return slot;
        }
        let own = OwnValues::default();
        self.slot_slow(&LabelSet { key: Key::Request(key), addr, message: None, own })
    }

    /// The slot of requests in a family without `errorMessage`.
    #[inline]
    pub(crate) fn labelled_slot(
        &self,
        key: RequestKey,
        own: OwnValues,
        addr: &str,
    ) -> Option<Slot> {
        let slot = self.slots.borrow().get_labelled(key, own, addr);
        if slot.is_some() {
            return slot;
        }
        self.slot_slow(&LabelSet { key: Key::Request(key), addr, message: None, own })
    }

    /// The first use of a label set by this writer, or any use past the series limit.
    #[cold]
    fn slot_slow(&self, labels: &LabelSet<'_>) -> Option<Slot> {
        let family = &*self.recorder.family;
        if let Some(series) = family.get_or_insert(labels) {
            return self.add(labels, series);
        }
        let overflowed = labels.overflowed();
        if let Some(slot) = self.slots.borrow().get(family, &overflowed) {
            return Some(slot);
        }
        self.add(&overflowed, family.get_or_insert_overflow(&overflowed)?)
    }

    fn add(&self, labels: &LabelSet<'_>, series: SeriesId) -> Option<Slot> {
        let slot = Slot { series, cell: self.shard.push(series)? };
        self.slots.borrow_mut().insert(&self.recorder.family, labels, slot);
        Some(slot)
    }

    /// The `addr` label of a slot.
    pub(crate) fn addr(&self, slot: Slot) -> Option<&str> {
        self.recorder.family.series(slot.series).map(|series| series.labels().addr)
    }

    /// Records one observation.
    #[inline]
    pub(crate) fn record(&self, slot: Slot, nanos: u64, bytes: u64) {
        self.shard.record(slot.cell, nanos, bytes);
    }

    /// Records the trace of an observation.
    #[cold]
    pub(crate) fn record_exemplar(&self, slot: Slot, nanos: u64, trace_id: String) {
        let family = &self.recorder.family;
        let exemplar = Exemplar { trace_id, nanos, at: SystemTime::now() };
        family.exemplars().offer(slot.series, family.buckets().index_of(nanos), exemplar);
    }

    /// Changes the number of requests in flight.
    pub(crate) fn add_in_flight(&self, change: i64) {
        self.shard.add_in_flight(change);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let left = (Arc::clone(&self.shard), self.slots.take());
        self.recorder.idle.lock().unwrap_or_else(PoisonError::into_inner).push(left);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Recorder;
    use crate::labels::{Key, LabelSet, OwnValues, RequestKey};
    use crate::protocol::MethodLabel;
    use crate::store::buckets::Buckets;
    use crate::store::family::Family;
    use crate::store::snapshot::Snapshot;

    fn family(limit: usize) -> Arc<Family> {
        Arc::new(Family::new(Buckets::new(&[1.0]), limit, Arc::default(), Arc::default()))
    }

    fn ok(addr: &str) -> LabelSet<'_> {
        let request = RequestKey { status: 200, method: MethodLabel::Get, is_error: false };
        LabelSet { key: Key::Request(request), addr, message: None, own: OwnValues::default() }
    }

    #[test]
    fn each_series_has_its_own_counts() {
        const SERIES: usize = if cfg!(miri) { 10 } else { 300 };
        // Cells of one and of several cache lines.
        for bounds in [1, 20] {
            let bounds: Vec<_> = (1..=bounds).map(f64::from).collect();
            let buckets = Buckets::new(&bounds);
            let family = Arc::new(Family::new(buckets, 1000, Arc::default(), Arc::default()));
            let writer = Recorder::new(Arc::clone(&family)).writer();
            let addrs = (0..SERIES).map(|route| format!("/long/prefix/{route:03}/a/long/suffix"));
            let addrs: Vec<_> = addrs.collect();
            for _ in 0..3 {
                for (route, addr) in addrs.iter().enumerate() {
                    let slot = writer.slot(&ok(addr)).expect("there is room");
                    writer.record(slot, 0, route as u64);
                }
            }
            let snapshot = Snapshot::new(&family);
            assert_eq!(snapshot.rows().count(), addrs.len());
            for (route, row) in snapshot.rows().enumerate() {
                assert_eq!(row.series.labels(), ok(&addrs[route]));
                assert_eq!((row.counts[0], row.bytes), (3, 3 * route as u64));
                assert_eq!(row.counts[1..].iter().sum::<u64>(), 0);
            }
            // A series that is not found gets another cell.
            assert_eq!(family.shards()[0].cells().count(), addrs.len());
        }
    }

    #[test]
    fn a_series_whose_first_request_is_in_progress_is_not_shown() {
        let family = family(10);
        let writer = Recorder::new(Arc::clone(&family)).writer();
        let slot = writer.slot(&ok("/")).expect("there is room");
        assert_eq!(Snapshot::new(&family).rows().count(), 0);
        writer.record(slot, 0, 0);
        assert_eq!(Snapshot::new(&family).rows().count(), 1);
    }

    #[test]
    fn past_the_limit_a_writer_adds_nothing_to_its_shard() {
        let family = family(2);
        let recorder = Recorder::new(Arc::clone(&family));
        let (first, second) = (recorder.writer(), recorder.writer());
        for number in 0..50 {
            for writer in [&first, &second] {
                let slot = writer.slot(&ok(&format!("/{number}"))).expect("there is room");
                writer.record(slot, 0, 1);
            }
        }
        let rows: Vec<_> = Snapshot::new(&family)
            .rows()
            .map(|row| (row.series.labels().addr.to_owned(), row.bytes))
            .collect();
        let expected = [("/0", 2), ("/1", 2), ("_overflow", 96)];
        assert_eq!(rows, expected.map(|(addr, bytes)| (addr.to_owned(), bytes)));
        assert_eq!(family.shards().iter().map(|shard| shard.cells().count()).sum::<usize>(), 6);
    }

    #[test]
    fn a_shard_is_handed_on_to_the_next_writer() {
        let family = family(10);
        let recorder = Recorder::new(Arc::clone(&family));
        for _ in 0..3 {
            let writer = recorder.writer();
            let slot = writer.slot(&ok("/")).expect("there is room");
            writer.record(slot, 0, 1);
        }
        assert_eq!(family.shards().len(), 1);
        assert_eq!(Snapshot::new(&family).rows().map(|row| row.bytes).sum::<u64>(), 3);
    }
}
