//! Reads the families in the text of a registry.

use std::collections::HashMap;
use std::ops::Range;

use memchr::memchr_iter;

use super::family::CustomFamily;
use super::names::{MetricType, is_metric_name};
use super::rejected::{Reason, Rejected};
use super::samples::Samples;

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

/// Reads the families in `text`. All names begin with `prefix`, unless the user has put
/// another registry in the place of the one that has this prefix.
///
/// Families that are not valid are left out and returned with the reason.
pub(crate) fn read(
    text: &str,
    prefix: &str,
    is_help_escaped: bool,
) -> (Vec<CustomFamily>, Vec<Rejected>) {
    let is_replaced = descriptor(text, prefix).is_none();
    let prefix = if is_replaced { "" } else { prefix };
    let lines = split(text, prefix);
    let drafts = group(&lines, prefix);
    let suspects = if is_replaced && !is_help_escaped { suspects(&drafts) } else { Vec::new() };
    let (mut families, mut rejected) = (Vec::new(), Vec::new());
    for (index, draft) in drafts.iter().enumerate() {
        let family = match draft.read(&lines, prefix, is_help_escaped) {
            Ok(family) if suspects.iter().any(|suspects| suspects.contains(&index)) => {
                Err(Rejected { name: family.name, reason: Reason::Unreadable })
            }
            family => family,
        };
        match family {
            Ok(family) => {
                if family.samples.has_invalid_exemplar {
                    let name = family.name.clone();
                    rejected.push(Rejected { name, reason: Reason::InvalidExemplar });
                }
                families.push(family);
            }
            Err(reason) => rejected.push(reason),
        }
    }
    (families, rejected)
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

impl Draft<'_> {
    fn read(
        &self,
        lines: &[&str],
        prefix: &str,
        is_help_escaped: bool,
    ) -> Result<CustomFamily, Rejected> {
        let [help, type_line, unit] = self.descriptors;
        let unreadable = || {
            let name = first_word(help.or(type_line).unwrap_or_default()).to_owned();
            Rejected { name, reason: Reason::Unreadable }
        };
        let type_line = type_line.and_then(|line| line.rsplit_once(' '));
        let (name, word) = type_line.ok_or_else(unreadable)?;
        let rejected = |reason| Rejected { name: name.to_owned(), reason };
        if !is_metric_name(name) {
            return Err(rejected(Reason::InvalidName));
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
        let unsupported = || rejected(Reason::UnsupportedType(word.to_owned()));
        let metric_type = MetricType::from_word(word).ok_or_else(unsupported)?;
        let samples = &lines[self.samples.clone()];
        let samples = Samples::read(prefix, name, metric_type, samples).map_err(rejected)?;
        let help = if is_help_escaped { unescape(&help) } else { help };
        Ok(CustomFamily { name: name.to_owned(), metric_type, unit, help, samples })
    }
}

/// Resolves the escapes of a help text.
fn unescape(help: &str) -> String {
    let mut unescaped = String::with_capacity(help.len());
    let mut characters = help.chars();
    while let Some(character) = characters.next() {
        match (character, characters.as_str().chars().next()) {
            ('\\', Some(escaped @ ('\\' | '"' | 'n'))) => {
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
    use super::{read, unescape};

    /// The families and what is left out, as text.
    fn outcome(text: &str, prefix: &str, is_help_escaped: bool) -> (Vec<String>, Vec<String>) {
        let (families, rejected) = read(text, prefix, is_help_escaped);
        let families = families.into_iter().map(|family| {
            let (word, unit) = (family.metric_type.word(), family.unit);
            format!("{} {word} {unit} {:?} {:?}", family.name, family.help, family.samples.lines)
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
            ("# HELP p_x b\n# TYPE p_x summary\np_x_sum 1\n", "x"),
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
            assert_eq!(unescape(escaped), help);
        }
        let text = "# HELP p_a b\\n\\\\.\n# TYPE p_a gauge\n";
        let twice = format!("{text}{text}");
        for (prefix, name) in [("p_", "a"), ("q_", "p_a")] {
            let family = format!("{name} gauge  {:?} \"\"", "b\n\\.");
            assert_eq!(outcome(&twice, prefix, true), (vec![family.clone(), family], vec![]));
        }
    }
}
