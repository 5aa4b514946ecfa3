//! Whether the buckets of a histogram fit together.

use super::rejected::Reason;

/// The buckets of one label set.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    /// The value of `_count`.
    pub(super) count: f64,
    /// Of the last bucket.
    bound: Option<f64>,
    cumulated: f64,
}

impl Buckets {
    /// Adds a bucket, which comes after those with lower bounds.
    pub(super) fn add(&mut self, bound: f64, value: f64) -> Result<(), Reason> {
        let is_ascending = self.bound.is_none_or(|last| last < bound);
        if !is_ascending || value.is_nan() || value < self.cumulated {
            return Err(Reason::Incomplete("its buckets are not in ascending order"));
        }
        (self.bound, self.cumulated) = (Some(bound), value);
        Ok(())
    }

    /// Checks that the buckets are complete. Returns why they are valid in the text format
    /// only, if they are.
    pub(super) fn check(&self) -> Result<Option<&'static str>, Reason> {
        match self.bound {
            Some(last) if last != f64::INFINITY => {
                Err(Reason::Incomplete("its buckets do not end with +Inf"))
            }
            Some(_) if self.cumulated != self.count => {
                Ok(Some("the count of the histogram is not that of its buckets; read both at once"))
            }
            _ => Ok(None),
        }
    }
}
