//! The samples of one family, checked.

use std::ops::Range;

use super::line::{Label, Sample};
use super::names::{MetricType, Suffix};
use super::points::Points;
use super::rejected::Reason;

/// The sample lines of a family, as OpenMetrics has them.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    pub(crate) lines: String,
    /// What the text format has differently, in the order of the lines.
    pub(crate) edits: Vec<Edit>,
    /// Why OpenMetrics does not allow these samples.
    pub(crate) text_only: Option<&'static str>,
    pub(crate) has_invalid_exemplar: bool,
}

/// A part of the lines that the text format has differently.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    /// What it has instead.
    pub(crate) text: String,
}

impl Samples {
    /// Reads the sample lines of a family. Each begins with `prefix`, which is left out.
    pub(crate) fn read(
        prefix: &str,
        name: &str,
        metric_type: MetricType,
        lines: &[&str],
    ) -> Result<Self, Reason> {
        let capacity = lines.iter().map(|line| line.len() + 1).sum();
        let mut samples = Self { lines: String::with_capacity(capacity), ..Self::default() };
        let mut points = Points::new(metric_type);
        let mut labels = Vec::new();
        for line in lines {
            let line = line.strip_prefix(prefix).unwrap_or(line);
            let sample = Sample::parse(line, &mut labels)?;
            let suffix = sample.name.strip_prefix(name);
            let mut suffixes = metric_type.suffixes().iter();
            let suffix = suffixes.find(|known| suffix == Some(known.as_str()));
            let suffix = suffix.ok_or_else(|| Reason::InvalidSample(sample.name.to_owned()))?;
            samples.push(&sample, *suffix, &labels);
            points.add(&sample, *suffix, &mut labels)?;
        }
        samples.text_only = points.end()?;
        Ok(samples)
    }

    fn push(&mut self, sample: &Sample<'_>, suffix: Suffix, labels: &[Label<'_>]) {
        let (start, edits) = (self.lines.len(), self.edits.len());
        self.lines.push_str(sample.name);
        if !labels.is_empty() {
            self.push_labels(labels);
        }
        self.lines.extend([" ", sample.value]);
        if let Some(seconds) = sample.timestamp {
            let at = self.lines.len();
            self.lines.push_str(&format!(" {seconds}"));
            self.edit(at, format!(" {:.0}", seconds * 1e3));
        }
        match &sample.exemplar {
            Some(Some(exemplar)) if matches!(suffix, Suffix::Total | Suffix::Bucket) => {
                let at = self.lines.len();
                self.lines.push_str(" # ");
                self.push_labels(&exemplar.labels);
                self.lines.push_str(exemplar.end);
                self.edit(at, String::new());
            }
            Some(_) => self.has_invalid_exemplar = true,
            None => {}
        }
        self.lines.push('\n');
        // In the text format it would be a family of its own.
        if suffix == Suffix::Created {
            self.edits.truncate(edits);
            self.edit(start, String::new());
        }
    }

    fn push_labels(&mut self, labels: &[Label<'_>]) {
        let mut before = "{";
        for (name, value) in labels {
            self.lines.extend([before, name, "=\"", value, "\""]);
            before = ",";
        }
        self.lines.push_str(if labels.is_empty() { "{}" } else { "}" });
    }

    fn edit(&mut self, start: usize, text: String) {
        self.edits.push(Edit { range: start..self.lines.len(), text });
    }
}

#[cfg(test)]
mod tests {
    use super::{MetricType, Samples};
    use crate::exposition::custom::rejected::Reason;

    fn read(metric_type: MetricType, lines: &str) -> Result<Samples, Reason> {
        let lines: Vec<_> = lines.lines().collect();
        Samples::read("p_", "a", metric_type, &lines)
    }

    fn without(line: &str) -> String {
        HISTOGRAM.replace(line, "")
    }

    const HISTOGRAM: &str = "p_a_sum{x=\"1\"} 1.5\np_a_count{x=\"1\"} 3\n\
                             p_a_bucket{le=\"1.0\",x=\"1\"} 2\np_a_bucket{le=\"+Inf\",x=\"1\"} 3\n";

    #[test]
    fn samples_of_each_type_are_kept_without_the_prefix() {
        for (metric_type, lines) in [
            (MetricType::Counter, "p_a_total 1\n"),
            (MetricType::Counter, "p_a_created{x=\"1\"} 1\np_a_total{x=\"1\"} 1\n"),
            (MetricType::Gauge, "p_a{x=\"1\"} -1e-7\np_a{x=\"2\"} NaN\np_a{y=\"1\"} inf\n"),
            (MetricType::Gauge, "p_a{le=\"x\",quantile=\"\"} -inf\n"),
            (MetricType::Info, "p_a_info{x=\"1\"} 1\np_a_info{x=\"2\"} 1\n"),
            (MetricType::Unknown, "p_a 1.0\n"),
            (MetricType::Histogram, HISTOGRAM),
            (MetricType::Histogram, &(HISTOGRAM.to_owned() + &HISTOGRAM.replace("x=", "y="))),
            (MetricType::Histogram, ""),
        ] {
            let samples = read(metric_type, lines).expect("the samples are valid");
            assert_eq!(samples.lines, lines.replace("p_a", "a"));
            assert_eq!(samples.text_only, None);
        }
    }

    #[test]
    fn samples_of_another_type_or_family_are_refused() {
        for (metric_type, lines) in [
            (MetricType::Counter, "p_a 1\n"),
            (MetricType::Counter, "p_a_total 1\np_a_count 1\n"),
            (MetricType::Gauge, "p_a_total 1\n"),
            (MetricType::Gauge, "p_b 1\n"),
            (MetricType::Gauge, "p_ab 1\n"),
            (MetricType::Gauge, "p_a 1\n\n"),
            (MetricType::Unknown, "p_a_info 1\n"),
            (MetricType::Info, "p_a_total 1\n"),
            (MetricType::Histogram, "p_a 1\n"),
        ] {
            let refused = read(metric_type, lines).map(|samples| samples.lines);
            assert!(matches!(refused, Err(Reason::InvalidSample(_))), "{lines}: {refused:?}");
        }
    }

    #[test]
    fn a_sample_that_repeats_is_refused() {
        for (metric_type, lines) in [
            (MetricType::Gauge, "p_a 1\np_a 2\n"),
            (MetricType::Gauge, "p_a 1\np_a{} 1\n"),
            (MetricType::Gauge, "p_a 1 1\np_a 1 2\n"),
            (MetricType::Gauge, "p_a{x=\"1\",y=\"2\"} 1\np_a 1\np_a{y=\"2\",x=\"1\"} 1\n"),
            (MetricType::Counter, "p_a_total 1\np_a_created 1\np_a_total 1\n"),
            (MetricType::Counter, "p_a_total{x=\"1\"} 1\np_a_total 1\np_a_created{x=\"1\"} 1\n"),
            (MetricType::Info, "p_a_info 1\np_a_info 1\n"),
            (
                MetricType::Histogram,
                &HISTOGRAM.replace("p_a_sum{x=\"1\"} 1.5", "p_a_count{x=\"1\"} 3"),
            ),
            (
                MetricType::Histogram,
                &format!("{HISTOGRAM}{}{HISTOGRAM}", HISTOGRAM.replace("x=", "y=")),
            ),
        ] {
            let refused = read(metric_type, lines).map(|samples| samples.lines);
            assert!(matches!(refused, Err(Reason::RepeatedSample(_))), "{lines}: {refused:?}");
        }
        let refused = read(MetricType::Gauge, "p_a{x=\"1\",y=\"2\",x=\"1\"} 1\n").map(|_| ());
        assert_eq!(refused, Err(Reason::RepeatedLabel("x".to_owned())));
    }

    #[test]
    fn samples_that_do_not_fit_the_type_are_refused() {
        for (metric_type, lines) in [
            (MetricType::Counter, "p_a_created 1\n".to_owned()),
            (MetricType::Info, "p_a_info 2\n".to_owned()),
            (MetricType::Histogram, without("p_a_sum{x=\"1\"} 1.5\n")),
            (MetricType::Histogram, without("p_a_count{x=\"1\"} 3\n")),
            (MetricType::Histogram, without("p_a_bucket{le=\"+Inf\",x=\"1\"} 3\n")),
            (MetricType::Histogram, HISTOGRAM.replace("+Inf", "1")),
            (MetricType::Histogram, HISTOGRAM.replace("1.0", "NaN")),
            (MetricType::Histogram, HISTOGRAM.replace("1.0", "")),
            (MetricType::Histogram, HISTOGRAM.replace("le=\"1.0\",", "")),
            (MetricType::Histogram, HISTOGRAM.replace("} 2", "} 4")),
            (MetricType::Histogram, HISTOGRAM.replace("} 2", "} NaN")),
            (MetricType::Histogram, HISTOGRAM.replacen("x=", "y=", 1)),
        ] {
            let refused = read(metric_type, &lines).map(|samples| samples.lines);
            assert!(matches!(refused, Err(Reason::Incomplete(_))), "{lines}: {refused:?}");
        }
    }

    #[test]
    fn what_only_the_text_format_allows_is_noted() {
        for (metric_type, lines) in [
            (MetricType::Counter, "p_a_total 1\np_a_total{x=\"1\"} -1\n".to_owned()),
            (MetricType::Counter, "p_a_total NaN\np_a_total{x=\"1\"} 1\n".to_owned()),
            (MetricType::Histogram, HISTOGRAM.replace("count{x=\"1\"} 3", "count{x=\"1\"} 4")),
            (MetricType::Histogram, HISTOGRAM.replace("1.5", "NaN")),
            (MetricType::Histogram, HISTOGRAM.replace("1.5", "-1.5")),
            (MetricType::Histogram, HISTOGRAM.replace("1.0", "-1.0")),
        ] {
            let samples = read(metric_type, &lines).expect("the samples are valid");
            assert!(samples.text_only.is_some(), "{lines}");
            assert_eq!(samples.lines, lines.replace("p_a", "a"));
        }
    }
}
