//! Bucket bounds: where a duration falls and how a bound is written.

/// Upper bounds of a histogram, strictly increasing, `+Inf` left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Buckets {
    seconds: Box<[f64]>,
    /// The same in whole nanoseconds: durations are compared as integers.
    nanos: Box<[u64]>,
}

impl Buckets {
    pub(crate) fn new(seconds: &[f64]) -> Self {
        Self {
            seconds: seconds.into(),
            // `as` saturates: a bound past 584 years takes everything.
            nanos: seconds.iter().map(|bound| (bound * 1e9).round() as u64).collect(),
        }
    }

    /// How many counts a histogram has: the bounds and `+Inf`.
    pub(crate) fn counts(&self) -> usize {
        self.seconds.len() + 1
    }

    /// The bucket that `nanos` falls into: a bound belongs to its bucket.
    #[inline]
    pub(crate) fn index_of(&self, nanos: u64) -> usize {
        self.nanos.iter().position(|bound| nanos <= *bound).unwrap_or(self.nanos.len())
    }

    /// The bounds as the `le` label shows them, `+Inf` last.
    pub(crate) fn labels(&self) -> impl Iterator<Item = String> {
        // `Debug` keeps the point in `1.0`, as OpenMetrics asks.
        self.seconds.iter().map(|bound| format!("{bound:?}")).chain(["+Inf".to_owned()])
    }
}

#[cfg(test)]
mod tests {
    use super::Buckets;

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let buckets = Buckets::new(&[0.1, 0.3, 1.5, 10.5]);
        let found = [0, 100_000_000, 100_000_001, 300_000_000, 10_500_000_000, u64::MAX]
            .map(|nanos| buckets.index_of(nanos));
        assert_eq!(found, [0, 0, 1, 1, 3, 4]);
    }

    #[test]
    fn a_bound_that_no_float_hits_exactly_belongs_to_its_own_bucket() {
        assert_eq!(Buckets::new(&[1.001, 2.0]).index_of(1_001_000_000), 0);
    }

    #[test]
    fn bounds_are_written_as_floats() {
        let labels: Vec<_> = Buckets::new(&[0.1, 1.0, 10.0]).labels().collect();
        assert_eq!(labels, ["0.1", "1.0", "10.0", "+Inf"]);
    }
}
