//! Builds a family from its samples, each of which is checked.

use std::borrow::Cow;

use memchr::memchr2;

use super::constant::Constant;
use super::family::CustomFamily;
use super::key::{Key, KeyWriter};
use super::labels::{Label, check_names, write_labels};
use super::line::{Line, is_spelled, spelling};
use super::lines::Lines;
use super::names::{MetricType, Suffix, is_metric_name};
use super::points::Points;
use super::rejected::{Reason, Rejected};
use super::sample::{NewSample, limit_key, parse_limit, take_limit};
use super::template::{Filled, Template};

/// Where samples come from, as far as it matters for how they are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    pub(super) constant: &'a Constant,
    /// The text that contains the lines of the samples. `None` if they are not lines; label
    /// values are not escaped then.
    pub(super) text: Option<&'a str>,
    /// What is before each name.
    pub(super) prefix: &'a str,
    /// Whether the samples of one label set can be apart.
    pub(super) can_be_apart: bool,
}

/// A family in progress. The labels of its samples live for `'a`.
#[derive(Debug)]
pub(super) struct FamilyBuilder<'a> {
    pub(super) family: CustomFamily<'a>,
    origin: Origin<'a>,
    lines: Lines<'a>,
    points: Points<'a>,
    /// One for each suffix.
    templates: Vec<Template<'a>>,
    /// The template of the line before.
    current: usize,
    key_writer: KeyWriter<'a>,
    /// The labels of the sample in progress.
    key: String,
}

impl<'a> FamilyBuilder<'a> {
    pub(super) fn new(
        name: &'a str,
        metric_type: MetricType,
        origin: Origin<'a>,
    ) -> Result<Self, Rejected> {
        if !is_metric_name(name) {
            return Err(Rejected::family(name, Reason::InvalidName));
        }
        let family = CustomFamily {
            name,
            metric_type,
            unit: "",
            help: Cow::Borrowed(""),
            lines: Cow::Borrowed(""),
            in_text: Vec::new(),
            text_only: None,
        };
        Ok(Self {
            family,
            origin,
            lines: Lines::new(origin.text.unwrap_or_default()),
            points: Points::new(name, metric_type, origin.can_be_apart),
            templates: Vec::new(),
            current: 0,
            key_writer: KeyWriter::default(),
            key: String::new(),
        })
    }

    /// Reserves room for samples, whose lines have this length in all.
    pub(super) fn reserve(&mut self, samples: usize, length: usize) {
        self.points.reserve(samples);
        // Otherwise the lines are usually a part of the source.
        if !self.origin.prefix.is_empty() || !self.origin.constant.text.is_empty() {
            self.lines.reserve(length);
        }
    }

    /// Adds the lines of the source from `start` on as long as they differ from a line before
    /// in values only. Returns where they end.
    pub(super) fn push_lines(&mut self, start: usize, end: usize) -> Result<usize, Reason> {
        let mut at = start;
        let source = self.origin.text.unwrap_or_default();
        let prefix = self.origin.prefix;
        while at < end {
            let text = &source[at..end];
            let template = self.templates.get_mut(self.current);
            let filled = template.and_then(|template| template.fill(text));
            let Some(filled) = filled.or_else(|| self.fill_other(text)) else { break };
            let suffix = self.templates[self.current].suffix;
            let limit = filled.limit.map(|limit| parse_limit(suffix, limit)).transpose()?;
            let length = filled.line.len();
            // A line break can be in a name, unless the next line begins with the prefix.
            let is_line =
                prefix.is_empty() || length == text.len() || text[length + 1..].starts_with(prefix);
            if !is_line || !limit.zip(filled.limit).is_none_or(is_spelled) {
                break;
            }
            self.points.add(suffix, Key::Kept(filled.key), limit, filled.number)?;
            self.add_line(at + prefix.len(), &filled.line[prefix.len()..]);
            at += length + 1;
        }
        Ok(at)
    }

    /// Fills another template than the current one, which it becomes.
    fn fill_other(&mut self, text: &'a str) -> Option<Filled<'a>> {
        let templates = self.templates.iter_mut().enumerate();
        let mut filled =
            templates.filter_map(|(index, template)| Some((index, template.fill(text)?)));
        let (index, filled) = filled.next()?;
        self.current = index;
        Some(filled)
    }

    /// Adds a sample that was read from the line at `at` of the source, with its labels.
    pub(super) fn push_parsed(
        &mut self,
        at: usize,
        line: &'a str,
        sample: Line<'a>,
        suffix: Suffix,
        timestamp: Option<f64>,
        labels: &mut Vec<Label<'a>>,
    ) -> Result<(), Reason> {
        check_names(labels)?;
        let metric_type = self.family.metric_type;
        let limit_key = limit_key(metric_type, suffix);
        let prefix = self.origin.prefix;
        let template = || Template::new(line, prefix, sample.name, suffix, limit_key, labels);
        let template = sample.is_canonical.then(template);
        let prefix = prefix.len();
        let new = NewSample {
            suffix,
            limit: take_limit(metric_type, suffix, labels)?,
            value: sample.value,
            number: sample.number,
            timestamp,
            exemplar: sample.exemplar.flatten(),
            line: sample.is_canonical.then(|| (at + prefix, &line[prefix..])),
        };
        self.set_labels(labels)?;
        self.push(&new)?;
        if let Some(template) = template {
            self.keep(template, line);
        }
        Ok(())
    }

    /// Sets the labels of the next samples, whose names are valid and differ.
    pub(super) fn set_labels(&mut self, labels: &[Label<'a>]) -> Result<(), Reason> {
        let constant = self.origin.constant;
        if let Some((name, _)) = labels.iter().find(|(name, _)| constant.has(name)) {
            return Err(Reason::RepeatedLabel((*name).to_owned()));
        }
        self.key_writer.write(&mut self.key, labels, self.origin.text.is_some());
        Ok(())
    }

    /// Adds a sample, or nothing if it is not valid.
    pub(super) fn push(&mut self, sample: &NewSample<'_>) -> Result<(), Reason> {
        let limit = sample.limit.map(|limit| parse_limit(sample.suffix, limit)).transpose()?;
        let limit_key = limit_key(self.family.metric_type, sample.suffix);
        if let Some(key) = limit_key.filter(|key| self.origin.constant.has(key)) {
            return Err(Reason::RepeatedLabel(key.to_owned()));
        }
        self.points.add(sample.suffix, Key::Copied(&self.key), limit, sample.number)?;
        let is_copied = limit.zip(sample.limit).is_none_or(is_spelled);
        let is_copied = is_copied && sample.suffix != Suffix::Created;
        match sample.line.filter(|_| is_copied) {
            Some((at, line)) => self.add_line(at, line),
            None => self.write(sample, limit),
        }
        Ok(())
    }

    /// Keeps the template of the line that was added last, if its labels are in the order of
    /// the key. Times of creation have lines that the text format leaves out.
    fn keep(&mut self, mut template: Template<'a>, line: &'a str) {
        let filled = template.fill(line);
        if template.suffix == Suffix::Created || filled.is_none_or(|filled| filled.key != self.key)
        {
            return;
        }
        match self.templates.iter_mut().find(|known| known.suffix == template.suffix) {
            Some(known) => *known = template,
            None => self.templates.push(template),
        }
    }

    /// Ends the family.
    pub(super) fn finish(mut self) -> Result<CustomFamily<'a>, Rejected> {
        let text_only = self.points.end();
        let text_only = text_only.map_err(|reason| Rejected::family(self.family.name, reason))?;
        self.family.text_only = text_only;
        self.family.lines = self.lines.finish();
        Ok(self.family)
    }

    /// Adds the canonical line at `at` of the source, with the constant labels.
    fn add_line(&mut self, at: usize, line: &str) {
        let constant = &self.origin.constant.text;
        if constant.is_empty() {
            self.lines.add(at, line.len());
            return;
        }
        let end_of_name = memchr2(b'{', b' ', line.as_bytes()).unwrap_or(line.len());
        let (name, rest) = line.split_at(end_of_name);
        let (comma, rest) = match rest.strip_prefix('{') {
            Some(labels) => (",", labels),
            None => ("}", rest),
        };
        self.lines.text().extend([name, "{", constant, comma, rest, "\n"]);
    }

    /// Adds a line made of the parts of a sample.
    fn write(&mut self, sample: &NewSample<'_>, limit: Option<f64>) {
        let text = self.lines.text();
        let line_start = text.len();
        text.extend([self.family.name, sample.suffix.as_str(), "{"]);
        let start = text.len();
        let mut separate = |part: &str| {
            if !part.is_empty() {
                text.extend([part, ","]);
            }
        };
        separate(&self.origin.constant.text);
        let limit_key = limit_key(self.family.metric_type, sample.suffix);
        if let (Some(key), Some(limit), Some(limit_text)) = (limit_key, limit, sample.limit) {
            separate(&format!("{key}=\"{}\"", spelling(limit, limit_text)));
        }
        separate(&self.key);
        // The last comma, or the brace.
        text.pop();
        if text.len() >= start {
            text.push('}');
        }
        text.extend([" ", spelling(sample.number, sample.value)]);
        let value_end = text.len();
        if let Some(seconds) = sample.timestamp {
            text.push_str(&format!(" {seconds}"));
        }
        if let Some(exemplar) = &sample.exemplar {
            text.push_str(" # {");
            write_labels(text, &exemplar.labels, true);
            text.extend(["} ", spelling(exemplar.number, exemplar.value)]);
            text.extend(exemplar.timestamp.iter().flat_map(|at| [" ", at]));
        }
        text.push('\n');
        self.write_text(sample, line_start, value_end);
    }

    /// Notes what the text format has for the line that was written. It has no exemplars and no
    /// times of creation, which would be families of their own, and its timestamps are in
    /// milliseconds.
    fn write_text(&mut self, sample: &NewSample<'_>, line_start: usize, value_end: usize) {
        let end = self.lines.text().len();
        let line_end = end - 1;
        let timestamp = sample.timestamp.map(|seconds| format!(" {:.0}", seconds * 1e3));
        if sample.suffix == Suffix::Created {
            self.family.in_text.push((line_start..end, String::new()));
        } else if value_end < line_end {
            self.family.in_text.push((value_end..line_end, timestamp.unwrap_or_default()));
        }
    }
}
