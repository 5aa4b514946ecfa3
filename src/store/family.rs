//! A family: the series of one histogram (and the byte counter beside it), and the
//! shards in which threads record them.

use std::hash::BuildHasher as _;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::buckets::Buckets;
use super::exemplars::Exemplars;
use super::own_labels::OwnLabels;
use super::series::{ConstLabels, Series, SeriesId};
use super::shard::Shard;
use crate::labels::LabelSet;
use crate::panics::contain;
use crate::protocol::{self, LOG};

/// All series of a family and the shards that threads record them in.
///
/// Series are only ever added, so a scrape reads them without a lock and a thread
/// that records a new series never waits for a scrape. The index is locked when a
/// thread meets a label set for the first time. Once the family is full, the label
/// sets within the limit are fixed: the index is then read without a lock.
#[derive(Debug)]
pub(crate) struct Family {
    buckets: Buckets,
    limit: usize,
    const_labels: ConstLabels,
    own_labels: Arc<OwnLabels>,
    hasher: RandomState,
    series: boxcar::Vec<Series>,
    /// From label sets to series. Label sets within the limit until the family is
    /// full, from then on those of the overflow.
    index: Mutex<HashTable<SeriesId>>,
    /// The label sets within the limit, once the family is full.
    full: OnceLock<HashTable<SeriesId>>,
    shards: Mutex<Vec<Arc<Shard>>>,
    exemplars: Exemplars,
    has_native: bool,
}

impl Family {
    pub(crate) fn new(
        buckets: Buckets,
        limit: usize,
        const_labels: ConstLabels,
        own_labels: Arc<OwnLabels>,
    ) -> Self {
        Self {
            buckets,
            has_native: false,
            limit,
            const_labels,
            own_labels,
            hasher: RandomState::default(),
            series: boxcar::Vec::new(),
            index: Mutex::default(),
            full: OnceLock::new(),
            shards: Mutex::default(),
            exemplars: Exemplars::default(),
        }
    }

    /// The family with native histograms beside the classic ones, or without.
    pub(crate) fn with_native(self, has_native: bool) -> Self {
        Self { has_native, ..self }
    }

    pub(crate) fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    pub(crate) fn const_labels(&self) -> &ConstLabels {
        &self.const_labels
    }

    pub(crate) fn own_labels(&self) -> &OwnLabels {
        &self.own_labels
    }

    pub(crate) fn exemplars(&self) -> &Exemplars {
        &self.exemplars
    }

    #[inline]
    pub(crate) fn series(&self, id: SeriesId) -> Option<&Series> {
        self.series.get(id as usize)
    }

    pub(super) fn hash(&self, labels: &LabelSet<'_>) -> u64 {
        self.hasher.hash_one(labels)
    }

    /// Whether the series with this index has these labels.
    #[inline]
    pub(crate) fn has_labels(&self, id: SeriesId, labels: &LabelSet<'_>) -> bool {
        self.series(id).is_some_and(|series| series.labels() == *labels)
    }

    /// Hash of the labels of a series that exists.
    pub(super) fn hash_of(&self, id: SeriesId) -> u64 {
        self.series(id).map_or(0, |series| self.hash(&series.labels()))
    }

    /// The series with these labels, created if the limit allows. `None` if the
    /// family is full: the labels are then recorded as overflowed.
    pub(crate) fn get_or_insert(&self, labels: &LabelSet<'_>) -> Option<SeriesId> {
        if let Some(full) = self.full.get() {
            return self.find(full, labels);
        }
        let mut index = self.lock_index();
        // Another thread may have filled the family while this one waited.
        if let Some(full) = self.full.get() {
            return self.find(full, labels);
        }
        let id = self.find_or_push(&mut index, labels);
        if index.len() >= self.limit {
            // Nobody else sets it: the lock is held.
            let _ = self.full.set(mem::take(&mut *index));
        }
        id
    }

    /// The series with these labels, which are overflowed, created if needed. `None`
    /// after four billion series.
    pub(crate) fn get_or_insert_overflow(&self, labels: &LabelSet<'_>) -> Option<SeriesId> {
        let mut index = self.lock_index();
        let is_first = index.is_empty();
        let id = self.find_or_push(&mut index, labels);
        // A logger may ask for the page, or record a call of its own.
        drop(index);
        if is_first {
            contain(|| {
                log::warn!(
                    target: LOG,
                    "the series limit of {} label sets is reached; further label sets are recorded \
                     with addr=\"{}\"; raise series_limit, or look for an unbounded label",
                    self.limit,
                    protocol::OVERFLOW,
                )
            });
        }
        id
    }

    fn lock_index(&self) -> MutexGuard<'_, HashTable<SeriesId>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, index: &HashTable<SeriesId>, labels: &LabelSet<'_>) -> Option<SeriesId> {
        index.find(self.hash(labels), |id| self.has_labels(*id, labels)).copied()
    }

    fn find_or_push(
        &self,
        index: &mut HashTable<SeriesId>,
        labels: &LabelSet<'_>,
    ) -> Option<SeriesId> {
        let known = self.find(index, labels);
        if known.is_some() {
            return known;
        }
        let series = Series::new(*labels, &self.const_labels, &self.own_labels);
        let id = SeriesId::try_from(self.series.push(series)).ok()?;
        index.insert_unique(self.hash(labels), id, |id| self.hash_of(*id));
        Some(id)
    }

    /// A new shard, part of every scrape from now on.
    pub(crate) fn add_shard(&self) -> Arc<Shard> {
        let shard = Arc::new(Shard::new(self.buckets.clone(), self.has_native));
        self.shards.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&shard));
        shard
    }

    pub(crate) fn shards(&self) -> Vec<Arc<Shard>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests in progress, over all shards.
    pub(crate) fn in_flight(&self) -> i64 {
        self.shards().iter().map(|shard| shard.in_flight()).sum()
    }
}
