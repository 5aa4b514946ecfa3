//! The families of the app's metrics as protobuf messages.

use std::collections::BTreeMap;
use std::time::Duration;

use super::page::{self, BUCKET_EXEMPLAR, COUNTER_EXEMPLAR, Kind, ProtobufPage};
use super::wire::Wire;
use crate::exposition::custom::family::{CustomFamily, Sample};
use crate::exposition::custom::line::{Label, split_labels};
use crate::exposition::custom::names::{MetricType, Suffix};
use crate::exposition::custom::reader::unescape;

/// A sample with its value, and the limit in the labels of a bucket or a quantile.
struct Part<'a> {
    sample: &'a Sample,
    number: f64,
    limit: Option<f64>,
}

impl ProtobufPage {
    /// Writes a family of the app's metrics. As in the text format, times of creation are
    /// left out.
    pub(crate) fn custom_family(&mut self, family: &CustomFamily) {
        let (kind, suffix) = Kind::of(family.metric_type);
        let name = format!("{}{suffix}", family.name);
        // One metric for all samples that have the other labels in common.
        let mut metrics: BTreeMap<Vec<Label<'_>>, Vec<Part<'_>>> = BTreeMap::new();
        for sample in family.samples.iter().filter(|sample| sample.suffix != Suffix::Created) {
            let Ok(number) = family.text[sample.value.clone()].parse() else { continue };
            let (mut labels, _) = split_labels(&family.text[sample.labels.clone()]);
            let limit = take_limit(family.metric_type, sample.suffix, &mut labels);
            // The samples of a metric may have their labels in different orders.
            labels.sort_unstable();
            metrics.entry(labels).or_default().push(Part { sample, number, limit });
        }
        self.family(&name, &family.help, kind, |wire| {
            for (labels, parts) in &metrics {
                page::metric(wire, |metric| {
                    labels.iter().for_each(|(name, value)| {
                        page::label(metric, name, &unescape(value, &ESCAPES));
                    });
                    write_metric(metric, kind, family, parts);
                });
            }
        });
    }
}

/// What can follow a backslash in the value of a label.
const ESCAPES: [char; 3] = ['\\', '"', 'n'];

/// Takes the bound of a bucket or the quantile of a summary out of the labels.
fn take_limit(metric_type: MetricType, suffix: Suffix, labels: &mut Vec<Label<'_>>) -> Option<f64> {
    let key = match (metric_type, suffix) {
        (MetricType::Histogram, Suffix::Bucket) => "le",
        (MetricType::Summary, Suffix::None) => "quantile",
        _ => return None,
    };
    let at = labels.iter().position(|(name, _)| *name == key)?;
    labels.remove(at).1.parse().ok()
}

fn write_metric(metric: &mut Wire, kind: Kind, family: &CustomFamily, parts: &[Part<'_>]) {
    let Some(Part { sample, number, .. }) = parts.first() else { return };
    if let Some(seconds) = sample.timestamp {
        page::timestamp(metric, seconds);
    }
    let value = |suffix| {
        let part = parts.iter().find(|part| part.sample.suffix == suffix);
        part.map_or(0.0, |part| part.number)
    };
    let (count, sum) = (value(Suffix::Count) as u64, value(Suffix::Sum));
    let limits = parts.iter().filter_map(|part| Some((part, part.limit?)));
    match kind {
        Kind::Histogram => page::histogram(metric, count, sum, |histogram| {
            for (part, bound) in limits {
                page::bucket(histogram, part.number as u64, bound, |bucket| {
                    write_exemplar(bucket, BUCKET_EXEMPLAR, family, part.sample);
                });
            }
        }),
        Kind::Summary => page::summary(metric, count, sum, |summary| {
            for (part, quantile) in limits {
                page::quantile(summary, quantile, part.number);
            }
        }),
        Kind::Counter | Kind::Gauge | Kind::Untyped => {
            page::value(metric, kind, *number, |inner| {
                write_exemplar(inner, COUNTER_EXEMPLAR, family, sample);
            })
        }
    }
}

fn write_exemplar(parent: &mut Wire, field: u64, family: &CustomFamily, sample: &Sample) {
    let Some(text) = family.text[sample.exemplar.clone()].strip_prefix('{') else { return };
    let (labels, rest) = split_labels(text);
    let numbers = rest.trim_start_matches('}').split_ascii_whitespace();
    let mut numbers = numbers.filter_map(|number| number.parse().ok());
    let value = numbers.next().unwrap_or_default();
    let at = numbers.next().and_then(|at| Duration::try_from_secs_f64(at).ok());
    let labels = labels.iter().map(|(name, value)| (*name, unescape(value, &ESCAPES)));
    let labels: Vec<_> = labels.collect();
    let labels = labels.iter().map(|(name, value)| (*name, value.as_str()));
    page::exemplar(parent, field, labels, value, at);
}
