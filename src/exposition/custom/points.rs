//! Whether the samples of a family fit together.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::line::{Label, Sample};
use super::names::{MetricType, Suffix};
use super::rejected::Reason;

/// The points of a family: the samples that have all labels in common, except for the `le`
/// of buckets. The samples of a point are together, and no two points have the same labels.
#[derive(Debug)]
pub(super) struct Points<'a> {
    metric_type: MetricType,
    /// The labels of all points, sorted within each.
    labels: Vec<Label<'a>>,
    /// The place of each point in `labels`.
    known: HashTable<Range<usize>>,
    hasher: RandomState,
    current: Option<Point>,
    text_only: Option<&'static str>,
}

/// The point in progress.
#[derive(Debug, Default)]
struct Point {
    labels: Range<usize>,
    /// The bits of the suffixes of its samples.
    suffixes: u8,
    count: f64,
    /// Of the last bucket.
    bound: Option<f64>,
    cumulated: f64,
}

impl<'a> Points<'a> {
    pub(super) fn new(metric_type: MetricType) -> Self {
        Self {
            metric_type,
            labels: Vec::new(),
            known: HashTable::new(),
            hasher: RandomState::default(),
            current: None,
            text_only: None,
        }
    }

    /// Adds a sample. Sorts `labels` and takes the `le` of a bucket out.
    pub(super) fn add(
        &mut self,
        sample: &Sample<'_>,
        suffix: Suffix,
        labels: &mut Vec<Label<'a>>,
    ) -> Result<(), Reason> {
        labels.sort_unstable();
        if let Some(pair) = labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Reason::RepeatedLabel(pair[0].0.to_owned()));
        }
        let bound = if suffix == Suffix::Bucket { Some(take_bound(labels)?) } else { None };
        self.check_openmetrics(sample, suffix, bound);
        let current = self.current.take();
        let is_same = |point: &Point| self.labels[point.labels.clone()] == **labels;
        let mut point = match current {
            Some(point) if is_same(&point) => point,
            ended => {
                self.check_end(ended)?;
                let repeated = || Reason::RepeatedSample(sample.name.to_owned());
                Point { labels: self.insert(labels).ok_or_else(repeated)?, ..Point::default() }
            }
        };
        point.add(sample, suffix, bound)?;
        self.current = Some(point);
        Ok(())
    }

    /// Ends the family. Returns why it is valid in the text format only, if it is.
    pub(super) fn end(mut self) -> Result<Option<&'static str>, Reason> {
        let last = self.current.take();
        self.check_end(last)?;
        Ok(self.text_only)
    }

    /// The place of the labels of a new point, `None` if there is a point with the same.
    fn insert(&mut self, labels: &[Label<'a>]) -> Option<Range<usize>> {
        let start = self.labels.len();
        self.labels.extend(labels);
        let (known, hasher) = (&self.labels, &self.hasher);
        let entry = self.known.entry(
            hasher.hash_one(labels),
            |range| known[range.clone()] == *labels,
            |range| hasher.hash_one(&known[range.clone()]),
        );
        let Entry::Vacant(entry) = entry else { return None };
        let range = start..known.len();
        entry.insert(range.clone());
        Some(range)
    }

    /// Checks that a point has all samples of its type.
    fn check_end(&mut self, point: Option<Point>) -> Result<(), Reason> {
        let Some(point) = point else { return Ok(()) };
        for suffix in self.metric_type.suffixes() {
            if *suffix != Suffix::Created && point.suffixes & bit(*suffix) == 0 {
                return Err(Reason::Incomplete("a sample of its type is missing"));
            }
        }
        if let Some(last) = point.bound {
            if last != f64::INFINITY {
                return Err(Reason::Incomplete("its buckets do not end with +Inf"));
            }
            if point.cumulated != point.count {
                let why =
                    "the count of the histogram is not that of its buckets; read both at once";
                self.text_only = Some(why);
            }
        }
        Ok(())
    }

    /// Notes a sample that OpenMetrics forbids, although Prometheus accepts it in either
    /// format: stricter readers of OpenMetrics refuse the whole page.
    fn check_openmetrics(&mut self, sample: &Sample<'_>, suffix: Suffix, bound: Option<f64>) {
        let is_negative = sample.number.is_nan() || sample.number < 0.0;
        let why = match suffix {
            Suffix::Total if is_negative => "the counter is negative or not a number; use a gauge",
            Suffix::Sum if is_negative => {
                "the sum of the histogram is negative or not a number; observe positive numbers"
            }
            Suffix::Bucket if bound.is_some_and(|bound| bound < 0.0) => {
                "the histogram has both a sum and buckets below 0; use bounds from 0 on"
            }
            _ => return,
        };
        self.text_only = Some(why);
    }
}

impl Point {
    fn add(
        &mut self,
        sample: &Sample<'_>,
        suffix: Suffix,
        bound: Option<f64>,
    ) -> Result<(), Reason> {
        let is_repeated = self.suffixes & bit(suffix) != 0;
        self.suffixes |= bit(suffix);
        match (suffix, bound) {
            (_, Some(bound)) => {
                let is_ascending = self.bound.is_none_or(|last| last < bound);
                if !is_ascending || sample.number.is_nan() || sample.number < self.cumulated {
                    return Err(Reason::Incomplete("its buckets are not in ascending order"));
                }
                (self.bound, self.cumulated) = (Some(bound), sample.number);
            }
            _ if is_repeated => return Err(Reason::RepeatedSample(sample.name.to_owned())),
            (Suffix::Count, _) => self.count = sample.number,
            (Suffix::Info, _) if sample.number != 1.0 => {
                return Err(Reason::Incomplete("the value of an info is not 1"));
            }
            _ => {}
        }
        Ok(())
    }
}

fn bit(suffix: Suffix) -> u8 {
    1 << suffix as u8
}

/// Takes the upper bound of a bucket out of its labels.
fn take_bound(labels: &mut Vec<Label<'_>>) -> Result<f64, Reason> {
    let at = labels.iter().position(|(name, _)| *name == "le");
    let bound = at.and_then(|at| labels.remove(at).1.parse().ok());
    let bound = bound.filter(|bound: &f64| !bound.is_nan());
    bound.ok_or(Reason::Incomplete("the `le` of a bucket is not a number"))
}
