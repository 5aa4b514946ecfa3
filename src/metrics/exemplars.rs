//! The latest exemplar of each bucket.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::family::SeriesId;
use crate::labels::write_label;
use crate::protocol::label;

/// A traced observation.
#[derive(Clone, Debug)]
pub(crate) struct Exemplar {
    pub(crate) trace_id: String,
    pub(crate) nanos: u64,
    pub(crate) at: SystemTime,
}

impl Exemplar {
    /// Appends ` # {trace_id="…"} seconds timestamp`, as OpenMetrics has it.
    fn write(&self, out: &mut String) {
        let mut labels = String::new();
        write_label(&mut labels, label::TRACE_ID, &self.trace_id);
        let seconds = self.nanos as f64 / 1e9;
        let at = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp = format!("{}.{:03}", at.as_secs(), at.subsec_millis());
        out.push_str(&format!(" # {{{labels}}} {seconds:?} {timestamp}"));
    }
}

/// One exemplar a bucket, the latest. There are none until a middleware is told
/// to take them.
#[derive(Debug, Default)]
pub(crate) struct LatestExemplars {
    latest: Mutex<HashMap<(SeriesId, usize), Exemplar>>,
}

impl LatestExemplars {
    /// Takes an exemplar, unless somebody else is at it: one of many is as good
    /// as another, and a request does not wait for it.
    pub(crate) fn offer(&self, series: SeriesId, bucket: usize, exemplar: Exemplar) {
        if let Ok(mut latest) = self.latest.try_lock() {
            latest.insert((series, bucket), exemplar);
        }
    }

    /// All of them, for one scrape.
    pub(crate) fn written(&self) -> Written {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let write = |exemplar: &Exemplar| {
            let mut text = String::new();
            exemplar.write(&mut text);
            text
        };
        Written(latest.iter().map(|(place, exemplar)| (*place, write(exemplar))).collect())
    }
}

/// Exemplars as they are written behind a bucket's count.
#[derive(Debug)]
pub(crate) struct Written(HashMap<(SeriesId, usize), String>);

impl Written {
    pub(crate) fn of(&self, series: SeriesId, bucket: usize) -> &str {
        if self.0.is_empty() {
            return "";
        }
        self.0.get(&(series, bucket)).map_or("", String::as_str)
    }
}
