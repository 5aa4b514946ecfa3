//! This crate's own families as protobuf messages.

use std::convert::Infallible;
use std::time::UNIX_EPOCH;

use super::page::{self, BUCKET_EXEMPLAR, Kind, ProtobufPage};
use super::wire::Wire;
use crate::exposition::families::{FamilySnapshot, HistogramValue, Samples, Value};
use crate::protocol::label;
use crate::store::exemplars::Exemplar;
use crate::store::native::{NativeHistogram, ZERO_THRESHOLD};
use crate::store::series::ConstLabels;
use crate::store::snapshot::{Row, Snapshot};

impl ProtobufPage {
    /// Writes one of this crate's families.
    pub(crate) fn own_family(&mut self, family: &FamilySnapshot<'_>) {
        let descriptor = &family.descriptor;
        let (kind, suffix) = Kind::of(descriptor.metric_type);
        let name = format!("{}{suffix}", descriptor.full_name());
        self.family(&name, descriptor.help, kind, |wire| match &family.samples {
            Samples::Histograms(snapshot) => snapshot.rows().for_each(|row| {
                page::metric(wire, |metric| {
                    write_labels(metric, snapshot, &row);
                    write_histogram(metric, snapshot, &row);
                });
            }),
            Samples::Bytes(snapshot) => snapshot.rows().for_each(|row| {
                page::metric(wire, |metric| {
                    write_labels(metric, snapshot, &row);
                    page::value(metric, kind, row.bytes as f64, |_| {});
                });
            }),
            Samples::Histogram(histogram) => page::metric(wire, |metric| {
                write_const_labels(metric, family.const_labels);
                write_classic(metric, histogram);
            }),
            Samples::Values(values) => values.iter().for_each(|Value { labels, value }| {
                page::metric(wire, |metric| {
                    write_const_labels(metric, family.const_labels);
                    labels.iter().for_each(|(key, value)| page::label(metric, key, value));
                    page::value(metric, kind, *value, |_| {});
                });
            }),
        });
    }
}

fn write_const_labels(metric: &mut Wire, labels: &ConstLabels) {
    labels.iter().for_each(|(key, value)| page::label(metric, key, value));
}

fn write_labels(metric: &mut Wire, snapshot: &Snapshot<'_>, row: &Row<'_>) {
    write_const_labels(metric, snapshot.const_labels());
    let (labels, own) = (row.series.labels(), snapshot.own_labels());
    let mut write = |key: &str, value: &str| {
        page::label(metric, key, value);
        Ok::<_, Infallible>(())
    };
    let _ = labels.try_for_each(&mut write).and_then(|()| own.try_for_each(labels.own, write));
}

fn write_histogram(metric: &mut Wire, snapshot: &Snapshot<'_>, row: &Row<'_>) {
    let native = row.native();
    let sum = row.nanos as f64 / 1e9;
    let count = native.as_ref().map_or_else(|| row.counts.iter().sum(), |native| native.count);
    page::histogram(metric, count, sum, |histogram| {
        let mut cumulated = 0_u64;
        let bounds = snapshot.bounds().iter().copied().chain([f64::INFINITY]);
        for (index, (bound, observations)) in bounds.zip(row.counts).enumerate() {
            cumulated = cumulated.saturating_add(*observations);
            page::bucket(histogram, cumulated, bound, |bucket| {
                if let Some(exemplar) = snapshot.exemplar(row, index) {
                    write_exemplar(bucket, exemplar);
                }
            });
        }
        if let Some(native) = &native {
            write_native(histogram, native);
        }
    });
}

/// Writes a histogram that has no native buckets.
fn write_classic(metric: &mut Wire, histogram: &HistogramValue<'_>) {
    let count = histogram.counts.iter().sum();
    page::histogram(metric, count, histogram.nanos as f64 / 1e9, |message| {
        let mut cumulated = 0_u64;
        let bounds = histogram.buckets.seconds().iter().copied().chain([f64::INFINITY]);
        for (bound, observations) in bounds.zip(&histogram.counts) {
            cumulated = cumulated.saturating_add(*observations);
            page::bucket(message, cumulated, bound, |_| {});
        }
    });
}

fn write_exemplar(bucket: &mut Wire, exemplar: &Exemplar) {
    let labels = [(label::TRACE_ID, exemplar.trace_id.as_str())];
    let seconds = exemplar.nanos as f64 / 1e9;
    let at = exemplar.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    page::exemplar(bucket, BUCKET_EXEMPLAR, labels, seconds, Some(at));
}

fn write_native(histogram: &mut Wire, native: &NativeHistogram) {
    histogram.sint(5, native.schema.into());
    histogram.double(6, ZERO_THRESHOLD);
    histogram.uint(7, native.zero_count);
    for (offset, length) in &native.spans {
        histogram.message(12, |span| {
            span.sint(1, (*offset).into());
            span.uint(2, (*length).into());
        });
    }
    histogram.sints(13, &native.deltas);
}
