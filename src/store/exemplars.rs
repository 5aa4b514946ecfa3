//! The latest exemplar of each bucket.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::series::SeriesId;

/// An observation with its trace.
#[derive(Clone, Debug)]
pub(crate) struct Exemplar {
    pub(crate) trace_id: String,
    pub(crate) nanos: u64,
    pub(crate) at: SystemTime,
}

/// Exemplars by series and index of the bucket.
pub(crate) type ExemplarMap = HashMap<(SeriesId, usize), Exemplar>;

/// The latest exemplar of each bucket of each series. Empty unless a middleware
/// records exemplars.
#[derive(Debug, Default)]
pub(crate) struct Exemplars {
    latest: Mutex<ExemplarMap>,
}

impl Exemplars {
    /// Stores an exemplar, unless another thread holds the lock: a request does not
    /// wait, and any recent exemplar serves.
    pub(crate) fn offer(&self, series: SeriesId, bucket: usize, exemplar: Exemplar) {
        if let Ok(mut latest) = self.latest.try_lock() {
            latest.insert((series, bucket), exemplar);
        }
    }

    /// A copy of all exemplars, for one scrape.
    pub(crate) fn snapshot(&self) -> ExemplarMap {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
