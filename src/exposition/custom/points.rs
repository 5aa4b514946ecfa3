//! Whether the samples of a family fit together.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::line::Label;
use super::names::{MetricType, Suffix};
use super::rejected::Reason;

/// The points of a family: the samples that have all labels in common, except for the `le`
/// of buckets and the `quantile` of summaries. No two points have the same labels.
#[derive(Debug)]
pub(super) struct Points<'a> {
    name: &'a str,
    metric_type: MetricType,
    /// The labels of all points, sorted within each.
    labels: Vec<Label<'a>>,
    points: Vec<Point>,
    /// The index of each point.
    known: HashTable<usize>,
    hasher: RandomState,
    /// Whether the samples of a point can be apart, which OpenMetrics forbids.
    can_be_apart: bool,
    text_only: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Point {
    labels: Range<usize>,
    /// The bits of the suffixes of its samples.
    suffixes: u8,
    count: f64,
    /// Of the last bucket.
    bound: Option<f64>,
    cumulated: f64,
    quantiles: Vec<f64>,
}

impl<'a> Points<'a> {
    pub(super) fn new(name: &'a str, metric_type: MetricType, can_be_apart: bool) -> Self {
        Self {
            name,
            metric_type,
            labels: Vec::new(),
            points: Vec::new(),
            known: HashTable::new(),
            hasher: RandomState::default(),
            can_be_apart,
            text_only: None,
        }
    }

    /// Adds a sample with its labels, sorted and each once, and the value of its `le` or
    /// `quantile`.
    pub(super) fn add(
        &mut self,
        suffix: Suffix,
        labels: &[Label<'a>],
        limit: Option<f64>,
        value: f64,
    ) -> Result<(), Reason> {
        self.check_openmetrics(suffix, limit, value);
        let index = match self.points.last() {
            Some(last) if self.labels[last.labels.clone()] == *labels => {
                Some(self.points.len() - 1)
            }
            _ => self.index(labels),
        };
        let is_new = match index {
            Some(index) => self.points[index].add(suffix, limit, value)?,
            None => false,
        };
        if is_new {
            return Ok(());
        }
        Err(Reason::RepeatedSample(format!("{}{}", self.name, suffix.as_str())))
    }

    /// The index of the point with these labels, which is new unless samples can be apart.
    fn index(&mut self, labels: &[Label<'a>]) -> Option<usize> {
        let start = self.labels.len();
        self.labels.extend(labels);
        let (all, points, hasher) = (&self.labels, &self.points, &self.hasher);
        let labels_of = |index: &usize| &all[points[*index].labels.clone()];
        let entry = self.known.entry(
            hasher.hash_one(labels),
            |index| labels_of(index) == labels,
            |index| hasher.hash_one(labels_of(index)),
        );
        match entry {
            Entry::Occupied(known) => self.can_be_apart.then(|| *known.get()),
            Entry::Vacant(entry) => {
                let index = points.len();
                entry.insert(index);
                self.points.push(Point { labels: start..all.len(), ..Point::default() });
                Some(index)
            }
        }
    }

    /// Ends the family. Returns why it is valid in the text format only, if it is.
    pub(super) fn end(mut self) -> Result<Option<&'static str>, Reason> {
        for point in &self.points {
            self.text_only = point.check(self.metric_type)?.or(self.text_only);
        }
        Ok(self.text_only)
    }

    /// Notes a sample that OpenMetrics forbids, although Prometheus accepts it in either
    /// format: stricter readers of OpenMetrics refuse the whole page.
    fn check_openmetrics(&mut self, suffix: Suffix, limit: Option<f64>, value: f64) {
        let is_negative = value.is_nan() || value < 0.0;
        let why = match suffix {
            Suffix::Total if is_negative => "the counter is negative or not a number; use a gauge",
            Suffix::Sum if is_negative => {
                "its sum is negative or not a number; observe positive numbers"
            }
            Suffix::Bucket if limit.is_some_and(|bound| bound < 0.0) => {
                "the histogram has both a sum and buckets below 0; use bounds from 0 on"
            }
            Suffix::None if limit.is_some() && value < 0.0 => {
                "a quantile is negative; observe positive numbers"
            }
            _ => return,
        };
        self.text_only = Some(why);
    }
}

impl Point {
    /// Returns whether the sample is new.
    fn add(&mut self, suffix: Suffix, limit: Option<f64>, value: f64) -> Result<bool, Reason> {
        let bit = 1 << suffix as u8;
        let is_repeated = match (suffix, limit) {
            (Suffix::Bucket, Some(bound)) => {
                let is_ascending = self.bound.is_none_or(|last| last < bound);
                if !is_ascending || value.is_nan() || value < self.cumulated {
                    return Err(Reason::Incomplete("its buckets are not in ascending order"));
                }
                (self.bound, self.cumulated) = (Some(bound), value);
                false
            }
            (_, Some(quantile)) => {
                let is_repeated = self.quantiles.contains(&quantile);
                self.quantiles.push(quantile);
                is_repeated
            }
            (_, None) => self.suffixes & bit != 0,
        };
        if suffix == Suffix::Info && value != 1.0 {
            return Err(Reason::Incomplete("the value of an info is not 1"));
        }
        if suffix == Suffix::Count {
            self.count = value;
        }
        self.suffixes |= bit;
        Ok(!is_repeated)
    }

    /// Checks that the point has all samples of its type. Returns why it is valid in the text
    /// format only, if it is.
    fn check(&self, metric_type: MetricType) -> Result<Option<&'static str>, Reason> {
        // A summary needs none of its samples, and the only sample of a point can be invalid.
        let is_complete = metric_type == MetricType::Summary || self.suffixes == 0;
        for suffix in metric_type.suffixes() {
            let is_there = self.suffixes & 1 << *suffix as u8 != 0;
            if !is_complete && !is_there && *suffix != Suffix::Created {
                return Err(Reason::Incomplete("a sample of its type is missing"));
            }
        }
        match self.bound {
            Some(last) if last != f64::INFINITY => {
                Err(Reason::Incomplete("its buckets do not end with +Inf"))
            }
            Some(_) if self.cumulated != self.count => {
                Ok(Some("the count of the histogram is not that of its buckets; read both at once"))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MetricType, Reason};
    use crate::exposition::custom::builder::Constant;
    use crate::exposition::custom::family::CustomFamily;
    use crate::exposition::custom::registry;

    /// Reads a family.
    fn read(metric_type: MetricType, lines: &str) -> Result<CustomFamily, Reason> {
        let text = format!("# TYPE a {}\n{lines}", metric_type.word());
        let (mut families, mut rejected) = registry::read(&text, &Constant::new([].into()));
        match rejected.pop() {
            Some(rejected) => Err(rejected.reason),
            None => Ok(families.pop().expect("a family")),
        }
    }

    fn without(line: &str) -> String {
        HISTOGRAM.replace(line, "")
    }

    const HISTOGRAM: &str = "a_sum{x=\"1\"} 1.5\na_count{x=\"1\"} 3\n\
                             a_bucket{le=\"1.0\",x=\"1\"} 2\na_bucket{le=\"+Inf\",x=\"1\"} 3\n";

    #[test]
    fn samples_of_each_type_are_kept() {
        for (metric_type, lines) in [
            (MetricType::Counter, "a_total 1\n"),
            (MetricType::Counter, "a_created{x=\"1\"} 1\na_total{x=\"1\"} 1\n"),
            (MetricType::Gauge, "a{x=\"1\"} -1e-7\na{x=\"2\"} NaN\na{y=\"1\"} inf\n"),
            (MetricType::Gauge, "a{le=\"x\",quantile=\"\"} -inf\n"),
            (MetricType::Info, "a_info{x=\"1\"} 1\na_info{x=\"2\"} 1\n"),
            (MetricType::Unknown, "a 1.0\n"),
            (MetricType::Histogram, HISTOGRAM),
            (MetricType::Histogram, &(HISTOGRAM.to_owned() + &HISTOGRAM.replace("x=", "y="))),
            (MetricType::Histogram, ""),
        ] {
            let family = read(metric_type, lines).expect("the samples are valid");
            assert_eq!(family.samples.len(), lines.lines().count());
            assert_eq!(family.text_only, None);
        }
    }

    #[test]
    fn samples_of_another_type_or_family_are_refused() {
        for (metric_type, lines) in [
            (MetricType::Counter, "a 1\n"),
            (MetricType::Counter, "a_total 1\na_count 1\n"),
            (MetricType::Gauge, "a_total 1\n"),
            (MetricType::Gauge, "p_b 1\n"),
            (MetricType::Gauge, "ab 1\n"),
            (MetricType::Gauge, "a 1\n\n"),
            (MetricType::Unknown, "a_info 1\n"),
            (MetricType::Info, "a_total 1\n"),
            (MetricType::Histogram, "a 1\n"),
        ] {
            let refused = read(metric_type, lines).map(|_| ());
            assert!(matches!(refused, Err(Reason::InvalidSample(_))), "{lines}: {refused:?}");
        }
    }

    #[test]
    fn a_sample_that_repeats_is_refused() {
        for (metric_type, lines) in [
            (MetricType::Gauge, "a 1\na 2\n"),
            (MetricType::Gauge, "a 1\na{} 1\n"),
            (MetricType::Gauge, "a 1 1\na 1 2\n"),
            (MetricType::Gauge, "a{x=\"1\",y=\"2\"} 1\na 1\na{y=\"2\",x=\"1\"} 1\n"),
            (MetricType::Counter, "a_total 1\na_created 1\na_total 1\n"),
            (MetricType::Counter, "a_total{x=\"1\"} 1\na_total 1\na_created{x=\"1\"} 1\n"),
            (MetricType::Info, "a_info 1\na_info 1\n"),
            (MetricType::Histogram, &HISTOGRAM.replace("a_sum{x=\"1\"} 1.5", "a_count{x=\"1\"} 3")),
            (
                MetricType::Histogram,
                &format!("{HISTOGRAM}{}{HISTOGRAM}", HISTOGRAM.replace("x=", "y=")),
            ),
        ] {
            let refused = read(metric_type, lines).map(|_| ());
            assert!(matches!(refused, Err(Reason::RepeatedSample(_))), "{lines}: {refused:?}");
        }
        let refused = read(MetricType::Gauge, "a{x=\"1\",y=\"2\",x=\"1\"} 1\n").map(|_| ());
        assert_eq!(refused, Err(Reason::RepeatedLabel("x".to_owned())));
    }

    #[test]
    fn samples_that_do_not_fit_the_type_are_refused() {
        for (metric_type, lines) in [
            (MetricType::Counter, "a_created 1\n".to_owned()),
            (MetricType::Info, "a_info 2\n".to_owned()),
            (MetricType::Histogram, without("a_sum{x=\"1\"} 1.5\n")),
            (MetricType::Histogram, without("a_count{x=\"1\"} 3\n")),
            (MetricType::Histogram, without("a_bucket{le=\"+Inf\",x=\"1\"} 3\n")),
            (MetricType::Histogram, HISTOGRAM.replace("+Inf", "1")),
            (MetricType::Histogram, HISTOGRAM.replace("1.0", "NaN")),
            (MetricType::Histogram, HISTOGRAM.replace("1.0", "")),
            (MetricType::Histogram, HISTOGRAM.replace("le=\"1.0\",", "")),
            (MetricType::Histogram, HISTOGRAM.replace("} 2", "} 4")),
            (MetricType::Histogram, HISTOGRAM.replace("} 2", "} NaN")),
            (MetricType::Histogram, HISTOGRAM.replacen("x=", "y=", 1)),
        ] {
            let refused = read(metric_type, &lines).map(|_| ());
            assert!(matches!(refused, Err(Reason::Incomplete(_))), "{lines}: {refused:?}");
        }
    }

    #[test]
    fn what_only_the_text_format_allows_is_noted() {
        for (metric_type, lines) in [
            (MetricType::Counter, "a_total 1\na_total{x=\"1\"} -1\n".to_owned()),
            (MetricType::Counter, "a_total NaN\na_total{x=\"1\"} 1\n".to_owned()),
            (MetricType::Histogram, HISTOGRAM.replace("count{x=\"1\"} 3", "count{x=\"1\"} 4")),
            (MetricType::Histogram, HISTOGRAM.replace("1.5", "NaN")),
            (MetricType::Histogram, HISTOGRAM.replace("1.5", "-1.5")),
            (MetricType::Histogram, HISTOGRAM.replace("1.0", "-1.0")),
        ] {
            let family = read(metric_type, &lines).expect("the samples are valid");
            assert!(family.text_only.is_some(), "{lines}");
            assert_eq!(family.samples.len(), lines.lines().count());
        }
    }
}
