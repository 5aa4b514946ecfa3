//! One sample of a family, not checked yet.

use super::labels::Label;
use super::line::Exemplar;
use super::names::{MetricType, Suffix};
use super::rejected::Reason;

#[derive(Debug)]
pub(super) struct NewSample<'a> {
    pub(super) suffix: Suffix,
    /// The `le` of a bucket or the `quantile` of a summary.
    pub(super) limit: Option<&'a str>,
    /// As it is written.
    pub(super) value: &'a str,
    pub(super) number: f64,
    /// In seconds.
    pub(super) timestamp: Option<f64>,
    pub(super) exemplar: Option<Exemplar<'a>>,
    /// Its line and where it begins in the source, if it is canonical.
    pub(super) line: Option<(usize, &'a str)>,
}

/// The number in a limit.
pub(super) fn parse_limit(suffix: Suffix, text: &str) -> Result<f64, Reason> {
    let limit = text.parse().ok().filter(|limit: &f64| !limit.is_nan());
    if suffix == Suffix::Bucket {
        return limit.ok_or(Reason::Incomplete("the `le` of a bucket is not a number"));
    }
    let limit = limit.filter(|quantile| (0.0..=1.0).contains(quantile));
    limit.ok_or(Reason::Incomplete("a `quantile` is not a number from 0 to 1"))
}

/// The label with the limit of a sample, if it has one.
pub(super) fn limit_key(metric_type: MetricType, suffix: Suffix) -> Option<&'static str> {
    match (metric_type, suffix) {
        (MetricType::Histogram, Suffix::Bucket) => Some("le"),
        (MetricType::Summary, Suffix::None) => Some("quantile"),
        _ => None,
    }
}

/// Takes the `le` of a bucket or the `quantile` of a summary out of its labels.
pub(crate) fn take_limit<'a>(
    metric_type: MetricType,
    suffix: Suffix,
    labels: &mut Vec<Label<'a>>,
) -> Result<Option<&'a str>, Reason> {
    let Some(key) = limit_key(metric_type, suffix) else { return Ok(None) };
    match labels.iter().position(|(name, _)| *name == key) {
        Some(at) => Ok(Some(labels.remove(at).1)),
        None => Err(Reason::Incomplete("a `le` or `quantile` is missing")),
    }
}
