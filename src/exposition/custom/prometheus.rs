//! Registries of the prometheus crate.

use std::fmt::Write as _;

use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType as Type};

use super::builder::{FamilyBuilder, Origin};
use super::constant::Constant;
use super::family::CustomFamily;
use super::labels::{Label, check_names};
use super::line::seconds;
use super::names::{MetricType, Suffix, is_label_name};
use super::rejected::{Reason, Rejected};
use super::sample::{NewSample, limit_key};

/// Reads the families of a registry. Families that are not valid are left out and returned
/// with the reason.
pub(crate) fn read<'a>(
    families: &'a [MetricFamily],
    constant: &'a Constant,
) -> (Vec<CustomFamily<'a>>, Vec<Rejected>) {
    let (mut read, mut rejected) = (Vec::new(), Vec::new());
    for family in families {
        match convert(family, constant) {
            Ok(family) => read.push(family),
            Err(reason) => rejected.push(reason),
        }
    }
    (read, rejected)
}

fn convert<'a>(
    family: &'a MetricFamily,
    constant: &'a Constant,
) -> Result<CustomFamily<'a>, Rejected> {
    let word = match family.get_field_type() {
        Type::COUNTER => "counter",
        Type::GAUGE => "gauge",
        Type::HISTOGRAM => "histogram",
        Type::SUMMARY => "summary",
        // The encoder of the prometheus crate panics.
        Type::UNTYPED => "",
    };
    let unsupported = || Rejected::family(family.name(), Reason::UnsupportedType("untyped".into()));
    let (name, metric_type) = MetricType::from_text(family.name(), word).ok_or_else(unsupported)?;
    let origin = Origin { constant, text: None, prefix: "", can_be_apart: false };
    let mut converter = Converter {
        builder: FamilyBuilder::new(name, metric_type, origin)?,
        labels: Vec::new(),
        timestamp: None,
        value: String::new(),
        limit: String::new(),
    };
    converter.builder.family.help = family.help().into();
    let metrics = family.get_metric().len();
    converter.builder.reserve(metrics, 0);
    for metric in family.get_metric() {
        converter.convert(metric).map_err(|reason| Rejected::family(name, reason))?;
    }
    converter.builder.finish()
}

struct Converter<'a> {
    builder: FamilyBuilder<'a>,
    labels: Vec<Label<'a>>,
    timestamp: Option<f64>,
    value: String,
    limit: String,
}

impl<'a> Converter<'a> {
    fn convert(&mut self, metric: &'a Metric) -> Result<(), Reason> {
        self.labels.clear();
        for label in metric.get_label() {
            if !is_label_name(label.name()) {
                return Err(Reason::InvalidLabel(label.name().to_owned()));
            }
            self.labels.push((label.name(), label.value()));
        }
        check_names(&self.labels)?;
        let metric_type = self.builder.family.metric_type;
        let limits = [Suffix::Bucket, Suffix::None].map(|suffix| limit_key(metric_type, suffix));
        // A summary without quantiles has no such label.
        let has_limits =
            metric_type != MetricType::Summary || !metric.get_summary().get_quantile().is_empty();
        let is_limit = |(name, _): &&Label<'_>| has_limits && limits.contains(&Some(*name));
        if let Some((name, _)) = self.labels.iter().find(is_limit) {
            return Err(Reason::RepeatedLabel((*name).to_owned()));
        }
        self.builder.set_labels(&self.labels)?;
        let milliseconds = metric.timestamp_ms();
        self.timestamp = seconds(milliseconds).filter(|_| milliseconds != 0);
        match metric_type {
            MetricType::Counter => self.push(Suffix::Total, None, metric.get_counter().get_value()),
            MetricType::BareCounter => {
                self.push(Suffix::None, None, metric.get_counter().get_value())
            }
            MetricType::Histogram => self.convert_histogram(metric),
            MetricType::Summary => self.convert_summary(metric),
            _ => self.push(Suffix::None, None, metric.get_gauge().get_value()),
        }
    }

    fn convert_histogram(&mut self, metric: &Metric) -> Result<(), Reason> {
        let histogram = metric.get_histogram();
        let count = histogram.get_sample_count() as f64;
        let buckets = histogram.get_bucket().iter();
        let buckets =
            buckets.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count() as f64));
        let mut last = 0.0;
        for (bound, cumulated) in buckets {
            self.push(Suffix::Bucket, Some(bound), cumulated)?;
            last = bound;
        }
        if last != f64::INFINITY {
            self.push(Suffix::Bucket, Some(f64::INFINITY), count)?;
        }
        self.push(Suffix::Sum, None, histogram.get_sample_sum())?;
        self.push(Suffix::Count, None, count)
    }

    fn convert_summary(&mut self, metric: &Metric) -> Result<(), Reason> {
        let summary = metric.get_summary();
        for quantile in summary.get_quantile() {
            self.push(Suffix::None, Some(quantile.quantile()), quantile.value())?;
        }
        self.push(Suffix::Sum, None, summary.sample_sum())?;
        self.push(Suffix::Count, None, summary.sample_count() as f64)
    }

    fn push(&mut self, suffix: Suffix, limit: Option<f64>, number: f64) -> Result<(), Reason> {
        write(&mut self.value, number);
        if let Some(limit) = limit {
            write(&mut self.limit, limit);
        }
        let sample = NewSample {
            suffix,
            limit: limit.map(|_| self.limit.as_str()),
            value: &self.value,
            number,
            timestamp: self.timestamp,
            exemplar: None,
            line: None,
        };
        self.builder.push(&sample)
    }
}

/// Replaces `text` by a number, as the prometheus crate writes it.
fn write(text: &mut String, number: f64) {
    text.clear();
    if number.fract() == 0.0 && number.abs() < 1e15 {
        text.push_str(itoa::Buffer::new().format(number as i64));
    } else {
        let _ = write!(text, "{number}");
    }
}

/// The value of a counter or gauge. The types of the prometheus crate have one of these
/// methods each: which one depends on its feature `protobuf`, which other crates can turn on.
#[allow(dead_code, reason = "used if the feature is on")]
trait Value {
    fn get_value(&self) -> f64;
    fn value(&self) -> f64;
}

impl Value for Counter {
    fn get_value(&self) -> f64 {
        self.value()
    }

    fn value(&self) -> f64 {
        self.get_value()
    }
}

impl Value for Gauge {
    fn get_value(&self) -> f64 {
        self.value()
    }

    fn value(&self) -> f64 {
        self.get_value()
    }
}
