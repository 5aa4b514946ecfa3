//! Reads protobuf pages with prost, which has no code in common with the crate.

use std::collections::BTreeMap;

use prost::Message;

use super::client::Response;
use super::page::Sample;

pub(crate) const ACCEPT: &str = "application/vnd.google.protobuf;\
                                 proto=io.prometheus.client.MetricFamily;encoding=delimited";

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LabelPair {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    pub(crate) label: Vec<LabelPair>,
    #[prost(double, tag = "2")]
    pub(crate) value: f64,
    #[prost(message, optional, tag = "3")]
    pub(crate) timestamp: Option<Timestamp>,
}

/// A gauge, a counter or an untyped value.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Number {
    #[prost(double, tag = "1")]
    pub(crate) value: f64,
    #[prost(message, optional, tag = "2")]
    pub(crate) exemplar: Option<Exemplar>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Bucket {
    #[prost(uint64, tag = "1")]
    pub(crate) cumulative_count: u64,
    #[prost(double, tag = "2")]
    pub(crate) upper_bound: f64,
    #[prost(message, optional, tag = "3")]
    pub(crate) exemplar: Option<Exemplar>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Quantile {
    #[prost(double, tag = "1")]
    pub(crate) quantile: f64,
    #[prost(double, tag = "2")]
    pub(crate) value: f64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Summary {
    #[prost(uint64, tag = "1")]
    pub(crate) sample_count: u64,
    #[prost(double, tag = "2")]
    pub(crate) sample_sum: f64,
    #[prost(message, repeated, tag = "3")]
    pub(crate) quantile: Vec<Quantile>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BucketSpan {
    #[prost(sint32, tag = "1")]
    pub(crate) offset: i32,
    #[prost(uint32, tag = "2")]
    pub(crate) length: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Histogram {
    #[prost(uint64, tag = "1")]
    pub(crate) sample_count: u64,
    #[prost(double, tag = "2")]
    pub(crate) sample_sum: f64,
    #[prost(message, repeated, tag = "3")]
    pub(crate) bucket: Vec<Bucket>,
    #[prost(sint32, tag = "5")]
    pub(crate) schema: i32,
    #[prost(double, tag = "6")]
    pub(crate) zero_threshold: f64,
    #[prost(uint64, tag = "7")]
    pub(crate) zero_count: u64,
    #[prost(message, repeated, tag = "12")]
    pub(crate) positive_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "13")]
    pub(crate) positive_delta: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub(crate) label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    pub(crate) gauge: Option<Number>,
    #[prost(message, optional, tag = "3")]
    pub(crate) counter: Option<Number>,
    #[prost(message, optional, tag = "4")]
    pub(crate) summary: Option<Summary>,
    #[prost(message, optional, tag = "5")]
    pub(crate) untyped: Option<Number>,
    #[prost(message, optional, tag = "7")]
    pub(crate) histogram: Option<Histogram>,
    #[prost(int64, tag = "6")]
    pub(crate) timestamp_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetricFamily {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) help: String,
    #[prost(int32, tag = "3")]
    pub(crate) kind: i32,
    #[prost(message, repeated, tag = "4")]
    pub(crate) metric: Vec<Metric>,
}

/// The families of a page, each native histogram checked.
///
/// # Panics
///
/// If the page is not valid.
#[track_caller]
pub(crate) fn decode(mut page: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !page.is_empty() {
        let family = MetricFamily::decode_length_delimited(&mut page).expect("a family");
        for histogram in family.metric.iter().filter_map(|metric| metric.histogram.as_ref()) {
            histogram.check();
        }
        families.push(family);
    }
    families
}

/// The families of a response, which is a protobuf page.
#[track_caller]
pub(crate) fn read(response: &Response) -> Vec<MetricFamily> {
    let content_type = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                        encoding=delimited";
    assert_eq!((response.status, response.header("content-type")), (200, Some(content_type)));
    decode(&response.body)
}

impl Histogram {
    pub(crate) fn is_native(&self) -> bool {
        self.zero_threshold > 0.0
    }

    /// The native buckets above the zero bucket: upper bounds and observations.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        let (mut key, mut count) = (0, 0);
        let mut deltas = self.positive_delta.iter();
        let mut buckets = Vec::new();
        for span in &self.positive_span {
            key += span.offset;
            for _ in 0..span.length {
                count += deltas.next().expect("a delta for each bucket");
                let bound = (f64::from(key) / 2_f64.powi(self.schema)).exp2();
                buckets.push((bound, u64::try_from(count).expect("no bucket is negative")));
                key += 1;
            }
        }
        assert_eq!(deltas.next(), None, "a delta without a bucket");
        buckets
    }

    /// What Prometheus checks before it stores a native histogram, and the classic buckets.
    fn check(&self) {
        let classic: Vec<_> = self.bucket.iter().map(|bucket| bucket.cumulative_count).collect();
        assert!(classic.is_sorted(), "{self:?}");
        assert_eq!(classic.last(), Some(&self.sample_count), "{self:?}");
        let native: u64 = self.buckets().iter().map(|(_, count)| count).sum();
        if self.is_native() {
            assert_eq!(native + self.zero_count, self.sample_count, "{self:?}");
        } else {
            assert_eq!((native, self.zero_count), (0, 0));
        }
    }
}

/// The samples of the text format that the families stand for, each with sorted labels, and
/// the types by name.
pub(crate) fn as_text(families: &[MetricFamily]) -> (Vec<Sample>, BTreeMap<String, String>) {
    let (mut samples, mut types) = (Vec::new(), BTreeMap::new());
    for family in families {
        let word = ["counter", "gauge", "summary", "untyped", "histogram"][family.kind as usize];
        types.insert(family.name.clone(), word.to_owned());
        for metric in &family.metric {
            let labels: Vec<_> =
                metric.label.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect();
            let mut push = |suffix: &str, bound: Option<f64>, value: f64| {
                let mut labels = labels.clone();
                labels.extend(bound.map(|bound| ("le".to_owned(), bound_text(bound))));
                labels.sort();
                let name = format!("{}{suffix}", family.name);
                samples.push(Sample { name, labels, value, exemplar: None });
            };
            let numbers = [&metric.counter, &metric.gauge, &metric.untyped];
            let field = [0, 1, 3].iter().position(|kind| *kind == family.kind);
            if let Some(number) = field.and_then(|field| numbers[field].as_ref()) {
                push("", None, number.value);
            }
            if let Some(histogram) = &metric.histogram {
                assert_eq!(word, "histogram");
                for bucket in &histogram.bucket {
                    push("_bucket", Some(bucket.upper_bound), bucket.cumulative_count as f64);
                }
                push("_sum", None, histogram.sample_sum);
                push("_count", None, histogram.sample_count as f64);
            }
        }
    }
    (samples, types)
}

fn bound_text(bound: f64) -> String {
    if bound.is_infinite() { "+Inf".to_owned() } else { format!("{bound:?}") }
}

/// The histogram of the one series of a family with this label.
#[track_caller]
pub(crate) fn histogram(families: &[MetricFamily], name: &str, addr: &str) -> Histogram {
    let family = families.iter().find(|family| family.name == name).expect("the family");
    let is_wanted = |metric: &&Metric| metric.label.iter().any(|label| label.value == addr);
    let mut metrics = family.metric.iter().filter(is_wanted);
    let found = metrics.next().and_then(|metric| metric.histogram.clone());
    assert!(metrics.next().is_none(), "several series");
    found.expect("the histogram")
}
