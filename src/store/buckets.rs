//! The bounds of a histogram's buckets.

/// Upper bounds of a histogram, strictly increasing, without `+Inf`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Buckets {
    seconds: Box<[f64]>,
    /// The same in nanoseconds: durations are compared as integers.
    nanos: Box<[u64]>,
}

impl Buckets {
    pub(crate) fn new(seconds: &[f64]) -> Self {
        Self {
            seconds: seconds.into(),
            // `as` saturates: a bound past 584 years contains everything.
            nanos: seconds.iter().map(|bound| (bound * 1e9).round() as u64).collect(),
        }
    }

    /// Number of buckets, `+Inf` included.
    pub(crate) fn count(&self) -> usize {
        self.seconds.len() + 1
    }

    /// Index of the bucket that contains `nanos`: a bound is part of its bucket.
    #[inline]
    pub(crate) fn index_of(&self, nanos: u64) -> usize {
        self.nanos.iter().position(|bound| nanos <= *bound).unwrap_or(self.nanos.len())
    }

    /// The bounds in seconds, without `+Inf`.
    pub(crate) fn seconds(&self) -> &[f64] {
        &self.seconds
    }

    /// The values of the `le` label, `+Inf` last.
    pub(crate) fn le_labels(&self) -> impl Iterator<Item = String> {
        // `Debug` writes `1.0`, as OpenMetrics requires, where `Display` writes `1`.
        self.seconds.iter().map(|bound| format!("{bound:?}")).chain(["+Inf".to_owned()])
    }
}

#[cfg(test)]
mod tests {
    use super::Buckets;

    #[test]
    fn a_bound_is_part_of_its_own_bucket() {
        let buckets = Buckets::new(&[0.1, 0.3, 1.5, 10.5]);
        let found = [0, 100_000_000, 100_000_001, 300_000_000, 10_500_000_000, u64::MAX]
            .map(|nanos| buckets.index_of(nanos));
        assert_eq!(found, [0, 0, 1, 1, 3, 4]);
    }

    #[test]
    fn a_bound_that_no_float_equals_exactly_is_part_of_its_own_bucket() {
        assert_eq!(Buckets::new(&[1.001, 2.0]).index_of(1_001_000_000), 0);
    }

    #[test]
    fn bounds_are_written_as_floats() {
        let labels: Vec<_> = Buckets::new(&[0.1, 1.0, 10.0]).le_labels().collect();
        assert_eq!(labels, ["0.1", "1.0", "10.0", "+Inf"]);
    }
}
