//! The options that all builds of a process share.

use std::fmt::Debug;
use std::time::Duration;

use crate::error::BuildError;
use crate::options::label::{Label, LabelValues};
use crate::options::measurement::RequestSize;
use crate::options::message::ErrorMessage;
use crate::protocol;
use crate::store::series::ConstLabels;

/// The shared options that a build sets; `None` inherits.
#[derive(Debug, Default)]
pub(crate) struct MonitorOptions {
    pub(crate) version: Option<String>,
    pub(crate) buckets: Option<Vec<f64>>,
    pub(crate) dependency_buckets: Option<Vec<f64>>,
    pub(crate) series_limit: Option<usize>,
    pub(crate) const_labels: Option<Vec<(String, String)>>,
    pub(crate) error_message: Option<ErrorMessage>,
    pub(crate) requests_in_flight: Option<bool>,
    pub(crate) blocked_workers: Option<bool>,
    pub(crate) blocking_threshold: Option<Duration>,
    pub(crate) native_histograms: Option<bool>,
    pub(crate) labels: Option<Vec<(String, Label)>>,
    pub(crate) head_buckets: Option<Vec<f64>>,
    pub(crate) request_size: Option<RequestSize>,
}

/// The shared options in force, fixed by the first build.
#[derive(Debug)]
pub(crate) struct MonitorConfig {
    pub(crate) version: String,
    pub(crate) buckets: Vec<f64>,
    pub(crate) dependency_buckets: Vec<f64>,
    pub(crate) series_limit: usize,
    pub(crate) const_labels: ConstLabels,
    /// The source of messages for middlewares without a source of their own.
    pub(crate) error_message: Option<ErrorMessage>,
    pub(crate) requests_in_flight: bool,
    /// `None` if workers are not watched.
    pub(crate) blocking_threshold: Option<Duration>,
    pub(crate) native_histograms: bool,
    /// The app's own labels, with the sources for middlewares without sources of their own.
    pub(crate) labels: Vec<(String, Label)>,
    /// The bounds of `request_head_seconds`; none if it is off.
    pub(crate) head_buckets: Vec<f64>,
    /// What middlewares count that set nothing else; `None` if `request_size_bytes` is off.
    pub(crate) request_size: Option<RequestSize>,
}

impl From<&MonitorOptions> for MonitorConfig {
    fn from(options: &MonitorOptions) -> Self {
        let buckets = options.buckets.clone().unwrap_or_else(|| protocol::BUCKETS.to_vec());
        Self {
            version: options.version.clone().unwrap_or(protocol::UNKNOWN_VERSION.to_owned()),
            dependency_buckets: options.dependency_buckets.clone().unwrap_or(buckets.clone()),
            buckets,
            series_limit: options.series_limit.unwrap_or(protocol::SERIES_LIMIT),
            const_labels: options.const_labels.clone().unwrap_or_default().into(),
            error_message: options.error_message.clone(),
            requests_in_flight: options.requests_in_flight.unwrap_or(false),
            blocking_threshold: options
                .blocked_workers
                .map(|_| options.blocking_threshold.unwrap_or(protocol::BLOCKING_THRESHOLD)),
            native_histograms: options.native_histograms.unwrap_or(false),
            labels: options.labels.clone().unwrap_or_default(),
            head_buckets: options.head_buckets.clone().unwrap_or_default(),
            request_size: options.request_size,
        }
    }
}

impl MonitorConfig {
    /// Refuses options that differ from those in force.
    pub(crate) fn check(&self, options: &MonitorOptions) -> Result<(), BuildError> {
        check_option("version", &self.version, options.version.as_ref())?;
        check_option("buckets", &self.buckets, options.buckets.as_ref())?;
        let buckets = options.dependency_buckets.as_ref();
        check_option("dependency_buckets", &self.dependency_buckets, buckets)?;
        check_option("series_limit", &self.series_limit, options.series_limit.as_ref())?;
        let const_labels = self.const_labels.to_vec();
        check_option("const_label", &const_labels, options.const_labels.as_ref())?;
        // Sources may differ: only their presence changes the label sets.
        let error_message = options.error_message.as_ref().map(|_| true);
        check_option("error_message", &self.error_message.is_some(), error_message.as_ref())?;
        let requests_in_flight = options.requests_in_flight.as_ref();
        check_option("requests_in_flight", &self.requests_in_flight, requests_in_flight)?;
        let blocked_workers = options.blocked_workers.as_ref();
        check_option("blocked_workers", &self.blocking_threshold.is_some(), blocked_workers)?;
        if let Some(threshold) = &self.blocking_threshold {
            let requested = options.blocking_threshold.as_ref();
            check_option("blocking_threshold", threshold, requested)?;
        }
        let native_histograms = options.native_histograms.as_ref();
        check_option("native_histograms", &self.native_histograms, native_histograms)?;
        let labels = options.labels.as_deref().map(label_values);
        check_option("label", &label_values(&self.labels), labels.as_ref())?;
        let head_buckets = options.head_buckets.as_ref();
        check_option("request_head_seconds", &self.head_buckets, head_buckets)?;
        let request_size = options.request_size.map(|_| true);
        check_option("request_size", &self.request_size.is_some(), request_size.as_ref())
    }
}

/// What label sets depend on: keys and possible values, not their sources.
fn label_values(labels: &[(String, Label)]) -> Vec<(&str, &LabelValues)> {
    labels.iter().map(|(key, label)| (key.as_str(), label.values())).collect()
}

fn check_option<T: PartialEq + Debug>(
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
