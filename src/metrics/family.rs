//! A family: all series of one histogram (and the counter of bytes beside it),
//! and the lanes in which workers count for them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::buckets::Buckets;
use super::exemplars::LatestExemplars;
use super::lane::Lane;
use super::shelf::Shelf;
use crate::labels::{LabelSet, OwnedLabelSet};
use crate::protocol::LOG;

/// Index of a series within its family.
pub(crate) type SeriesId = u32;

/// Series are only ever added, and a scrape walks them without a lock: so a
/// worker that meets a new series never waits for a scrape, however long that
/// takes. The one lock guards the index and is held for a look-up and a push.
#[derive(Debug)]
pub(crate) struct Family {
    buckets: Buckets,
    limit: usize,
    const_labels: String,
    hasher: RandomState,
    series: Shelf<Box<[OnceLock<Series>]>>,
    len: AtomicUsize,
    index: Mutex<HashTable<SeriesId>>,
    overflowing: AtomicBool,
    lanes: Mutex<Vec<Arc<Lane>>>,
    exemplars: LatestExemplars,
}

/// A label set and how it is written: escaped once, not at each scrape.
#[derive(Debug)]
pub(crate) struct Series {
    labels: OwnedLabelSet,
    text: Box<str>,
}

impl Series {
    pub(crate) fn labels(&self) -> LabelSet<'_> {
        self.labels.borrowed()
    }

    #[inline]
    pub(crate) fn is(&self, labels: &LabelSet<'_>) -> bool {
        self.labels.is(labels)
    }

    pub(crate) fn addr(&self) -> &Arc<str> {
        self.labels.addr()
    }

    /// The label set as written between braces.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Family {
    /// `const_labels` is written before the labels of each series.
    pub(crate) fn new(buckets: Buckets, limit: usize, const_labels: &str) -> Self {
        Self {
            buckets,
            limit,
            const_labels: const_labels.to_owned(),
            hasher: RandomState::default(),
            series: Shelf::default(),
            len: AtomicUsize::new(0),
            index: Mutex::default(),
            overflowing: AtomicBool::new(false),
            lanes: Mutex::default(),
            exemplars: LatestExemplars::default(),
        }
    }

    pub(crate) fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    pub(crate) fn exemplars(&self) -> &LatestExemplars {
        &self.exemplars
    }

    #[inline]
    pub(crate) fn hash(&self, labels: &LabelSet<'_>) -> u64 {
        labels.hash_with(&self.hasher)
    }

    #[inline]
    pub(crate) fn series(&self, id: SeriesId) -> Option<&Series> {
        let (chunk, offset) = self.series.get(id as usize)?;
        chunk.get(offset)?.get()
    }

    /// The series of `labels`, made if the limit allows. `None` where the family
    /// is full: then `labels` are to be recorded as overflowed.
    pub(crate) fn find_or_make(&self, labels: &LabelSet<'_>) -> Option<SeriesId> {
        self.resolve(labels, self.limit)
    }

    /// The series that stands for label sets past the limit. There are as many
    /// as there are combinations of what the app itself decides.
    pub(crate) fn overflow(&self, labels: LabelSet<'_>) -> Option<SeriesId> {
        if !self.overflowing.swap(true, Ordering::Relaxed) {
            log::warn!(
                target: LOG, "{} label sets reached; further ones are counted under addr=\"{}\" \
                 (raise series_limit, or look for an unbounded label)",
                self.limit,
                crate::protocol::OVERFLOW,
            );
        }
        self.resolve(&labels.overflowed(), usize::MAX)
    }

    fn resolve(&self, labels: &LabelSet<'_>, limit: usize) -> Option<SeriesId> {
        let hash = self.hash(labels);
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |id: &SeriesId| self.series(*id).is_some_and(|series| series.is(labels));
        if let Some(id) = index.find(hash, is_same) {
            return Some(*id);
        }
        if self.len.load(Ordering::Relaxed) >= limit {
            return None;
        }
        let id = self.push(labels)?;
        index.insert_unique(hash, id, |id| self.series(*id).map_or(0, |s| self.hash(&s.labels())));
        Some(id)
    }

    /// Appends a series; the caller holds the index.
    fn push(&self, labels: &LabelSet<'_>) -> Option<SeriesId> {
        let place = self.len.load(Ordering::Relaxed);
        let id = SeriesId::try_from(place).ok()?;
        let (chunk, offset) = self
            .series
            .get_or_make(place, |places| (0..places).map(|_| OnceLock::new()).collect())?;
        let mut text = self.const_labels.clone();
        labels.write(&mut text);
        chunk.get(offset)?.set(Series { labels: labels.into(), text: text.into() }).ok()?;
        self.len.store(place + 1, Ordering::Release);
        Some(id)
    }

    /// A new lane, part of every scrape from now on.
    pub(crate) fn add_lane(&self) -> Arc<Lane> {
        let lane = Arc::new(Lane::new(self.buckets.counts()));
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&lane));
        lane
    }

    pub(crate) fn lanes(&self) -> Vec<Arc<Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
