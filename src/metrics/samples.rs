//! How a family is encoded: its shards summed up, then written series by series.

use std::cell::Cell;
use std::fmt::{Error, Write as _};
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, LabelSetEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::family::{Family, Series, SeriesId};
use super::shard::{Shard, Totals};
use super::verbatim::{Verbatim, leave_for_end_of_line};

/// What a family is called on the page: names without their unit.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) histogram: (&'static str, &'static str),
    /// The counter of bytes, for families that have one.
    pub(crate) bytes: Option<(&'static str, &'static str)>,
}

/// Puts a family onto the page.
#[derive(Debug)]
pub(crate) struct Samples {
    family: Arc<Family>,
    names: Names,
    bucket: String,
    /// What stands between a series' labels and the count of a bucket.
    bounds: Box<[String]>,
}

impl Samples {
    pub(crate) fn new(family: Arc<Family>, names: Names) -> Self {
        let bucket = format!("{}_{}_bucket{{", names.histogram.0, Unit::Seconds.as_str());
        let le = crate::protocol::label::LE;
        let bounds = family.buckets().labels().map(|bound| format!(",{le}=\"{bound}\""));
        Self { bounds: bounds.collect(), family, names, bucket }
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        // Before the counts: an exemplar's observation is counted by then.
        let exemplars = self.family.exemplars().written();
        let sums = Sums::of(&self.family);
        let (name, help) = self.names.histogram;
        let seconds = Some(&Unit::Seconds);
        let mut metric = encoder.encode_descriptor(name, help, seconds, MetricType::Histogram)?;
        let mut lines = String::new();
        for (id, series, sum) in sums.series(&self.family) {
            let count =
                self.write_lines(&mut lines, series, sum.counts, |bucket| exemplars.of(id, bucket));
            let last_exemplar = exemplars.of(id, sum.counts.len() - 1);
            let text = HistogramText::new(series.text(), &lines, last_exemplar);
            // Nanoseconds fit an f64 exactly for the first hundred days of a sum.
            let seconds = sum.nanos as f64 / 1e9;
            metric.encode_family(&text)?.encode_histogram::<NoLabelSet>(
                seconds,
                count,
                &[],
                None,
            )?;
        }
        let Some((name, help)) = self.names.bytes else { return Ok(()) };
        // `unknown` is the one type whose samples OpenMetrics lets go without a suffix.
        let mut metric =
            encoder.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Unknown)?;
        for (_, series, sum) in sums.series(&self.family) {
            metric.encode_family(&Verbatim(series.text()))?.encode_gauge(&sum.bytes)?;
        }
        Ok(())
    }
}

impl Samples {
    /// Everything from the labels of `_count` to the labels of the last bucket,
    /// and the count that both have.
    fn write_lines<'a>(
        &self,
        lines: &mut String,
        series: &Series,
        counts: &[u64],
        exemplar: impl Fn(usize) -> &'a str,
    ) -> u64 {
        let total: u64 = counts.iter().sum();
        let mut digits = itoa::Buffer::new();
        lines.clear();
        lines.extend([series.text(), "} ", digits.format(total), "\n"]);
        let mut cumulated = 0;
        let last = counts.len() - 1;
        for (index, (bound, count)) in self.bounds.iter().zip(counts).enumerate() {
            cumulated += count;
            lines.extend([&self.bucket, series.text(), bound]);
            if index < last {
                lines.extend(["} ", digits.format(cumulated), exemplar(index), "\n"]);
            }
        }
        total
    }
}

/// The text of one histogram, handed to prometheus-client as "labels".
///
/// Its encoder asks for the labels twice: for `_sum`, and for `_count`, whose
/// value it then writes. The second answer carries the value of `_count` and all
/// bucket lines up to the labels of `+Inf`, which has the very same value: so
/// `le` stands last, as the protocol has it, and each label set is written from
/// text that was escaped once. What must follow that last value, its exemplar, is
/// left for the end of the line.
struct HistogramText<'a> {
    labels: &'a str,
    lines: &'a str,
    last_exemplar: &'a str,
    sum_has_labels: Cell<bool>,
}

impl<'a> HistogramText<'a> {
    fn new(labels: &'a str, lines: &'a str, last_exemplar: &'a str) -> Self {
        Self { labels, lines, last_exemplar, sum_has_labels: Cell::new(false) }
    }
}

impl EncodeLabelSet for HistogramText<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), Error> {
        let mut label = encoder.encode_label();
        let mut key = label.encode_label_key()?;
        if !self.sum_has_labels.replace(true) {
            return key.write_str(self.labels);
        }
        if !self.last_exemplar.is_empty() {
            leave_for_end_of_line(self.last_exemplar);
        }
        key.write_str(self.lines)
    }
}

/// All shards of a family, added up: a row of words a series.
struct Sums {
    words: Vec<u64>,
    counts: usize,
}

/// One row of `Sums`.
struct Sum<'a> {
    nanos: u64,
    bytes: u64,
    counts: &'a [u64],
}

const NANOS: usize = 0;
const BYTES: usize = 1;
const HEAD: usize = 2;

impl Sums {
    fn of(family: &Family) -> Self {
        let counts = family.buckets().counts();
        let mut sums = Self { words: Vec::new(), counts };
        let mut row = vec![0; HEAD + counts];
        for lane in family.lanes() {
            for (series, shard) in lane.shards() {
                read(shard, &mut row);
                sums.add(series, &row);
            }
        }
        sums
    }

    fn add(&mut self, series: usize, row: &[u64]) {
        let start = series * row.len();
        if self.words.len() < start + row.len() {
            self.words.resize(start + row.len(), 0);
        }
        for (sum, word) in self.words[start..].iter_mut().zip(row) {
            *sum = sum.saturating_add(*word);
        }
    }

    /// The series that have counted something. One that a worker has made but
    /// not yet counted for would be a line of zeros.
    fn series<'a>(
        &'a self,
        family: &'a Family,
    ) -> impl Iterator<Item = (SeriesId, &'a Series, Sum<'a>)> {
        self.words.chunks_exact(HEAD + self.counts).enumerate().filter_map(|(id, row)| {
            let counts = &row[HEAD..];
            let id = SeriesId::try_from(id).ok()?;
            let series = family.series(id)?;
            let has_counted = counts.iter().any(|count| *count > 0);
            has_counted.then_some((
                id,
                series,
                Sum { nanos: row[NANOS], bytes: row[BYTES], counts },
            ))
        })
    }
}

/// Reads a shard, again if its writer was at work meanwhile: that takes the
/// writer some nanoseconds, unless its thread was put to sleep in between.
fn read(shard: Shard<'_>, row: &mut [u64]) {
    let ([nanos, bytes], counts) = row.split_at_mut(HEAD) else { return };
    let mut totals = Totals { nanos, bytes, counts };
    while !shard.try_read(&mut totals) {
        std::thread::yield_now();
    }
}
