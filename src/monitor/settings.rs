//! The options that all builds of a process share: what one asks for, what is in
//! force, and whether the two agree.

use std::fmt::Debug;

use crate::error::BuildError;
use crate::labels::write_label;
use crate::outcome::message::ErrorMessage;
use crate::protocol;

/// What a build asks for; `None` inherits.
#[derive(Debug, Default)]
pub(crate) struct Requested {
    pub(crate) version: Option<String>,
    pub(crate) buckets: Option<Vec<f64>>,
    pub(crate) dependency_buckets: Option<Vec<f64>>,
    pub(crate) series_limit: Option<usize>,
    pub(crate) const_labels: Option<Vec<(String, String)>>,
    pub(crate) error_message: Option<ErrorMessage>,
    pub(crate) requests_in_flight: Option<bool>,
}

/// What is in force, fixed by the first build.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) version: String,
    pub(crate) buckets: Vec<f64>,
    pub(crate) dependency_buckets: Vec<f64>,
    pub(crate) series_limit: usize,
    pub(crate) const_labels: Vec<(String, String)>,
    /// Where messages come from, unless a middleware has a source of its own.
    pub(crate) error_message: Option<ErrorMessage>,
    pub(crate) requests_in_flight: bool,
}

impl From<&Requested> for Settings {
    fn from(requested: &Requested) -> Self {
        let buckets = requested.buckets.clone().unwrap_or_else(|| protocol::BUCKETS.to_vec());
        Self {
            version: requested.version.clone().unwrap_or(protocol::UNKNOWN_VERSION.to_owned()),
            dependency_buckets: requested.dependency_buckets.clone().unwrap_or(buckets.clone()),
            buckets,
            series_limit: requested.series_limit.unwrap_or(protocol::SERIES_LIMIT),
            const_labels: requested.const_labels.clone().unwrap_or_default(),
            error_message: requested.error_message.clone(),
            requests_in_flight: requested.requests_in_flight.unwrap_or(false),
        }
    }
}

impl Settings {
    /// Refuses what asks for something else than what is in force.
    pub(crate) fn agree_with(&self, requested: &Requested) -> Result<(), BuildError> {
        agree("version", &self.version, requested.version.as_ref())?;
        agree("buckets", &self.buckets, requested.buckets.as_ref())?;
        let buckets = requested.dependency_buckets.as_ref();
        agree("dependency_buckets", &self.dependency_buckets, buckets)?;
        agree("series_limit", &self.series_limit, requested.series_limit.as_ref())?;
        agree("const_label", &self.const_labels, requested.const_labels.as_ref())?;
        // Of the source only that there is one makes another label set.
        let error_message = requested.error_message.as_ref().map(|_| true);
        agree("error_message", &self.error_message.is_some(), error_message.as_ref())?;
        let requests_in_flight = requested.requests_in_flight.as_ref();
        agree("requests_in_flight", &self.requests_in_flight, requests_in_flight)
    }

    /// The constant labels as they are written before those of a series.
    pub(crate) fn const_label_text(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.const_labels {
            write_label(&mut text, key, value);
        }
        text
    }
}

/// Refuses `requested` where it is not `current`.
fn agree<T: PartialEq + Debug>(
    option: &str,
    current: &T,
    requested: Option<&T>,
) -> Result<(), BuildError> {
    match requested {
        Some(requested) if requested != current => {
            Err(BuildError::conflict(option, current, requested))
        }
        _ => Ok(()),
    }
}
