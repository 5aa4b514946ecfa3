//! Native histograms: buckets that grow by a constant factor, so that none have to be chosen.

use super::atomic::{AtomicU64, AtomicUsize, Ordering};
use super::cell::{CacheLine, WORDS_PER_LINE};

/// Upper bound of the zero bucket in seconds: 0.95 µs.
pub(crate) const ZERO_THRESHOLD: f64 = 1.0 / (1 << 20) as f64;
/// The same in nanoseconds, rounded down.
const ZERO_NANOS: u64 = 953;

/// The octaves above the zero bucket, each from a power of two to the next. The last one
/// ends at 4096 s and counts all that is longer.
const OCTAVES: usize = 32;

/// The resolution: 2³ buckets per octave, as many as a cache line has words.
const SCHEMA: i32 = 3;

/// The key of the first bucket above the zero bucket: a bucket with the key k ends at 2^(k/8).
const FIRST_KEY: i32 = -20 * 8 + 1;

/// The greatest number of buckets of a series on the page.
const MAX_BUCKETS: usize = 160;

const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const MANTISSA: u64 = (1 << MANTISSA_BITS) - 1;

/// The exponent of 2⁻²⁰ and the three bits that follow it in a float.
const FIRST_EIGHTH: usize = (1023 - 20) << 3;

/// The powers of 2^(1/8) within an octave, as mantissas. Each eighth of an octave contains
/// one, except for the last eighth.
const BOUNDS: [u64; 8] = [
    1.0905077326652577_f64.to_bits() & MANTISSA,
    1.189207115002721_f64.to_bits() & MANTISSA,
    1.2968395546510096_f64.to_bits() & MANTISSA,
    std::f64::consts::SQRT_2.to_bits() & MANTISSA,
    1.5422108254079407_f64.to_bits() & MANTISSA,
    1.681792830507429_f64.to_bits() & MANTISSA,
    1.8340080864093424_f64.to_bits() & MANTISSA,
    u64::MAX,
];

/// Index of the bucket that contains `nanos`, of those above the zero bucket. `None` is the
/// zero bucket. A bound is part of its bucket.
#[inline]
fn index_of(nanos: u64) -> Option<usize> {
    if nanos <= ZERO_NANOS {
        return None;
    }
    // The next smaller float: a bound is then below itself.
    let bits = (nanos as f64 / 1e9).to_bits() - 1;
    let eighth = (bits >> (MANTISSA_BITS - 3)) as usize;
    let is_above = bits & MANTISSA >= BOUNDS[eighth % 8];
    Some((eighth - FIRST_EIGHTH + usize::from(is_above)).min(OCTAVES * WORDS_PER_LINE - 1))
}

/// The lines with the native buckets of one shard: one line for each octave that a series
/// uses. Appended by the shard's one writer, in chunks that never move.
#[derive(Debug, Default)]
pub(crate) struct OctaveLines {
    chunks: boxcar::Vec<Box<[CacheLine; CHUNK]>>,
    len: AtomicUsize,
}

/// Lines per chunk.
const CHUNK: usize = 8;

impl OctaveLines {
    #[inline]
    fn get(&self, index: usize) -> Option<&CacheLine> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    #[cold]
    fn push(&self) -> usize {
        // Relaxed: only the writer uses the length.
        let index = self.len.load(Ordering::Relaxed);
        if index.is_multiple_of(CHUNK) {
            self.chunks.push(Box::default());
        }
        self.len.store(index + 1, Ordering::Relaxed);
        index
    }
}

/// Lines of a cell's directory: two octaves per word.
pub(crate) const DIRECTORY_LINES: usize = OCTAVES / 2 / WORDS_PER_LINE;

/// The native buckets of one cell, written and read within its sequence lock.
///
/// ```text
///  directory, 32 bits per octave:   [ 0 │ 0 │ 5 │ 1 │ 0 │ … ]     0: not used
///                                             │   └── line 0 of the shard's octave lines
///                                             └────── line 4
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct NativeCell<'a> {
    directory: &'a [CacheLine],
    lines: &'a OctaveLines,
}

/// An octave, and the observations in each of its buckets.
pub(crate) type OctaveCounts = (usize, [u64; WORDS_PER_LINE]);

impl<'a> NativeCell<'a> {
    pub(crate) fn new(directory: &'a [CacheLine], lines: &'a OctaveLines) -> Self {
        Self { directory, lines }
    }

    /// The word that counts observations of this duration, `None` in the zero bucket. Called
    /// by the one writer of the cell.
    #[inline]
    pub(crate) fn word(self, nanos: u64) -> Option<&'a AtomicU64> {
        let index = index_of(nanos)?;
        let octave = index / WORDS_PER_LINE;
        let line = self.line(octave).or_else(|| self.add_line(octave))?;
        Some(&line.words()[index % WORDS_PER_LINE])
    }

    /// Replaces `octaves` by those of the cell.
    pub(crate) fn load(self, octaves: &mut Vec<OctaveCounts>) {
        octaves.clear();
        octaves.extend((0..OCTAVES).filter_map(|octave| {
            let words = self.line(octave)?.words();
            // Relaxed: ordered by the version of the cell.
            Some((octave, std::array::from_fn(|index| words[index].load(Ordering::Relaxed))))
        }));
    }

    /// A reader can miss a line that is new. It then also misses what is counted there, or
    /// the version of the cell rejects what it reads.
    #[inline]
    fn line(self, octave: usize) -> Option<&'a CacheLine> {
        let (word, shift) = self.entry(octave);
        // Relaxed: ordered by the version of the cell.
        let entry = word.load(Ordering::Relaxed) >> shift & u64::from(u32::MAX);
        self.lines.get((entry as usize).checked_sub(1)?)
    }

    /// `None` after four billion lines: the observation then counts in the zero bucket.
    #[cold]
    fn add_line(self, octave: usize) -> Option<&'a CacheLine> {
        let index = self.lines.push();
        let entry = u32::try_from(index + 1).ok()?;
        let (word, shift) = self.entry(octave);
        // Relaxed: before the next change of the cell's version, which publishes it.
        word.store(word.load(Ordering::Relaxed) | u64::from(entry) << shift, Ordering::Relaxed);
        self.lines.get(index)
    }

    /// The word with the directory's entry for an octave, and the position of its lowest bit.
    #[inline]
    fn entry(self, octave: usize) -> (&'a AtomicU64, usize) {
        let word = octave / 2;
        let line = &self.directory[word / WORDS_PER_LINE];
        (&line.words()[word % WORDS_PER_LINE], octave % 2 * 32)
    }
}

/// Adds the counts of one cell to those of its series.
pub(crate) fn add_octaves(sums: &mut Vec<OctaveCounts>, octaves: &[OctaveCounts]) {
    for (octave, counts) in octaves {
        match sums.iter_mut().find(|(other, _)| other == octave) {
            Some((_, sums)) => {
                sums.iter_mut()
                    .zip(counts)
                    .for_each(|(sum, count)| *sum = sum.saturating_add(*count));
            }
            None => sums.push((*octave, *counts)),
        }
    }
}

/// The native histogram of one series, as the formats have it.
#[derive(Debug, PartialEq)]
pub(crate) struct NativeHistogram {
    pub(crate) schema: i32,
    /// Observations in all buckets, the zero bucket included.
    pub(crate) count: u64,
    pub(crate) zero_count: u64,
    /// Runs of buckets: the distance of the first one from the end of the run before, and
    /// their number.
    pub(crate) spans: Vec<(i32, u32)>,
    /// The observations in each bucket, as the difference from the bucket before.
    pub(crate) deltas: Vec<i64>,
}

impl NativeHistogram {
    /// A histogram of `count` observations, of which all that are in no octave are in the
    /// zero bucket. Its resolution is lowered until at most 160 buckets are used.
    pub(crate) fn new(octaves: &[OctaveCounts], count: u64) -> Self {
        let mut buckets: Vec<_> = octaves.iter().flat_map(keys_and_counts).collect();
        buckets.sort_unstable();
        let mut schema = SCHEMA;
        while buckets.len() > MAX_BUCKETS {
            schema -= 1;
            merge_pairs(&mut buckets);
        }
        let above_zero: u64 = buckets.iter().map(|(_, count)| count).sum();
        // More are above zero only if a writer was lost within a record. Prometheus refuses
        // a histogram whose count is not the sum of its buckets.
        let count = count.max(above_zero);
        let mut histogram = Self {
            schema,
            count,
            zero_count: count - above_zero,
            spans: Vec::new(),
            deltas: Vec::with_capacity(buckets.len()),
        };
        histogram.extend(&buckets);
        histogram
    }

    fn extend(&mut self, buckets: &[(i32, u64)]) {
        let (mut end, mut previous) = (0, 0);
        for (key, count) in buckets {
            match self.spans.last_mut() {
                Some((_, length)) if *key == end => *length += 1,
                _ => self.spans.push((key - end, 1)),
            }
            let count = *count as i64;
            self.deltas.push(count - previous);
            (end, previous) = (key + 1, count);
        }
    }
}

/// The buckets of an octave that have observations.
fn keys_and_counts((octave, counts): &OctaveCounts) -> impl Iterator<Item = (i32, u64)> {
    let first = FIRST_KEY + (octave * WORDS_PER_LINE) as i32;
    (first..).zip(counts.iter().copied()).filter(|(_, count)| *count > 0)
}

/// Halves the resolution: each bucket then contains two of those before.
fn merge_pairs(buckets: &mut Vec<(i32, u64)>) {
    buckets.iter_mut().for_each(|(key, _)| *key = (*key + 1) >> 1);
    buckets.dedup_by(|next, bucket| {
        let is_same = next.0 == bucket.0;
        bucket.1 += if is_same { next.1 } else { 0 };
        is_same
    });
}

#[cfg(test)]
mod tests {
    use super::{FIRST_KEY, NativeHistogram, ZERO_NANOS, ZERO_THRESHOLD, index_of, merge_pairs};

    /// The bounds of the bucket that contains a duration, in seconds.
    fn bounds(nanos: u64) -> (f64, f64) {
        let bound = |key: i32| (f64::from(key) / 8.0).exp2();
        index_of(nanos).map_or((0.0, ZERO_THRESHOLD), |index| {
            let key = FIRST_KEY + index as i32;
            (bound(key - 1), bound(key))
        })
    }

    #[test]
    fn a_duration_is_within_the_bounds_of_its_bucket() {
        let mut nanos = 1;
        while nanos < 4_096_000_000_000 {
            let seconds = nanos as f64 / 1e9;
            let (lower, upper) = bounds(nanos);
            assert!(lower < seconds && seconds <= upper, "{nanos}: {lower} to {upper}");
            nanos += 1 + nanos / 997;
        }
    }

    #[test]
    fn a_bound_is_part_of_its_own_bucket() {
        for (nanos, upper) in
            [(500_000_000, 0.5), (1_000_000_000, 1.0), (4_096_000_000_000, 4096.0)]
        {
            assert_eq!(bounds(nanos).1, upper);
        }
        assert_eq!(index_of(ZERO_NANOS), None);
        assert_eq!(index_of(ZERO_NANOS + 1), Some(0));
        for nanos in [4_096_000_000_000, 4_096_000_000_001, u64::MAX] {
            assert_eq!(index_of(nanos), Some(255), "{nanos}");
        }
    }

    #[test]
    fn runs_of_buckets_are_spans() {
        let octaves = [(21, [0, 1, 0, 0, 0, 0, 0, 0]), (20, [2, 5, 0, 0, 0, 0, 0, 4])];
        let histogram = NativeHistogram::new(&octaves, 15);
        assert_eq!((histogram.schema, histogram.count, histogram.zero_count), (3, 15, 3));
        assert_eq!(histogram.spans, [(1, 2), (5, 1), (1, 1)]);
        assert_eq!(histogram.deltas, [2, 3, -1, -3]);
    }

    #[test]
    fn the_resolution_is_lowered_past_160_buckets_and_nothing_is_lost() {
        let full: Vec<_> = (0..32).map(|octave| (octave, [1; 8])).collect();
        let histogram = NativeHistogram::new(&full[..20], 160);
        assert_eq!((histogram.schema, histogram.deltas.len()), (3, 160));
        let histogram = NativeHistogram::new(&full, 256);
        assert_eq!((histogram.schema, histogram.count, histogram.zero_count), (2, 256, 0));
        assert_eq!(histogram.spans, [(-79, 128)]);
        assert_eq!((histogram.deltas.len(), histogram.deltas[0]), (128, 2));
        let mut buckets: Vec<_> = (-3..=3).map(|key| (key, 1)).collect();
        merge_pairs(&mut buckets);
        assert_eq!(buckets, [(-1, 2), (0, 2), (1, 2), (2, 1)]);
    }

    #[test]
    fn a_histogram_has_at_least_the_observations_of_its_buckets() {
        let histogram = NativeHistogram::new(&[(20, [2, 0, 0, 0, 0, 0, 0, 0])], 1);
        assert_eq!((histogram.count, histogram.zero_count), (2, 0));
    }
}
