//! One interface for a cell with native buckets and without.

use crate::atomic::{Ordering, as_the_writer};
use crate::cell::{CacheLine, HistogramCell, Totals, lines_per_cell};
use crate::native::{DIRECTORY_LINES, NativeCell, OctaveLines};

/// Buckets of the models: one is enough to be torn from its sum, and each further
/// word multiplies the interleavings.
const COUNTS: usize = 1;

/// The result of one read of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) nanos: u64,
    pub(crate) bytes: u64,
    pub(crate) counts: [u64; COUNTS],
    /// In all native buckets. Equal to the counts of a cell without them.
    pub(crate) native: u64,
}

impl Seen {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            nanos: self.nanos + other.nanos,
            bytes: self.bytes + other.bytes,
            counts: [self.counts[0] + other.counts[0]],
            native: self.native + other.native,
        }
    }
}

/// The nanoseconds and bytes of observations, no sum of which equals another. They are in
/// native buckets of different octaves.
const OBSERVATIONS: [(u64, u64); 2] = [(1_000, 10), (100_000, 1_000)];

/// The content of a cell after the first `observations` of them.
pub(crate) fn after(observations: usize) -> Seen {
    OBSERVATIONS[..observations].iter().fold(Seen::default(), |seen, (nanos, bytes)| {
        seen.plus(Seen { nanos: *nanos, bytes: *bytes, counts: [1], native: 1 })
    })
}

/// The words of one cell. Created within a model.
pub(crate) trait Subject: Default + Send + Sync + 'static {
    fn record(&self, nanos: u64, bytes: u64);

    /// All attempts of a reader.
    fn read(&self) -> Seen;

    /// One attempt of a reader.
    fn try_read(&self) -> Option<Seen>;

    fn observe(&self, observation: usize) {
        let (nanos, bytes) = OBSERVATIONS[observation];
        self.record(nanos, bytes);
    }
}

/// How often a reader of the models tries to read whole observations.
const ATTEMPTS: usize = 3;

/// The cell alone.
pub(crate) struct Classic(Vec<CacheLine>);

impl Default for Classic {
    fn default() -> Self {
        Self((0..lines_per_cell(COUNTS)).map(|_| Default::default()).collect())
    }
}

impl Classic {
    /// Leaves the cell as a writer does that never ends its record: with an odd version.
    pub(crate) fn lose_the_end_of_a_record(&self) {
        let version = &self.0[0].words()[0];
        version.store(version.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }
}

impl Subject for Classic {
    fn record(&self, nanos: u64, bytes: u64) {
        as_the_writer(|| HistogramCell::new(&self.0).record(0, nanos, bytes, None));
    }

    fn read(&self) -> Seen {
        let mut seen = Seen::default();
        let Seen { nanos, bytes, counts, .. } = &mut seen;
        let mut attempts = 0;
        let wait = || {
            attempts += 1;
            attempts < ATTEMPTS
        };
        HistogramCell::new(&self.0).read(Totals { nanos, bytes, counts }, || {}, wait);
        seen.native = seen.counts[0];
        seen
    }

    fn try_read(&self) -> Option<Seen> {
        let mut seen = Seen::default();
        let Seen { nanos, bytes, counts, .. } = &mut seen;
        let mut totals = Totals { nanos, bytes, counts };
        let is_whole = HistogramCell::new(&self.0).try_read(&mut totals, || {});
        seen.native = seen.counts[0];
        is_whole.then_some(seen)
    }
}

/// The cell with native buckets.
#[derive(Default)]
pub(crate) struct WithNative {
    cell: Classic,
    directory: [CacheLine; DIRECTORY_LINES],
    octaves: OctaveLines,
}

impl WithNative {
    fn native(&self) -> NativeCell<'_> {
        NativeCell::new(&self.directory, &self.octaves)
    }
}

impl Subject for WithNative {
    fn record(&self, nanos: u64, bytes: u64) {
        as_the_writer(|| {
            let word = self.native().word(nanos);
            assert!(word.is_some(), "the observations are above the zero bucket");
            HistogramCell::new(&self.cell.0).record(0, nanos, bytes, word);
        });
    }

    fn read(&self) -> Seen {
        self.try_read().unwrap_or_default()
    }

    fn try_read(&self) -> Option<Seen> {
        let (mut seen, mut octaves) = (Seen::default(), Vec::new());
        let Seen { nanos, bytes, counts, .. } = &mut seen;
        let mut totals = Totals { nanos, bytes, counts };
        let cell = HistogramCell::new(&self.cell.0);
        let is_whole = cell.try_read(&mut totals, || self.native().load(&mut octaves));
        seen.native = octaves.iter().flat_map(|(_, counts)| counts).sum();
        is_whole.then_some(seen)
    }
}
