//! Builds a family from its samples, each of which is checked.

use super::family::{CustomFamily, Sample};
use super::line::{Exemplar, Label};
use super::names::{MetricType, Suffix, is_metric_name};
use super::points::Points;
use super::rejected::{Reason, Rejected};
use crate::labels::{escape, write_label};
use crate::store::series::ConstLabels;

/// Where samples come from, as far as it matters for how they are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) constant: &'a Constant,
    /// Whether label values are escaped.
    pub(crate) is_escaped: bool,
    /// Whether the samples of one label set can be apart.
    pub(crate) can_be_apart: bool,
}

/// The constant labels, and how the formats write them.
#[derive(Debug)]
pub(crate) struct Constant {
    labels: ConstLabels,
    text: String,
}

/// A sample, not checked yet.
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
}

/// A family in progress. The labels of its samples live for `'a`.
#[derive(Debug)]
pub(super) struct FamilyBuilder<'a> {
    pub(super) family: CustomFamily,
    origin: Origin<'a>,
    points: Points<'a>,
    /// The labels of the sample in progress.
    sorted: Vec<Label<'a>>,
}

impl Constant {
    pub(crate) fn new(labels: ConstLabels) -> Self {
        let mut text = String::new();
        labels.iter().for_each(|(key, value)| write_label(&mut text, key, value));
        Self { labels, text }
    }
}

impl<'a> FamilyBuilder<'a> {
    pub(super) fn new(
        name: &'a str,
        metric_type: MetricType,
        origin: Origin<'a>,
    ) -> Result<Self, Rejected> {
        if !is_metric_name(name) {
            return Err(Rejected::family(name, Reason::InvalidName));
        }
        let family = CustomFamily {
            name: name.to_owned(),
            metric_type,
            unit: String::new(),
            help: String::new(),
            samples: Vec::new(),
            text: String::new(),
            text_only: None,
        };
        let points = Points::new(name, metric_type, origin.can_be_apart);
        Ok(Self { family, origin, points, sorted: Vec::new() })
    }

    /// Adds a sample, or nothing if it is not valid.
    pub(super) fn push(
        &mut self,
        sample: &NewSample<'_>,
        labels: &[Label<'a>],
    ) -> Result<(), Reason> {
        let limit = match sample.limit {
            Some(limit) => Some(check_limit(sample.suffix, limit)?),
            None => None,
        };
        let start = self.family.text.len();
        let written = self.write(sample, limit, labels);
        let added = self.check(sample, limit, labels);
        match added {
            Ok(()) => self.family.samples.push(written),
            Err(_) => self.family.text.truncate(start),
        }
        added
    }

    /// Ends the family.
    pub(super) fn finish(mut self) -> Result<CustomFamily, Rejected> {
        let text_only = self.points.end();
        let text_only = text_only.map_err(|reason| Rejected::family(&self.family.name, reason))?;
        self.family.text_only = self.family.text_only.or(text_only);
        Ok(self.family)
    }

    fn check(
        &mut self,
        sample: &NewSample<'_>,
        limit: Option<f64>,
        labels: &[Label<'a>],
    ) -> Result<(), Reason> {
        self.sorted.clear();
        self.sorted.extend(labels);
        self.sorted.sort_unstable();
        let labels = &self.sorted;
        let repeated = labels.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0);
        let is_taken = |key: &str| {
            limit.is_some() && key == limit_key(sample.suffix)
                || self.origin.constant.labels.iter().any(|(constant, _)| constant == key)
        };
        let mut keys = labels.iter().map(|(key, _)| *key);
        if let Some(key) = repeated.or_else(|| keys.find(|key| is_taken(key))) {
            return Err(Reason::RepeatedLabel(key.to_owned()));
        }
        self.points.add(sample.suffix, labels, limit, sample.number)
    }

    /// Appends the parts of a sample to the text of the family.
    fn write(
        &mut self,
        sample: &NewSample<'_>,
        limit: Option<f64>,
        labels: &[Label<'_>],
    ) -> Sample {
        let text = &mut self.family.text;
        let start = text.len();
        text.push_str(&self.origin.constant.text);
        if let Some(limit_text) = sample.limit {
            let limit_text = if limit == Some(f64::INFINITY) { "+Inf" } else { limit_text };
            write_labels(text, start, &[(limit_key(sample.suffix), limit_text)], true);
        }
        write_labels(text, start, labels, self.origin.is_escaped);
        let labels_end = text.len();
        text.push_str(match sample.number {
            // Not every reader reads all spellings of these.
            nan if nan.is_nan() => "NaN",
            f64::INFINITY => "+Inf",
            f64::NEG_INFINITY => "-Inf",
            _ => sample.value,
        });
        let value_end = text.len();
        if let Some(exemplar) = &sample.exemplar {
            text.push('{');
            write_labels(text, value_end + 1, &exemplar.labels, true);
            text.push('}');
            text.push_str(exemplar.end);
        }
        Sample {
            suffix: sample.suffix,
            labels: start..labels_end,
            value: labels_end..value_end,
            timestamp: sample.timestamp,
            exemplar: value_end..text.len(),
        }
    }
}

/// Appends labels, each after a comma unless nothing is before it since `start`.
fn write_labels(text: &mut String, start: usize, labels: &[Label<'_>], is_escaped: bool) {
    for (key, value) in labels {
        if text.len() > start {
            text.push(',');
        }
        text.push_str(key);
        text.push_str("=\"");
        if is_escaped {
            text.push_str(value);
        } else {
            escape(text, value, &['\\', '"', '\n']);
        }
        text.push('"');
    }
}

/// The label with the limit of a sample.
pub(super) fn limit_key(suffix: Suffix) -> &'static str {
    if suffix == Suffix::Bucket { "le" } else { "quantile" }
}

fn check_limit(suffix: Suffix, text: &str) -> Result<f64, Reason> {
    let limit = text.parse().ok().filter(|limit: &f64| !limit.is_nan());
    if suffix == Suffix::Bucket {
        return limit.ok_or(Reason::Incomplete("the `le` of a bucket is not a number"));
    }
    limit
        .filter(|quantile| (0.0..=1.0).contains(quantile))
        .ok_or(Reason::Incomplete("a `quantile` is not a number from 0 to 1"))
}
