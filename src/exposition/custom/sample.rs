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

/// Reads limits. The buckets of one histogram have those of another one, in the same order.
#[derive(Debug, Default)]
pub(super) struct Limits<'a> {
    known: Vec<(&'a str, f64)>,
    /// The index of the limit that is likely to be next.
    next: usize,
}

impl<'a> Limits<'a> {
    /// The number in a limit.
    pub(super) fn parse(&mut self, suffix: Suffix, text: &'a str) -> Result<f64, Reason> {
        const MAX_KNOWN: usize = 100;
        for index in [self.next, 0] {
            let known = self.known.get(index).filter(|(known, _)| *known == text);
            if let Some((_, limit)) = known {
                self.next = index + 1;
                return Ok(*limit);
            }
        }
        let limit = parse_limit(suffix, text)?;
        if self.next < MAX_KNOWN {
            self.known.truncate(self.next);
            self.known.push((text, limit));
            self.next += 1;
        }
        Ok(limit)
    }
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
