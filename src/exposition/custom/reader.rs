//! Reads the families in the text of a registry of prometheus-client.

use std::collections::HashMap;
use std::ops::Range;

use memchr::memchr_iter;

use super::builder::{FamilyBuilder, NewSample, Origin};
use super::family::CustomFamily;
use super::line::{Label, Line, parse_seconds};
use super::names::{MetricType, Suffix, is_metric_name};
use super::rejected::{Part, Reason, Rejected};

const HELP: &str = "# HELP ";

/// What descriptor lines begin with.
const KEYWORDS: [&str; 3] = [HELP, "# TYPE ", "# UNIT "];

/// The lines of one family, in any order.
#[derive(Debug, Default)]
struct Draft<'a> {
    /// What follows each keyword, from the name on.
    descriptors: [Option<&'a str>; 3],
    /// The indexes of its samples among all lines.
    samples: Range<usize>,
}

/// How the text of a registry is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// What all names begin with, unless it is a registry that the app created.
    pub(super) prefix: &'a str,
    pub(super) is_help_escaped: bool,
    pub(super) origin: Origin<'a>,
}

impl Reader<'_> {
    /// Reads the families in `text`. Families that are not valid are left out and returned
    /// with the reason.
    pub(super) fn read(mut self, text: &str) -> (Vec<CustomFamily>, Vec<Rejected>) {
        let has_prefix = descriptor(text, self.prefix).is_some();
        if !has_prefix {
            self.prefix = "";
        }
        let lines = split(text, self.prefix);
        let drafts = group(&lines, self.prefix);
        let suspects =
            if has_prefix || self.is_help_escaped { Vec::new() } else { suspects(&drafts) };
        let (mut families, mut rejected) = (Vec::new(), Vec::new());
        for (index, draft) in drafts.iter().enumerate() {
            match self.read_draft(draft, &lines[draft.samples.clone()], &mut rejected) {
                Ok(family) if suspects.iter().any(|suspects| suspects.contains(&index)) => {
                    rejected.push(Rejected::family(&family.name, Reason::Unreadable));
                }
                Ok(family) => families.push(family),
                Err(reason) => rejected.push(reason),
            }
        }
        (families, rejected)
    }

    fn read_draft(
        &self,
        draft: &Draft<'_>,
        samples: &[&str],
        rejected: &mut Vec<Rejected>,
    ) -> Result<CustomFamily, Rejected> {
        let [help, type_line, unit] = draft.descriptors;
        let unreadable = || {
            let name = first_word(help.or(type_line).unwrap_or_default());
            Rejected::family(name, Reason::Unreadable)
        };
        let type_line = type_line.and_then(|line| line.rsplit_once(' '));
        let (name, word) = type_line.ok_or_else(unreadable)?;
        if !is_metric_name(name) {
            return Err(Rejected::family(name, Reason::InvalidName));
        }
        let behind_name = |line: Option<&str>| match line {
            Some(line) => line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned),
            None => Some(String::new()),
        };
        let help = behind_name(help).ok_or_else(unreadable)?;
        let is_end_of_name = |unit: &String| {
            unit.is_empty() || name.strip_suffix(unit).is_some_and(|name| name.ends_with('_'))
        };
        let unit = behind_name(unit).filter(is_end_of_name).ok_or_else(unreadable)?;
        let metric_type = MetricType::from_word(word)
            .ok_or_else(|| Rejected::family(name, Reason::UnsupportedType(word.to_owned())))?;
        let mut builder = FamilyBuilder::new(name, metric_type, self.origin)?;
        builder.family.help =
            if self.is_help_escaped { unescape(&help, &['\\', '"', 'n']) } else { help };
        builder.family.unit = unit;
        let has_invalid_exemplar = self
            .read_samples(samples, &mut builder)
            .map_err(|reason| Rejected::family(name, reason))?;
        if has_invalid_exemplar {
            rejected.push(Rejected::new(Part::Exemplar, name, Reason::InvalidExemplar));
        }
        builder.finish()
    }

    /// Returns whether an exemplar is left out.
    fn read_samples<'a>(
        &self,
        lines: &[&'a str],
        builder: &mut FamilyBuilder<'a>,
    ) -> Result<bool, Reason> {
        let mut labels = Vec::new();
        let mut has_invalid_exemplar = false;
        let length = lines.iter().map(|line| line.len()).sum();
        builder.family.text.reserve(length);
        builder.family.samples.reserve(lines.len());
        for line in lines {
            let line = line.strip_prefix(self.prefix).unwrap_or(line);
            let line = Line::parse(line, &mut labels)?;
            let invalid = || Reason::InvalidSample(line.name.to_owned());
            let family = &builder.family;
            let suffix = family.metric_type.suffix_of(&family.name, line.name);
            let suffix = suffix.ok_or_else(invalid)?;
            let timestamp = line.timestamp.map(|word| parse_seconds(word).ok_or_else(invalid));
            let has_exemplar = line.exemplar.is_some();
            let exemplar = line.exemplar.flatten();
            let exemplar = exemplar.filter(|_| matches!(suffix, Suffix::Total | Suffix::Bucket));
            has_invalid_exemplar |= has_exemplar && exemplar.is_none();
            let sample = NewSample {
                suffix,
                limit: take_limit(family.metric_type, suffix, &mut labels)?,
                value: line.value,
                number: line.number,
                timestamp: timestamp.transpose()?,
                exemplar,
            };
            builder.push(&sample, &labels)?;
        }
        Ok(has_invalid_exemplar)
    }
}

/// Takes the `le` of a bucket or the `quantile` of a summary out of its labels.
pub(super) fn take_limit<'a>(
    metric_type: MetricType,
    suffix: Suffix,
    labels: &mut Vec<Label<'a>>,
) -> Result<Option<&'a str>, Reason> {
    let key = match (metric_type, suffix) {
        (MetricType::Histogram, Suffix::Bucket) => "le",
        (MetricType::Summary, Suffix::None) => "quantile",
        _ => return Ok(None),
    };
    match labels.iter().position(|(name, _)| *name == key) {
        Some(at) => Ok(Some(labels.remove(at).1)),
        None => Err(Reason::Incomplete("a `le` or `quantile` is missing")),
    }
}

/// Splits `text` into lines. Some have line breaks: a help text can, and so can names that
/// are not valid.
fn split<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line_break in memchr_iter(b'\n', text.as_bytes()) {
        let next = &text[line_break + 1..];
        // Without a prefix a line of a help text can look like a sample.
        let is_in_help = prefix.is_empty() && text[start..].starts_with(HELP);
        let is_descriptor = descriptor(next, prefix).is_some();
        if next.is_empty() || is_descriptor || !is_in_help && next.starts_with(prefix) {
            lines.push(&text[start..line_break]);
            start = line_break + 1;
        }
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

/// Groups lines by family: the descriptors of one are together, its samples follow them.
fn group<'a>(lines: &[&'a str], prefix: &str) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    let mut draft = Draft::default();
    for (index, line) in lines.iter().enumerate() {
        let Some((keyword, rest)) = descriptor(line, prefix) else {
            draft.samples.end = index + 1;
            continue;
        };
        if !draft.samples.is_empty() || draft.descriptors[keyword].is_some() {
            drafts.push(std::mem::take(&mut draft));
        }
        draft.descriptors[keyword] = Some(rest);
        draft.samples = index + 1..index + 1;
    }
    if !lines.is_empty() {
        drafts.push(draft);
    }
    drafts
}

/// The keyword of a line that begins with one, and what follows it and the prefix.
fn descriptor<'a>(line: &'a str, prefix: &str) -> Option<(usize, &'a str)> {
    // Most lines are samples.
    if !line.starts_with('#') {
        return None;
    }
    let keyword = KEYWORDS.iter().position(|keyword| line.starts_with(keyword))?;
    Some((keyword, line[KEYWORDS[keyword].len()..].strip_prefix(prefix)?))
}

/// The ranges of drafts that can be parts of one help text.
///
/// If a help text contains what looks like other families, then the `# HELP` line of its
/// family is before them and the `# TYPE` line behind them. So a range begins and ends with
/// descriptors of the same name.
fn suspects(drafts: &[Draft<'_>]) -> Vec<Range<usize>> {
    let mut spans: HashMap<&str, Range<usize>> = HashMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        for descriptor in draft.descriptors.iter().flatten() {
            spans.entry(first_word(descriptor)).or_insert(index..index + 1).end = index + 1;
        }
    }
    spans.into_values().filter(|span| span.len() > 1).collect()
}

/// Resolves the escapes of a help text or a label value: a backslash before one of these characters.
pub(crate) fn unescape(help: &str, escapes: &[char]) -> String {
    let mut unescaped = String::with_capacity(help.len());
    let mut characters = help.chars();
    while let Some(character) = characters.next() {
        match (character, characters.as_str().chars().next()) {
            ('\\', Some(escaped)) if escapes.contains(&escaped) => {
                unescaped.push(if escaped == 'n' { '\n' } else { escaped });
                characters.next();
            }
            _ => unescaped.push(character),
        }
    }
    unescaped
}

fn first_word(text: &str) -> &str {
    text.split([' ', '\n']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Origin, Reader, unescape};
    use crate::exposition::custom::builder::Constant;
    use crate::exposition::custom::family::CustomFamily;
    use crate::exposition::format::Format;
    use crate::exposition::writer::PageWriter;

    /// The samples as OpenMetrics has them.
    fn lines(family: &CustomFamily) -> String {
        let mut writer = PageWriter::new(Format::OpenMetrics, 0);
        family.write(&mut writer).expect("the format allows it");
        let page = writer.page().lines().filter(|line| !line.starts_with("# "));
        page.map(|line| format!("{line}\n")).collect()
    }

    /// The families and what is left out, as text.
    fn outcome(text: &str, prefix: &str, is_help_escaped: bool) -> (Vec<String>, Vec<String>) {
        let constant = &Constant::new([].into());
        let origin = Origin { constant, is_escaped: true, can_be_apart: false };
        let (families, rejected) = Reader { prefix, is_help_escaped, origin }.read(text);
        let families = families.into_iter().map(|family| {
            let (word, lines) = (family.metric_type.word(), lines(&family));
            format!("{} {word} {} {:?} {lines:?}", family.name, family.unit, family.help)
        });
        let rejected = rejected.into_iter().map(|rejected| rejected.name);
        (families.collect(), rejected.collect())
    }

    #[test]
    fn descriptors_are_read_in_any_order_and_need_no_samples() {
        for (text, family) in [
            ("# HELP p_a b c\n# TYPE p_a gauge\np_a 1\n", r#"a gauge  "b c" "a 1\n""#),
            (
                "# TYPE p_a_s gauge\n# UNIT p_a_s s\n# HELP p_a_s b\np_a_s 1\n",
                r#"a_s gauge s "b" "a_s 1\n""#,
            ),
            ("# HELP p_a b\n# TYPE p_a unknown\n", r#"a unknown  "b" """#),
            ("# TYPE p_a gauge\np_a 1\n", r#"a gauge  "" "a 1\n""#),
            ("# HELP p_a \n# TYPE p_a gauge\n", r#"a gauge  "" """#),
            ("# HELP p_a   b \n# TYPE p_a gauge\n", r#"a gauge  "  b " """#),
            ("# HELP p_a \n\n\n# TYPE p_a gauge\n", r#"a gauge  "\n\n" """#),
        ] {
            assert_eq!(outcome(text, "p_", false), (vec![family.to_owned()], vec![]));
            let text = text.replace("p_", "");
            if !text.ends_with("HELP a_s b\na_s 1\n") {
                assert_eq!(outcome(&text, "p_", false), (vec![family.to_owned()], vec![]));
            }
        }
        assert_eq!(outcome("", "p_", false), (vec![], vec![]));
    }

    #[test]
    fn what_is_not_a_family_is_left_out_and_its_neighbours_are_kept() {
        for (lines, name) in [
            ("# HELP p_ b\n# TYPE p_ gauge\np_ 1\n", ""),
            ("# HELP p_1st b\n# TYPE p_1st gauge\np_1st 1\n", "1st"),
            ("# HELP p_x y b\n# TYPE p_x y gauge\np_x y 1\n", "x y"),
            ("# HELP p_x\ny b\n# TYPE p_x\ny gauge\np_x\ny 1\n", "x\ny"),
            ("# HELP p_x b\n# TYPE p_x stateset\np_x 1\n", "x"),
            ("# HELP p_x b\n# TYPE p_x gauge\np_x 1 x\n", "x"),
            ("# HELP p_x b\n# TYPE p_x gauge\np_x 1 inf\n", "x"),
            ("# HELP p_x b\n# TYPE p_y gauge\np_y 1\n", "x"),
            ("# HELP p_x b\n# TYPE p_x\np_x 1\n", "x"),
            ("# HELP p_x b\n# TYPE p_x gauge\n# UNIT p_y y\np_x 1\n", "x"),
            ("# HELP p_x b\n# TYPE p_x gauge\n# UNIT p_x x\np_x 1\n", "x"),
            ("# HELP p_x b\n# TYPE p_x gauge\np_x 1\nx 1\n", "x"),
            ("# HELP p_x b\n# TYPE p_x gauge\np_x 1\n\n", "x"),
            ("# HELP p_x b\n# TYPE p_x gauge\np_x 1\n# HELP y b\n# TYPE y gauge\ny 1\n", "x"),
            ("# HELP p_x b\np_x 1\n", "x"),
        ] {
            let (before, after) = ("# HELP p_a b\n# TYPE p_a gauge\n", "# TYPE p_c gauge\n");
            let (families, rejected) = outcome(&format!("{before}{lines}{after}"), "p_", false);
            assert_eq!(families, [r#"a gauge  "b" """#, r#"c gauge  "" """#], "{lines}");
            assert_eq!(rejected, [name], "{lines}");
        }
    }

    /// A help text that looks like other families, in a registry with and without a prefix.
    #[test]
    fn a_help_text_cannot_forge_a_sample() {
        let before = "# HELP p_a b\n# TYPE p_a gauge\np_a 1\n";
        let after = "# HELP p_c b\n# TYPE p_c gauge\np_c 1\n";
        for help in [
            "b\n# TYPE x counter\nx_total 5\n# HELP x b",
            "b\n# TYPE x counter\nx_total 5\n# HELP y b",
            "b\n# TYPE x counter\nx_total 5\n# TYPE y counter",
            "b\n# TYPE x counter\nx_total 5\n# UNIT x x",
            "b\n# TYPE x counter\nx_total 5",
            "b\n# HELP y b\n# TYPE y counter\ny_total 5\n# HELP x b",
            "b\n# HELP y b\n# TYPE y counter\ny_total 5\n# HELP z b",
            "b\n# TYPE y counter\ny_total 5\n# HELP z b",
            "b\n# TYPE x counter\n# HELP y b\n# TYPE y counter\ny_total 5\n# HELP x b",
            "b\n# TYPE x counter\n# HELP a b\n# TYPE a counter\na_total 5\n# HELP x b",
            "b\n# TYPE x gauge\nx 5\n# TYPE c counter\nc_total 5\n# HELP x b",
        ] {
            let x = format!("# HELP p_x {help}\n# TYPE p_x counter\np_x_total 0\n");
            let text = format!("{before}{x}{after}");
            let (families, rejected) = outcome(&text, "p_", false);
            let (a, c) = (r#"a gauge  "b" "a 1\n""#, r#"c gauge  "b" "c 1\n""#);
            let x = format!(r#"x counter  {help:?} "x_total 0\n""#);
            assert_eq!(families, [a, &x, c]);
            assert_eq!(rejected, Vec::<String>::new());

            let (families, rejected) = outcome(&text.replace("p_", ""), "p_", false);
            assert!(families.iter().all(|family| !family.contains('5')), "{families:?}");
            assert!(!rejected.is_empty(), "{help}");
            assert!(help.contains(" a ") || families.contains(&a.to_owned()), "{families:?}");
            assert!(help.contains(" c ") || families.contains(&c.to_owned()), "{families:?}");
        }
    }

    #[test]
    fn a_help_text_of_several_lines_needs_no_prefix() {
        let text =
            "# HELP a b\nc 1\n# EOF\n\n.\n# TYPE a gauge\na 1\n# HELP d b.\n# TYPE d gauge\n";
        let (families, rejected) = outcome(text, "p_", false);
        assert_eq!(families, [r##"a gauge  "b\nc 1\n# EOF\n\n." "a 1\n""##, r#"d gauge  "b." """#]);
        assert_eq!(rejected, Vec::<String>::new());
    }

    #[test]
    fn escaped_help_texts_are_unescaped() {
        for (escaped, help) in [
            (r"a\nb", "a\nb"),
            (r"a\\nb", r"a\nb"),
            (r#"a\"b"#, "a\"b"),
            (r"a\\\\b\\", r"a\\b\"),
            (r"\x\", r"\x\"),
            ("é\\né", "é\né"),
            ("", ""),
        ] {
            assert_eq!(unescape(escaped, &['\\', '"', 'n']), help);
        }
        let text = "# HELP p_a b\\n\\\\.\n# TYPE p_a gauge\n";
        let twice = format!("{text}{text}");
        for (prefix, name) in [("p_", "a"), ("q_", "p_a")] {
            let family = format!("{name} gauge  {:?} \"\"", "b\n\\.");
            assert_eq!(outcome(&twice, prefix, true), (vec![family.clone(), family], vec![]));
        }
    }
}
