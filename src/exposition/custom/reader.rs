//! Reads the families in the text of a registry of prometheus-client.

use std::borrow::Cow;
use std::ops::Range;

use super::builder::{FamilyBuilder, Origin};
use super::constant::Constant;
use super::draft::{Draft, descriptor, drafts, first_word, split_line, suspects};
use super::family::CustomFamily;
use super::labels::Label;
use super::line::{Line, parse_seconds};
use super::names::{MetricType, Suffix, is_metric_name};
use super::rejected::{Part, Reason, Rejected};
use crate::labels::unescape;

/// The length of a line for which room is reserved.
const MIN_LENGTH: usize = 16;

/// How the text of a registry is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// What all names begin with, unless it is a registry that the app created.
    pub(super) prefix: &'a str,
    pub(super) is_help_escaped: bool,
    pub(super) constant: &'a Constant,
}

impl<'a> Reader<'a> {
    /// Reads the families in `text`. Families that are not valid are left out and returned
    /// with the reason.
    pub(super) fn read(mut self, text: &'a str) -> (Vec<CustomFamily<'a>>, Vec<Rejected>) {
        let has_prefix = descriptor(text, self.prefix).is_some();
        if !has_prefix {
            self.prefix = "";
        }
        let drafts = drafts(text, self.prefix);
        let suspects =
            if has_prefix || self.is_help_escaped { Vec::new() } else { suspects(&drafts) };
        let (mut families, mut rejected) = (Vec::new(), Vec::new());
        for (index, draft) in drafts.iter().enumerate() {
            match self.read_draft(text, draft, &mut rejected) {
                Ok(family) if suspects.get(index) == Some(&true) => {
                    rejected.push(Rejected::family(family.name, Reason::Unreadable));
                }
                Ok(family) => families.push(family),
                Err(reason) => rejected.push(reason),
            }
        }
        (families, rejected)
    }

    fn read_draft(
        &self,
        text: &'a str,
        draft: &Draft<'a>,
        rejected: &mut Vec<Rejected>,
    ) -> Result<CustomFamily<'a>, Rejected> {
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
        let behind_name = |line: Option<&'a str>| match line {
            Some(line) => line.strip_prefix(name)?.strip_prefix(' '),
            None => Some(""),
        };
        let help = behind_name(help).ok_or_else(unreadable)?;
        let is_end_of_name = |unit: &&str| {
            unit.is_empty() || name.strip_suffix(unit).is_some_and(|name| name.ends_with('_'))
        };
        let unit = behind_name(unit).filter(is_end_of_name).ok_or_else(unreadable)?;
        let metric_type = MetricType::from_word(word)
            .ok_or_else(|| Rejected::family(name, Reason::UnsupportedType(word.to_owned())))?;
        let origin = Origin {
            constant: self.constant,
            text: Some(text),
            prefix: self.prefix,
            can_be_apart: false,
        };
        let mut builder = FamilyBuilder::new(name, metric_type, origin)?;
        builder.family.help = match self.is_help_escaped {
            true => Cow::Owned(unescape(help, &['\\', '"', 'n'])),
            false => Cow::Borrowed(help),
        };
        builder.family.unit = unit;
        let has_invalid_exemplar = match draft.samples.clone() {
            Some(samples) => self.read_samples(text, samples, &mut builder),
            None => Ok(false),
        };
        let has_invalid_exemplar =
            has_invalid_exemplar.map_err(|reason| Rejected::family(name, reason))?;
        if has_invalid_exemplar {
            rejected.push(Rejected::new(Part::Exemplar, name, Reason::InvalidExemplar));
        }
        builder.finish()
    }

    /// Returns whether an exemplar is left out.
    fn read_samples(
        &self,
        text: &'a str,
        samples: Range<usize>,
        builder: &mut FamilyBuilder<'a>,
    ) -> Result<bool, Reason> {
        // Most lines are about as long as the first one.
        let (first, _) = split_line(&text[samples.clone()], self.prefix);
        builder.reserve(samples.len() / first.len().max(MIN_LENGTH) + 1, samples.len());
        let mut labels = Vec::new();
        let mut has_invalid_exemplar = false;
        let mut at = samples.start;
        loop {
            at = builder.push_lines(at, samples.end)?;
            if at > samples.end {
                break;
            }
            let (line, _) = split_line(&text[at..samples.end], self.prefix);
            has_invalid_exemplar |= self.read_sample(line, at, &mut labels, builder)?;
            at += line.len() + 1;
        }
        Ok(has_invalid_exemplar)
    }

    /// Reads the line at `at` of the samples. Returns whether its exemplar is left out.
    fn read_sample(
        &self,
        line: &'a str,
        at: usize,
        labels: &mut Vec<Label<'a>>,
        builder: &mut FamilyBuilder<'a>,
    ) -> Result<bool, Reason> {
        let without_prefix = line.strip_prefix(self.prefix).unwrap_or_default();
        let mut sample = Line::parse(without_prefix, labels)?;
        let name = sample.name;
        let invalid = || Reason::InvalidSample(name.to_owned());
        let suffix = builder.family.metric_type.suffix_of(builder.family.name, name);
        let suffix = suffix.ok_or_else(invalid)?;
        let timestamp = sample.timestamp.map(|word| parse_seconds(word).ok_or_else(invalid));
        let timestamp = timestamp.transpose()?;
        let has_exemplar = sample.exemplar.is_some();
        sample.exemplar =
            sample.exemplar.filter(|_| matches!(suffix, Suffix::Total | Suffix::Bucket));
        let is_left_out = has_exemplar && !matches!(sample.exemplar, Some(Some(_)));
        builder.push_parsed(at, line, sample, suffix, timestamp, labels)?;
        Ok(is_left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, unescape};
    use crate::exposition::custom::constant::Constant;
    use crate::exposition::custom::family::CustomFamily;
    use crate::exposition::format::Format;
    use crate::exposition::writer::PageWriter;

    /// The samples as OpenMetrics has them.
    fn lines(family: &CustomFamily<'_>) -> String {
        let mut writer = PageWriter::new(Format::OpenMetrics, 0);
        family.write(&mut writer).expect("the format allows it");
        let page = writer.page().lines().filter(|line| !line.starts_with("# "));
        page.map(|line| format!("{line}\n")).collect()
    }

    /// The families and what is left out, as text.
    fn outcome(text: &str, prefix: &str, is_help_escaped: bool) -> (Vec<String>, Vec<String>) {
        let constant = &Constant::new([].into());
        let (families, rejected) = Reader { prefix, is_help_escaped, constant }.read(text);
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
