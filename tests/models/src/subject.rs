//! One face for the shard and its broken copies, and what a reader takes from it.

/// Counts of the models: one is enough to be torn from its sum, and each further
/// word multiplies the interleavings.
const COUNTS: usize = 1;

/// What one read of a shard gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) nanos: u64,
    pub(crate) bytes: u64,
    pub(crate) counts: [u64; COUNTS],
}

impl Seen {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            nanos: self.nanos + other.nanos,
            bytes: self.bytes + other.bytes,
            counts: [self.counts[0] + other.counts[0]],
        }
    }
}

/// The nanoseconds and bytes of observations, no sum of which equals another.
const OBSERVATIONS: [(u64, u64); 2] = [(1, 10), (100, 1_000)];

/// What a shard holds after the first `observations` of them.
pub(crate) fn after(observations: usize) -> Seen {
    OBSERVATIONS[..observations].iter().fold(Seen::default(), |seen, (nanos, bytes)| {
        seen.plus(Seen { nanos: *nanos, bytes: *bytes, counts: [1] })
    })
}

/// The words of one shard. To be made within a model.
pub(crate) trait Subject: Default + Send + Sync + 'static {
    fn record(&self, nanos: u64, bytes: u64);

    /// One attempt of a reader.
    fn try_read(&self) -> Option<Seen>;

    fn observe(&self, observation: usize) {
        let (nanos, bytes) = OBSERVATIONS[observation];
        self.record(nanos, bytes);
    }
}

macro_rules! subject {
    ($name:ident, $source:ident) => {
        pub(crate) struct $name(Vec<crate::$source::Line>);

        impl Default for $name {
            fn default() -> Self {
                let lines = crate::$source::lines_for(COUNTS);
                Self((0..lines).map(|_| Default::default()).collect())
            }
        }

        impl Subject for $name {
            fn record(&self, nanos: u64, bytes: u64) {
                let shard = crate::$source::Shard::new(&self.0);
                crate::atomic::as_the_writer(|| shard.record(0, nanos, bytes));
            }

            fn try_read(&self) -> Option<Seen> {
                let mut seen = Seen::default();
                let Seen { nanos, bytes, counts } = &mut seen;
                let mut totals = crate::$source::Totals { nanos, bytes, counts };
                crate::$source::Shard::new(&self.0).try_read(&mut totals).then_some(seen)
            }
        }
    };
}

subject!(Real, shard);
subject!(VersionNeverOdd, version_never_odd);
subject!(NoReleaseFence, no_release_fence);
subject!(WordsPublishedRelaxed, words_published_relaxed);
subject!(WordsWrittenAfterTheVersion, words_written_after_the_version);
subject!(VersionReadRelaxed, version_read_relaxed);
subject!(OddVersionRead, odd_version_read);
subject!(NoAcquireFence, no_acquire_fence);
subject!(VersionNotCompared, version_not_compared);
