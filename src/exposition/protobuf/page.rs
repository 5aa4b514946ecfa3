//! What the messages of a page consist of: the fields of `io.prometheus.client`.

use std::time::Duration;

use super::wire::Wire;
use crate::exposition::custom::names::MetricType;

/// A page in progress.
#[derive(Debug)]
pub(crate) struct ProtobufPage(Wire);

impl ProtobufPage {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Wire::with_capacity(capacity))
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.finish()
    }

    /// Writes a family, named as in the text format.
    pub(super) fn family(
        &mut self,
        name: &str,
        help: &str,
        kind: Kind,
        write_metrics: impl FnOnce(&mut Wire),
    ) {
        self.0.delimited(|family| {
            family.text(1, name);
            family.text(2, help);
            family.uint(3, kind as u64);
            write_metrics(family);
        });
    }
}

/// The types of families.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Counter = 0,
    Gauge = 1,
    Summary = 2,
    Untyped = 3,
    Histogram = 4,
}

impl Kind {
    /// The type of a family, and the suffix of its name.
    pub(super) fn of(metric_type: MetricType) -> (Self, &'static str) {
        match metric_type {
            MetricType::Counter => (Self::Counter, "_total"),
            MetricType::Gauge => (Self::Gauge, ""),
            MetricType::Histogram => (Self::Histogram, ""),
            MetricType::Info => (Self::Gauge, "_info"),
            MetricType::Summary => (Self::Summary, ""),
            MetricType::Unknown => (Self::Untyped, ""),
            MetricType::BareCounter => (Self::Counter, ""),
        }
    }
}

/// Writes one metric of a family.
pub(super) fn metric(family: &mut Wire, write: impl FnOnce(&mut Wire)) {
    family.message(4, write);
}

/// Writes a label of a metric or an exemplar.
pub(super) fn label(parent: &mut Wire, name: &str, value: &str) {
    parent.message(1, |label| {
        label.text(1, name);
        label.text(2, value);
    });
}

/// Writes the time of a metric, in seconds.
pub(super) fn timestamp(metric: &mut Wire, seconds: f64) {
    // Times before 1970 as protobuf has negative numbers: in two's complement.
    metric.uint(6, (seconds * 1e3).round() as i64 as u64);
}

/// Writes the value of a metric that is neither a histogram nor a summary, and with `more`
/// the rest of its message.
pub(super) fn value(metric: &mut Wire, kind: Kind, value: f64, more: impl FnOnce(&mut Wire)) {
    let field = match kind {
        Kind::Gauge => 2,
        Kind::Counter => 3,
        Kind::Untyped | Kind::Histogram | Kind::Summary => 5,
    };
    metric.message(field, |inner| {
        inner.double(1, value);
        more(inner);
    });
}

/// The exemplar of a counter.
pub(super) const COUNTER_EXEMPLAR: u64 = 2;

/// Writes a classic histogram, and with `more` its buckets.
pub(super) fn histogram(metric: &mut Wire, count: u64, sum: f64, more: impl FnOnce(&mut Wire)) {
    metric.message(7, |histogram| {
        histogram.uint(1, count);
        histogram.double(2, sum);
        more(histogram);
    });
}

/// Writes a summary, and with `more` its quantiles.
pub(super) fn summary(metric: &mut Wire, count: u64, sum: f64, more: impl FnOnce(&mut Wire)) {
    metric.message(4, |summary| {
        summary.uint(1, count);
        summary.double(2, sum);
        more(summary);
    });
}

/// Writes a quantile of a summary.
pub(super) fn quantile(summary: &mut Wire, quantile: f64, value: f64) {
    summary.message(3, |message| {
        message.double(1, quantile);
        message.double(2, value);
    });
}

/// Writes a bucket of a classic histogram.
pub(super) fn bucket(
    histogram: &mut Wire,
    cumulated: u64,
    bound: f64,
    more: impl FnOnce(&mut Wire),
) {
    histogram.message(3, |bucket| {
        bucket.uint(1, cumulated);
        bucket.double(2, bound);
        more(bucket);
    });
}

/// The exemplar of a bucket.
pub(super) const BUCKET_EXEMPLAR: u64 = 3;

/// Writes an exemplar into the field of a counter or a bucket.
pub(super) fn exemplar<'a>(
    parent: &mut Wire,
    field: u64,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    value: f64,
    since_epoch: Option<Duration>,
) {
    parent.message(field, |exemplar| {
        labels.into_iter().for_each(|(name, value)| label(exemplar, name, value));
        exemplar.double(2, value);
        if let Some(since_epoch) = since_epoch {
            exemplar.message(3, |timestamp| {
                timestamp.uint(1, since_epoch.as_secs());
                timestamp.uint(2, since_epoch.subsec_nanos().into());
            });
        }
    });
}
