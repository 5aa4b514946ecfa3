//! The histogram cell: what one thread recorded for one series.

use super::atomic::{AtomicU64, Ordering, fence};

/// Words before the buckets: the version, the nanoseconds and the bytes.
const HEAD: usize = 3;
pub(crate) const WORDS_PER_LINE: usize = 8;

/// One cache line, so that two threads never write to the same one. A series of
/// the default four buckets fits exactly.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct CacheLine([AtomicU64; WORDS_PER_LINE]);

impl CacheLine {
    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU64; WORDS_PER_LINE] {
        &self.0
    }
}

/// Cache lines of a cell with this number of buckets, `+Inf` included.
pub(crate) const fn lines_per_cell(buckets: usize) -> usize {
    (HEAD + buckets).div_ceil(WORDS_PER_LINE)
}

/// A histogram with a byte counter, written by one thread at a time and read by
/// any.
///
/// The words are protected by a sequence lock: the writer makes the version odd,
/// changes the words and makes the version even again; a reader accepts the words
/// only if it read the same even version before and after. The writer therefore
/// never waits and needs no read-modify-write instruction, and a reader sees whole
/// observations: never a sum without its count. There is no word for the number of
/// observations, which is the sum of the buckets.
///
/// Each word only ever grows, so a reader that gives up on whole observations
/// still reads words that never fall from one scrape to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistogramCell<'a> {
    lines: &'a [CacheLine],
}

/// The words of a cell, copied out.
#[derive(Debug)]
pub(crate) struct Totals<'a> {
    pub(crate) nanos: &'a mut u64,
    pub(crate) bytes: &'a mut u64,
    /// Observations per bucket, not cumulated, `+Inf` last.
    pub(crate) counts: &'a mut [u64],
}

impl<'a> HistogramCell<'a> {
    pub(crate) fn new(lines: &'a [CacheLine]) -> Self {
        Self { lines }
    }

    #[inline]
    fn word(self, index: usize) -> &'a AtomicU64 {
        &self.lines[index / WORDS_PER_LINE].words()[index % WORDS_PER_LINE]
    }

    /// Adds one observation, and counts it in the word of its native bucket, if it has one.
    /// Called by the one writer of the cell.
    #[inline]
    pub(crate) fn record(self, bucket: usize, nanos: u64, bytes: u64, native: Option<&AtomicU64>) {
        let [version, sum, sent, ..] = self.lines[0].words();
        let count = self.word(HEAD + bucket);
        // Relaxed: there is one writer at a time. One that takes the cell over sees the
        // stores of the writer before it through the mutex in `Recorder`. The version is odd
        // already if that writer ended in the middle of a record (a fork, a thread that was
        // killed): `|` keeps it odd where `+` would make it even.
        let odd = version.load(Ordering::Relaxed) | 1;
        version.store(odd, Ordering::Relaxed);
        // Pairs with the acquire fence in `try_read`: a reader that sees one of the
        // words below sees the odd version as well, and rejects them.
        fence(Ordering::Release);
        add(sum, nanos);
        add(sent, bytes);
        add(count, 1);
        if let Some(native) = native {
            add(native, 1);
        }
        // Pairs with the acquire load in `try_read`: a reader that sees this version
        // sees all words of this observation.
        version.store(odd + 1, Ordering::Release);
    }

    /// Reads whole observations, or the words as they are if `wait` returns `false`, which is
    /// called after each failed attempt. Each attempt calls `load_native`, which loads the
    /// words of the native buckets.
    ///
    /// A writer is between two versions for some nanoseconds, unless its thread is suspended
    /// there or will never run again. If it is the latter, the totals may contain the duration
    /// of an observation whose count is missing.
    pub(crate) fn read(
        self,
        mut totals: Totals<'_>,
        mut load_native: impl FnMut(),
        mut wait: impl FnMut() -> bool,
    ) {
        while !self.try_read(&mut totals, &mut load_native) {
            if !wait() {
                self.load(&mut totals);
                return load_native();
            }
        }
    }

    /// Reads whole observations unless a writer interferes. The totals are
    /// meaningless if this returns `false`.
    pub(crate) fn try_read(self, totals: &mut Totals<'_>, mut load_native: impl FnMut()) -> bool {
        // Pairs with the release store at the end of `record`.
        let before = self.word(0).load(Ordering::Acquire);
        if before % 2 == 1 {
            return false;
        }
        self.load(totals);
        load_native();
        // Pairs with the release fence in `record`: keeps the loads above before the
        // load of the version below.
        fence(Ordering::Acquire);
        self.word(0).load(Ordering::Relaxed) == before
    }

    /// Relaxed: the callers order these loads, or accept what they get.
    fn load(self, totals: &mut Totals<'_>) {
        *totals.nanos = self.word(1).load(Ordering::Relaxed);
        *totals.bytes = self.word(2).load(Ordering::Relaxed);
        for (index, count) in totals.counts.iter_mut().enumerate() {
            *count = self.word(HEAD + index).load(Ordering::Relaxed);
        }
    }
}

/// Relaxed: the words are ordered by the version, and only one thread stores them.
#[inline]
fn add(word: &AtomicU64, amount: u64) {
    // Saturating, because a counter that wraps is a counter that falls.
    let sum = word.load(Ordering::Relaxed).saturating_add(amount);
    word.store(sum, Ordering::Relaxed);
}
