//! The shard: what one worker counted for one series. How a worker finds its
//! shard is the recorder's business, how shards are summed the family's.

use super::atomic::{AtomicU64, Ordering, fence};

/// Words before the buckets: the version, the sum and the bytes.
const HEAD: usize = 3;
const WORDS_PER_LINE: usize = 8;

/// One cache line, so that two workers never write to the same one. A series of
/// the default four buckets fits exactly: version, sum, bytes and five counts.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Line([AtomicU64; WORDS_PER_LINE]);

/// Cache lines taken by a shard of `counts` counts (the bounds and `+Inf`).
pub(crate) const fn lines_for(counts: usize) -> usize {
    (HEAD + counts).div_ceil(WORDS_PER_LINE)
}

/// One shard, written by exactly one thread at a time and read by any.
///
/// Words are published as a sequence lock: the writer makes the version odd,
/// changes the words and makes the version even again; a reader takes the words
/// only when it found the same even version before and after. The writer
/// therefore never waits and uses no read-modify-write instruction, and a reader
/// sees whole observations: never a sum without its count, never a count that
/// falls. A count of observations is not stored: it is the sum of the buckets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shard<'a> {
    lines: &'a [Line],
}

impl<'a> Shard<'a> {
    pub(crate) fn new(lines: &'a [Line]) -> Self {
        Self { lines }
    }

    #[inline]
    fn word(self, index: usize) -> &'a AtomicU64 {
        &self.lines[index / WORDS_PER_LINE].0[index % WORDS_PER_LINE]
    }

    /// Adds one observation. To be called by the shard's one writer.
    #[inline]
    pub(crate) fn record(self, bucket: usize, nanos: u64, bytes: u64) {
        let [version, sum, sent, ..] = &self.lines[0].0;
        let count = self.word(HEAD + bucket);
        let odd = version.load(Ordering::Relaxed) + 1;
        version.store(odd, Ordering::Relaxed);
        fence(Ordering::Release);
        add(sum, nanos);
        add(sent, bytes);
        add(count, 1);
        version.store(odd + 1, Ordering::Release);
    }

    /// One attempt to read: `false` where the writer was at work meanwhile, and
    /// then `totals` is to be forgotten.
    pub(crate) fn try_read(self, totals: &mut Totals<'_>) -> bool {
        let before = self.word(0).load(Ordering::Acquire);
        if before % 2 == 1 {
            return false;
        }
        *totals.nanos = self.word(1).load(Ordering::Relaxed);
        *totals.bytes = self.word(2).load(Ordering::Relaxed);
        for (index, count) in totals.counts.iter_mut().enumerate() {
            *count = self.word(HEAD + index).load(Ordering::Relaxed);
        }
        fence(Ordering::Acquire);
        self.word(0).load(Ordering::Relaxed) == before
    }
}

#[inline]
fn add(word: &AtomicU64, amount: u64) {
    // Saturating, because a counter that wraps is a counter that falls.
    let sum = word.load(Ordering::Relaxed).saturating_add(amount);
    word.store(sum, Ordering::Relaxed);
}

/// What a shard holds, copied out.
#[derive(Debug)]
pub(crate) struct Totals<'a> {
    pub(crate) nanos: &'a mut u64,
    pub(crate) bytes: &'a mut u64,
    /// Observations a bucket, not cumulated, `+Inf` last.
    pub(crate) counts: &'a mut [u64],
}
