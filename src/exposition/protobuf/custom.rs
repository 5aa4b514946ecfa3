//! The families of the app's metrics as protobuf messages.

use std::collections::BTreeMap;
use std::time::Duration;

use super::page::{self, BUCKET_EXEMPLAR, COUNTER_EXEMPLAR, Kind, ProtobufPage};
use super::wire::Wire;
use crate::exposition::custom::family::CustomFamily;
use crate::exposition::custom::labels::Label;
use crate::exposition::custom::line::{Exemplar, Line, parse_seconds};
use crate::exposition::custom::names::Suffix;
use crate::exposition::custom::sample::take_limit;
use crate::labels::unescape;

/// A sample, and the limit in the labels of a bucket or a quantile.
struct Part<'a> {
    suffix: Suffix,
    line: Line<'a>,
    limit: Option<f64>,
}

impl ProtobufPage {
    /// Writes a family of the app's metrics. As in the text format, times of creation are
    /// left out.
    pub(crate) fn custom_family(&mut self, family: &CustomFamily<'_>) {
        let (kind, suffix) = Kind::of(family.metric_type);
        let name = format!("{}{suffix}", family.name);
        // One metric for all samples that have the other labels in common.
        let mut metrics: BTreeMap<Vec<Label<'_>>, Vec<Part<'_>>> = BTreeMap::new();
        let mut labels = Vec::new();
        for line in family.lines.lines() {
            // They were valid before.
            let Ok(line) = Line::parse(line, &mut labels) else { continue };
            let suffix = family.metric_type.suffix_of(family.name, line.name);
            let Some(suffix) = suffix.filter(|suffix| *suffix != Suffix::Created) else { continue };
            let limit = take_limit(family.metric_type, suffix, &mut labels);
            let limit = limit.ok().flatten().and_then(|limit| limit.parse().ok());
            let mut labels = labels.clone();
            // The samples of a metric may have their labels in different orders.
            labels.sort_unstable();
            metrics.entry(labels).or_default().push(Part { suffix, line, limit });
        }
        self.family(&name, &family.help, kind, |wire| {
            for (labels, parts) in &metrics {
                page::metric(wire, |metric| {
                    labels.iter().for_each(|(name, value)| {
                        page::label(metric, name, &unescape(value, &ESCAPES));
                    });
                    write_metric(metric, kind, parts);
                });
            }
        });
    }
}

/// What can follow a backslash in the value of a label.
const ESCAPES: [char; 3] = ['\\', '"', 'n'];

fn write_metric(metric: &mut Wire, kind: Kind, parts: &[Part<'_>]) {
    let Some(Part { line, .. }) = parts.first() else { return };
    if let Some(seconds) = line.timestamp.and_then(parse_seconds) {
        page::timestamp(metric, seconds);
    }
    let value = |suffix| {
        let part = parts.iter().find(|part| part.suffix == suffix);
        part.map_or(0.0, |part| part.line.number)
    };
    let (count, sum) = (value(Suffix::Count) as u64, value(Suffix::Sum));
    let limits = parts.iter().filter_map(|part| Some((&part.line, part.limit?)));
    match kind {
        Kind::Histogram => page::histogram(metric, count, sum, |histogram| {
            for (line, bound) in limits {
                page::bucket(histogram, line.number as u64, bound, |bucket| {
                    write_exemplar(bucket, BUCKET_EXEMPLAR, line);
                });
            }
        }),
        Kind::Summary => page::summary(metric, count, sum, |summary| {
            for (line, quantile) in limits {
                page::quantile(summary, quantile, line.number);
            }
        }),
        Kind::Counter | Kind::Gauge | Kind::Untyped => {
            page::value(metric, kind, line.number, |inner| {
                write_exemplar(inner, COUNTER_EXEMPLAR, line);
            })
        }
    }
}

fn write_exemplar(parent: &mut Wire, field: u64, line: &Line<'_>) {
    let Some(Some(Exemplar { labels, number, timestamp, .. })) = &line.exemplar else { return };
    let at = timestamp.and_then(parse_seconds).and_then(|at| Duration::try_from_secs_f64(at).ok());
    let labels = labels.iter().map(|(name, value)| (*name, unescape(value, &ESCAPES)));
    let labels: Vec<_> = labels.collect();
    let labels = labels.iter().map(|(name, value)| (*name, value.as_str()));
    page::exemplar(parent, field, labels, *number, at);
}
