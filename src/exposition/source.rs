//! One source of the app's metrics, and what it contains.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

use super::custom::constant::Constant;
use super::custom::family::CustomFamily;
use super::custom::registry;
use super::custom::rejected::Rejected;
use super::custom::text;
use super::scrape::TIME_LIMIT;
use crate::options::source::SourceKind;

/// The maximum number of threads that read a source at a time.
const READINGS: usize = 8;

#[derive(Debug)]
pub(super) struct Source {
    kind: SourceKind,
    /// Of the registration, if there is one.
    key: Option<String>,
    /// When each reading in progress began, and on which thread.
    readings: Mutex<Vec<(Instant, ThreadId)>>,
}

/// What a source contains at the moment of a scrape.
pub(super) enum Content {
    Registry(String),
    #[cfg(feature = "prometheus")]
    Prometheus(Vec<prometheus::proto::MetricFamily>),
    Text(String),
}

impl Source {
    pub(super) fn new(kind: SourceKind, key: Option<String>) -> Self {
        Self { kind, key, readings: Mutex::default() }
    }

    /// Reads the source. The error is the warning to log.
    pub(super) fn content(&self) -> Result<Content, String> {
        let content = Reading::begin(self).and_then(|_reading| {
            match catch_unwind(AssertUnwindSafe(|| self.call())) {
                Ok(Ok(content)) => Ok(content),
                Ok(Err(fmt::Error)) => Err("a metric returned an error when it was encoded"),
                Err(_) => Err("a metric panicked when it was encoded"),
            }
        });
        content.map_err(|reason| match &self.key {
            Some(key) => {
                format!("the metrics of the source {key:?} are left out of the page: {reason}")
            }
            None => format!("metrics of the app are left out of the page: {reason}"),
        })
    }

    /// Runs code of the app.
    fn call(&self) -> Result<Content, fmt::Error> {
        match &self.kind {
            SourceKind::Registry(lend) => {
                let mut text = Ok(String::new());
                lend(&mut |registry| text = registry::encode(registry));
                text.map(Content::Registry)
            }
            #[cfg(feature = "prometheus")]
            SourceKind::Prometheus(registry) => Ok(Content::Prometheus(registry.gather())),
            SourceKind::Text(render) => Ok(Content::Text(render())),
        }
    }
}

impl Content {
    /// The families, and what is left out of them.
    pub(super) fn read<'a>(
        &'a self,
        constant: &'a Constant,
    ) -> (Vec<CustomFamily<'a>>, Vec<Rejected>) {
        match self {
            Self::Registry(text) => registry::read(text, constant),
            #[cfg(feature = "prometheus")]
            Self::Prometheus(families) => super::custom::prometheus::read(families, constant),
            Self::Text(text) => text::read(text, constant),
        }
    }
}

/// A reading in progress.
///
/// # Drop
///
/// Ends it, also if a metric panics.
struct Reading<'a> {
    source: &'a Source,
    this: (Instant, ThreadId),
}

impl<'a> Reading<'a> {
    /// Refuses a source that cannot be read now.
    fn begin(source: &'a Source) -> Result<Self, &'static str> {
        let mut readings = source.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let this = (Instant::now(), thread::current().id());
        if readings.iter().any(|(_, thread)| *thread == this.1) {
            return Err("a collector or a source encodes the page that it is part of");
        }
        // Well below the time limit of a round, which began before this reading did.
        let hangs = readings.iter().any(|(began, _)| began.elapsed() >= TIME_LIMIT / 2);
        if hangs || readings.len() >= READINGS {
            return Err("a collector or a source hangs");
        }
        readings.push(this);
        Ok(Self { source, this })
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut readings = self.source.readings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = readings.iter().position(|other| *other == self.this) {
            readings.swap_remove(index);
        }
    }
}
