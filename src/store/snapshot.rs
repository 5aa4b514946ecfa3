//! The snapshot of a family: all its shards, added up.

use std::thread;
use std::time::{Duration, Instant};

use super::cell::Totals;
use super::exemplars::{Exemplar, ExemplarMap};
use super::family::Family;
use super::native::{NativeHistogram, OctaveCounts, add_octaves};
use super::own_labels::OwnLabels;
use super::series::{ConstLabels, Series, SeriesId};

/// The state of a family at one scrape.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    family: &'a Family,
    exemplars: ExemplarMap,
    /// One row of words per series, in the order of their indices.
    words: Vec<u64>,
    width: usize,
    /// The native buckets of each series, in the order of their indices. Empty without native
    /// histograms.
    octaves: Vec<Vec<OctaveCounts>>,
}

/// The state of one series.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    id: SeriesId,
    pub(crate) series: &'a Series,
    pub(crate) nanos: u64,
    pub(crate) bytes: u64,
    /// Observations per bucket, not cumulated, `+Inf` last.
    pub(crate) counts: &'a [u64],
    /// `None` without native histograms.
    octaves: Option<&'a [OctaveCounts]>,
}

const NANOS: usize = 0;
const BYTES: usize = 1;
const HEAD: usize = 2;

/// How long a cell is read until its observations are whole: longer than a thread is
/// suspended on a busy machine.
const PATIENCE: Duration = Duration::from_millis(100);

/// Returns what waits for the writer of a cell, and returns `false` after 100 ms.
fn patience() -> impl FnMut() -> bool {
    let mut began = None;
    move || {
        thread::yield_now();
        began.get_or_insert_with(Instant::now).elapsed() < PATIENCE
    }
}

impl<'a> Snapshot<'a> {
    pub(crate) fn new(family: &'a Family) -> Self {
        // Before the counts: an exemplar's observation is then counted.
        let exemplars = family.exemplars().snapshot();
        let width = HEAD + family.buckets().count();
        let (words, octaves) = (Vec::new(), Vec::new());
        let mut snapshot = Self { family, exemplars, words, width, octaves };
        let mut row = vec![0; width];
        let mut octaves = Vec::new();
        for shard in family.shards() {
            for (series, cell, native) in shard.cells() {
                let ([nanos, bytes], counts) = row.split_at_mut(HEAD) else { continue };
                let totals = Totals { nanos, bytes, counts };
                match native {
                    None => cell.read(totals, || {}, patience()),
                    Some(native) => {
                        cell.read(totals, || native.load(&mut octaves), patience());
                        snapshot.add_native(series as usize, &octaves);
                    }
                }
                snapshot.add(series as usize, &row);
            }
        }
        snapshot
    }

    fn add_native(&mut self, series: usize, octaves: &[OctaveCounts]) {
        if self.octaves.len() <= series {
            self.octaves.resize_with(series + 1, Vec::new);
        }
        add_octaves(&mut self.octaves[series], octaves);
    }

    fn add(&mut self, series: usize, row: &[u64]) {
        let start = series * self.width;
        if self.words.len() < start + self.width {
            self.words.resize(start + self.width, 0);
        }
        for (sum, word) in self.words[start..].iter_mut().zip(row) {
            *sum = sum.saturating_add(*word);
        }
    }

    /// The series that have observations. A series may have been created whose first
    /// observation is not recorded yet.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.words.chunks_exact(self.width).zip(0..).filter_map(|(words, id)| {
            let counts = &words[HEAD..];
            let series = self.family.series(id)?;
            let (nanos, bytes) = (words[NANOS], words[BYTES]);
            let is_recorded = counts.iter().any(|count| *count > 0);
            let octaves = self.octaves.get(id as usize).map(Vec::as_slice);
            is_recorded.then_some(Row { id, series, nanos, bytes, counts, octaves })
        })
    }

    pub(crate) fn exemplar(&self, row: &Row<'_>, bucket: usize) -> Option<&Exemplar> {
        if self.exemplars.is_empty() {
            return None;
        }
        self.exemplars.get(&(row.id, bucket))
    }

    pub(crate) fn bounds(&self) -> &[f64] {
        self.family.buckets().seconds()
    }

    pub(crate) fn le_labels(&self) -> impl Iterator<Item = String> {
        self.family.buckets().le_labels()
    }

    pub(crate) fn const_labels(&self) -> &ConstLabels {
        self.family.const_labels()
    }

    pub(crate) fn own_labels(&self) -> &OwnLabels {
        self.family.own_labels()
    }
}

impl Row<'_> {
    /// The native histogram of the series, of the same observations as the classic one.
    pub(crate) fn native(&self) -> Option<NativeHistogram> {
        Some(NativeHistogram::new(self.octaves?, self.counts.iter().sum()))
    }
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE, patience, thread};

    #[test]
    fn a_reader_is_patient_for_a_while() {
        // A thread that is suspended between the two readings of the clock is not.
        assert!((0..20).any(|_| patience()()));
        let mut wait = patience();
        wait();
        thread::sleep(PATIENCE);
        assert!(!wait());
    }
}
