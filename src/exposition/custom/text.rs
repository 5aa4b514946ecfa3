//! Reads the families in a page of the text format, line by line.

use std::collections::HashMap;

use super::builder::{FamilyBuilder, Origin};
use super::constant::Constant;
use super::family::CustomFamily;
use super::labels::{BLANKS, Label};
use super::line::{Line, parse_milliseconds, parse_name};
use super::names::{MetricType, Suffix};
use super::rejected::{Part, Reason, Rejected};
use crate::labels::{truncate, unescape};

/// Reads the families in `text`. Lines that are not valid are left out and returned with the
/// reason.
pub(crate) fn read<'a>(
    text: &'a str,
    constant: &'a Constant,
) -> (Vec<CustomFamily<'a>>, Vec<Rejected>) {
    let origin = Origin { constant, text: Some(text), prefix: "", can_be_apart: true };
    let mut reader =
        Reader { origin, drafts: Vec::new(), known: HashMap::new(), current: usize::MAX };
    let (mut labels, mut rejected) = (Vec::new(), Vec::new());
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        let line = line.trim_start_matches(BLANKS);
        let at = end - line.len();
        let line =
            line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
        let line = line.trim_end_matches(BLANKS);
        let read = match line.strip_prefix('#') {
            None if line.is_empty() => continue,
            None => reader.read_sample(line, at, &mut labels),
            Some(comment) => reader.read_comment(comment),
        };
        if let Err((name, reason)) = read {
            rejected.push(Rejected::new(Part::Line, truncate(name), reason));
        }
    }
    let mut families = Vec::new();
    for Draft { help, builder, .. } in reader.drafts {
        // Without valid samples there is nothing to show.
        let Some(builder) = builder else { continue };
        match builder.finish() {
            Ok(family) if family.lines.is_empty() => {}
            Ok(mut family) => {
                family.help = unescape(help.unwrap_or_default(), &['\\', 'n']).into();
                family.text_only = Some("its source is text; ask for the text format");
                families.push(family);
            }
            Err(reason) => rejected.push(reason),
        }
    }
    (families, rejected)
}

/// A line that is left out: the metric that it names, and the reason.
type InvalidLine<'a> = (&'a str, Reason);

#[derive(Debug)]
struct Reader<'a> {
    origin: Origin<'a>,
    drafts: Vec<Draft<'a>>,
    /// The index of each draft, by its name.
    known: HashMap<&'a str, usize>,
    /// The draft of the line before.
    current: usize,
}

/// A family in progress.
#[derive(Debug)]
struct Draft<'a> {
    /// The name in the text format.
    name: &'a str,
    help: Option<&'a str>,
    type_word: Option<&'a str>,
    /// Once there is a sample.
    builder: Option<FamilyBuilder<'a>>,
}

impl<'a> Reader<'a> {
    /// Reads what follows a `#`.
    fn read_comment(&mut self, comment: &'a str) -> Result<(), InvalidLine<'a>> {
        let (keyword, rest) = split_word(comment);
        if !["HELP", "TYPE"].contains(&keyword) {
            return Ok(());
        }
        let (name, value) = split_word(rest);
        self.current = self.known.get(name).copied().unwrap_or_else(|| self.insert(name));
        let draft = &mut self.drafts[self.current];
        let place = if keyword == "HELP" { &mut draft.help } else { &mut draft.type_word };
        let is_type = keyword == "HELP" || MetricType::from_text(name, value).is_some();
        if place.is_some() || draft.builder.is_some() || !is_type {
            return Err((name, Reason::InvalidLine));
        }
        *place = Some(value);
        Ok(())
    }

    fn read_sample(
        &mut self,
        line: &'a str,
        at: usize,
        labels: &mut Vec<Label<'a>>,
    ) -> Result<(), InvalidLine<'a>> {
        let current = self.drafts.get_mut(self.current);
        if let Some(builder) = current.and_then(|draft| draft.builder.as_mut()) {
            let end = builder.push_lines(at, at + line.len());
            if end.map_err(|reason| (parse_name(line).0, reason))? > at {
                return Ok(());
            }
        }
        let sample = Line::parse(line, labels).map_err(|reason| (parse_name(line).0, reason))?;
        let name = sample.name;
        let invalid = |reason| (name, reason);
        let timestamp = sample.timestamp.map(|word| parse_milliseconds(word).ok_or(()));
        let (Ok(timestamp), None) = (timestamp.transpose(), &sample.exemplar) else {
            return Err(invalid(Reason::InvalidSample(name.to_owned())));
        };
        self.current = self.find(name).unwrap_or_else(|| self.insert(name));
        let draft = &mut self.drafts[self.current];
        let suffix = draft.suffix_of(name);
        let suffix = suffix.ok_or_else(|| invalid(Reason::InvalidSample(name.to_owned())))?;
        let builder = draft.builder(self.origin).map_err(|rejected| invalid(rejected.reason))?;
        builder.push_parsed(at, line, sample, suffix, timestamp, labels).map_err(invalid)
    }

    /// The draft that a sample with this name belongs to.
    fn find(&self, sample: &str) -> Option<usize> {
        let is_part = |index: &usize| {
            let draft = self.drafts.get(*index);
            draft.is_some_and(|draft| draft.suffix_of(sample).is_some())
        };
        let stems = ["", "_bucket", "_count", "_sum"];
        let mut stems = stems.iter().filter_map(|suffix| sample.strip_suffix(suffix));
        Some(self.current).filter(is_part).or_else(|| {
            // A family with the whole name is before one with a stem of it.
            let whole = self.known.get(stems.next()?).copied();
            whole.or_else(|| stems.filter_map(|stem| self.known.get(stem).copied()).find(is_part))
        })
    }

    fn insert(&mut self, name: &'a str) -> usize {
        let index = self.drafts.len();
        self.drafts.push(Draft { name, help: None, type_word: None, builder: None });
        self.known.insert(name, index);
        index
    }
}

impl<'a> Draft<'a> {
    /// The name and the type of the family. One without a type is untyped.
    fn family(&self) -> (&'a str, MetricType) {
        let family = MetricType::from_text(self.name, self.type_word.unwrap_or_default());
        family.unwrap_or((self.name, MetricType::Unknown))
    }

    fn suffix_of(&self, sample: &str) -> Option<Suffix> {
        let (name, metric_type) = self.family();
        // A time of creation is a family of its own.
        metric_type.suffix_of(name, sample).filter(|suffix| *suffix != Suffix::Created)
    }

    fn builder(&mut self, origin: Origin<'a>) -> Result<&mut FamilyBuilder<'a>, Rejected> {
        let (name, metric_type) = self.family();
        match &mut self.builder {
            Some(builder) => Ok(builder),
            none => Ok(none.insert(FamilyBuilder::new(name, metric_type, origin)?)),
        }
    }
}

/// The first word, and what follows it after blanks.
fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(BLANKS);
    let (word, rest) = text.split_once(BLANKS).unwrap_or((text, ""));
    (word, rest.trim_start_matches(BLANKS))
}
