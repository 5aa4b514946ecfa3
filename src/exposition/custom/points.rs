//! Whether the samples of a family fit together.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::buckets::Buckets;
use super::key::Key;
use super::names::{MetricType, Suffix};
use super::openmetrics::forbidden;
use super::rejected::Reason;

/// The points of a family: the samples that have all labels in common, except for the `le`
/// of buckets and the `quantile` of summaries. No two points have the same labels.
#[derive(Debug)]
pub(super) struct Points<'a> {
    name: &'a str,
    metric_type: MetricType,
    points: Vec<Point<'a>>,
    /// Those of each point, if it is a histogram.
    buckets: Vec<Buckets>,
    /// With the index of the point and the bits of the number.
    quantiles: HashSet<(usize, u64), RandomState>,
    /// The index of each point.
    known: HashTable<usize>,
    /// The index of the point of the sample before.
    current: usize,
    hasher: RandomState,
    /// Whether the samples of a point can be apart, which OpenMetrics forbids.
    can_be_apart: bool,
    text_only: Option<&'static str>,
}

#[derive(Debug)]
struct Point<'a> {
    /// Its labels as a [`KeyWriter`](super::key::KeyWriter) writes them.
    key: Cow<'a, str>,
    /// The bits of the suffixes of its samples.
    suffixes: u8,
}

impl<'a> Points<'a> {
    pub(super) fn new(name: &'a str, metric_type: MetricType, can_be_apart: bool) -> Self {
        Self {
            name,
            metric_type,
            points: Vec::new(),
            buckets: Vec::new(),
            quantiles: HashSet::default(),
            known: HashTable::new(),
            current: 0,
            hasher: RandomState::default(),
            can_be_apart,
            text_only: None,
        }
    }

    /// Reserves room for the points of so many samples.
    pub(super) fn reserve(&mut self, samples: usize) {
        let points = if self.has_several() { samples / 4 } else { samples };
        self.points.reserve(points);
        self.known.reserve(points, |index| self.hasher.hash_one(&*self.points[*index].key));
    }

    /// Whether a point usually has several samples.
    fn has_several(&self) -> bool {
        matches!(self.metric_type, MetricType::Histogram | MetricType::Summary)
    }

    /// Adds a sample with its labels and the value of its `le` or `quantile`.
    pub(super) fn add(
        &mut self,
        suffix: Suffix,
        key: Key<'_, 'a>,
        limit: Option<f64>,
        value: f64,
    ) -> Result<(), Reason> {
        self.text_only = forbidden(suffix, limit, value).or(self.text_only);
        if suffix == Suffix::Info && value != 1.0 {
            return Err(Reason::Incomplete("the value of an info is not 1"));
        }
        if self.find(key) && self.add_to_current(suffix, limit, value)? {
            return Ok(());
        }
        Err(Reason::RepeatedSample(format!("{}{}", self.name, suffix.as_str())))
    }

    /// Makes the point with these labels the current one. Returns whether a sample can be here.
    fn find(&mut self, key: Key<'_, 'a>) -> bool {
        let text = match key {
            Key::Kept(text) | Key::Copied(text) => text,
        };
        let current = self.points.get(self.current).filter(|_| self.has_several());
        if current.is_some_and(|point| point.key == text) {
            return true;
        }
        let (points, hasher) = (&self.points, &self.hasher);
        let entry = self.known.entry(
            hasher.hash_one(text),
            |index| points[*index].key == text,
            |index| hasher.hash_one(&*points[*index].key),
        );
        match entry {
            Entry::Occupied(known) => {
                let is_current = *known.get() == self.current;
                self.current = *known.get();
                self.can_be_apart || is_current
            }
            Entry::Vacant(entry) => {
                self.current = points.len();
                entry.insert(self.current);
                let key = match key {
                    Key::Kept(text) => Cow::Borrowed(text),
                    Key::Copied(text) => Cow::Owned(text.to_owned()),
                };
                self.points.push(Point { key, suffixes: 0 });
                if self.metric_type == MetricType::Histogram {
                    self.buckets.push(Buckets::default());
                }
                true
            }
        }
    }

    /// Adds a sample to the current point. Returns whether it is new.
    fn add_to_current(
        &mut self,
        suffix: Suffix,
        limit: Option<f64>,
        value: f64,
    ) -> Result<bool, Reason> {
        let buckets = self.buckets.get_mut(self.current);
        let suffixes = &mut self.points[self.current].suffixes;
        let bit = 1 << suffix as u8;
        let is_new = match (limit, buckets) {
            (Some(bound), Some(buckets)) => buckets.add(bound, value).map(|()| true)?,
            (Some(quantile), None) => {
                // Both zeros have the same bits then.
                let bits = (quantile + 0.0).to_bits();
                self.quantiles.insert((self.current, bits))
            }
            (None, buckets) => {
                if let (Suffix::Count, Some(buckets)) = (suffix, buckets) {
                    buckets.count = value;
                }
                *suffixes & bit == 0
            }
        };
        *suffixes |= bit;
        Ok(is_new)
    }

    /// Ends the family. Returns why it is valid in the text format only, if it is.
    pub(super) fn end(self) -> Result<Option<&'static str>, Reason> {
        let suffixes = self.metric_type.suffixes().iter();
        let suffixes = suffixes.filter(|suffix| **suffix != Suffix::Created);
        let all = suffixes.fold(0, |bits, suffix| bits | 1 << *suffix as u8);
        // The only sample of a point can be invalid.
        let is_complete = |point: &Point<'_>| point.suffixes & all == all || point.suffixes == 0;
        // A summary needs none of its samples.
        if self.metric_type != MetricType::Summary && !self.points.iter().all(is_complete) {
            return Err(Reason::Incomplete("a sample of its type is missing"));
        }
        let mut text_only = self.text_only;
        for buckets in &self.buckets {
            text_only = buckets.check()?.or(text_only);
        }
        Ok(text_only)
    }
}

#[cfg(test)]
mod tests {
    use super::{MetricType, Reason};
    use crate::exposition::custom::constant::Constant;
    use crate::exposition::custom::{registry, text};

    /// Reads a family. Returns its lines, and why they are valid in the text format only.
    fn read(kind: MetricType, lines: &str) -> Result<(String, Option<&'static str>), Reason> {
        let text = format!("# TYPE a {}\n{lines}", kind.word());
        let constant = Constant::new([].into());
        let (families, mut rejected) = registry::read(&text, &constant);
        let text_only = families.first().and_then(|family| family.text_only);
        let lines = families.iter().map(|family| &*family.lines).collect();
        rejected.pop().map_or(Ok((lines, text_only)), |rejected| Err(rejected.reason))
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
            let (kept, text_only) = read(metric_type, lines).expect("the samples are valid");
            assert_eq!(kept, lines.replace(" inf", " +Inf").replace("-inf", "-Inf"));
            assert_eq!(text_only, None);
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
            (MetricType::Histogram, HISTOGRAM.replace("a_sum{x=\"1\"} 1.5\n", "")),
            (MetricType::Histogram, HISTOGRAM.replace("a_count{x=\"1\"} 3\n", "")),
            (MetricType::Histogram, HISTOGRAM.replace("a_bucket{le=\"+Inf\",x=\"1\"} 3\n", "")),
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
            let (kept, text_only) = read(metric_type, &lines).expect("the samples are valid");
            assert!(text_only.is_some(), "{lines}");
            assert_eq!(kept, lines);
        }
    }

    #[test]
    fn a_point_without_valid_samples_does_not_cost_its_family_the_others() {
        let lines = HISTOGRAM.replace("x=", "z=");
        let page = format!("# TYPE a histogram\na_bucket{{le=\"1\",x=\"2\"}} NaN\n{lines}");
        let constant = Constant::new([].into());
        let (families, rejected) = text::read(&page, &constant);
        assert_eq!((&*families[0].lines, rejected.len()), (&*lines, 1));
    }
}
