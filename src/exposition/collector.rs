//! This crate's own families for the encoders of prometheus-client.

use std::fmt::Error;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NativeHistogram,
    NativeHistogramBuckets, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::custom::names::MetricType as OwnType;
use super::families::{FamilySnapshot, Samples, Value};
use crate::labels::LabelSet;
use crate::store::native::{self, ZERO_THRESHOLD};
use crate::store::own_labels::OwnLabels;
use crate::store::series::ConstLabels;
use crate::store::snapshot::{Row, Snapshot};

/// Constant labels, then those of a series or of a value.
struct Labels<'a> {
    constant: &'a ConstLabels,
    series: Option<(LabelSet<'a>, &'a OwnLabels)>,
    value: &'a [(&'static str, String)],
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), Error> {
        for (key, value) in self.constant.iter() {
            encode_label(encoder, key, value)?;
        }
        for (key, value) in self.value {
            encode_label(encoder, key, value)?;
        }
        match &self.series {
            Some((series, own)) => {
                let mut encode = |key: &str, value: &str| encode_label(encoder, key, value);
                series.try_for_each(&mut encode)?;
                own.try_for_each(series.own, encode)
            }
            None => Ok(()),
        }
    }
}

fn encode_label(encoder: &mut LabelSetEncoder<'_>, key: &str, value: &str) -> Result<(), Error> {
    EncodeLabelSet::encode(&[(key, value)], encoder)
}

/// Encodes one family through prometheus-client's documented interface.
pub(crate) fn encode(
    family: &FamilySnapshot<'_>,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), Error> {
    let descriptor = family.descriptor;
    let unit = descriptor.unit.map(|unit| Unit::Other(unit.to_owned()));
    let metric_type = match descriptor.metric_type {
        OwnType::Counter => MetricType::Counter,
        OwnType::Gauge => MetricType::Gauge,
        OwnType::Histogram => MetricType::Histogram,
        OwnType::Info => MetricType::Info,
        // There are no summaries of this crate.
        OwnType::Unknown | OwnType::BareCounter | OwnType::Summary => MetricType::Unknown,
    };
    let (name, help) = (descriptor.name, descriptor.help);
    let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), metric_type)?;
    match &family.samples {
        Samples::Histograms(snapshot) => {
            let bounds = snapshot.bounds();
            snapshot.rows().try_for_each(|row| {
                let labels = series_labels(snapshot, &row);
                let native = row.native();
                encode_histogram(&mut metric, &labels, bounds, (row.nanos, row.counts), native)
            })
        }
        // As a gauge, which is written with the name of its family.
        Samples::Bytes(snapshot) => snapshot.rows().try_for_each(|row| {
            metric.encode_family(&series_labels(snapshot, &row))?.encode_gauge(&row.bytes)
        }),
        Samples::Histogram(histogram) => {
            let labels = Labels { constant: family.const_labels, series: None, value: &[] };
            let bounds = histogram.buckets.seconds();
            let classic = (histogram.nanos, histogram.counts.as_slice());
            encode_histogram(&mut metric, &labels, bounds, classic, None)
        }
        Samples::Values(values) => {
            values.iter().try_for_each(|value| encode_value(&mut metric, family, value))
        }
    }
}

fn encode_value(
    metric: &mut MetricEncoder<'_>,
    family: &FamilySnapshot<'_>,
    value: &Value,
) -> Result<(), Error> {
    let labels = Labels { constant: family.const_labels, series: None, value: &value.labels };
    if family.descriptor.metric_type == OwnType::Info {
        return metric.encode_info(&labels);
    }
    let mut metric = metric.encode_family(&labels)?;
    match family.descriptor.metric_type {
        OwnType::Counter => metric.encode_counter::<NoLabelSet, _, f64>(&value.value, None),
        _ => metric.encode_gauge(&value.value),
    }
}

fn series_labels<'a>(snapshot: &'a Snapshot<'_>, row: &Row<'a>) -> Labels<'a> {
    let series = (row.series.labels(), snapshot.own_labels());
    Labels { constant: snapshot.const_labels(), series: Some(series), value: &[] }
}

fn encode_histogram(
    metric: &mut MetricEncoder<'_>,
    labels: &Labels<'_>,
    bounds: &[f64],
    (nanos, counts): (u64, &[u64]),
    native: Option<native::NativeHistogram>,
) -> Result<(), Error> {
    // Counts per bucket: prometheus-client cumulates them itself.
    let bounds = bounds.iter().copied().chain([f64::INFINITY]);
    let buckets: Vec<_> = bounds.zip(counts.iter().copied()).collect();
    let count = counts.iter().sum();
    let sum = nanos as f64 / 1e9;
    // Without exemplars, which prometheus-client creates in its own metrics only.
    let mut metric = metric.encode_family(labels)?;
    let Some(native) = native else {
        return metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None);
    };
    let (schema, count, zero_count) = (native.schema, native.count, native.zero_count);
    let positive = NativeHistogramBuckets { spans: &native.spans, deltas: &native.deltas };
    let negative = NativeHistogramBuckets { spans: &[], deltas: &[] };
    let zero_threshold = ZERO_THRESHOLD;
    let native =
        NativeHistogram { schema, zero_threshold, zero_count, negative, positive, created: None };
    metric.encode_histogram_with_native::<NoLabelSet>(sum, count, &buckets, None, native)
}
