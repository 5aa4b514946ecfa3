//! Lines that differ from a line before in the values of labels and in the number only.

use std::ops::Range;

use memchr::memchr;

use super::labels::Label;
use super::names::Suffix;
use super::scan::{common_prefix, end_of_value};

/// A line that was checked. What the lines that are like it have in common with it is not
/// checked again.
#[derive(Debug)]
pub(super) struct Template<'a> {
    pub(super) suffix: Suffix,
    /// What is before the number in the last line that was like it.
    labels: &'a str,
    /// Where the values of its labels are.
    values: Vec<Range<usize>>,
    /// Those of the line in progress.
    new_values: Vec<Range<usize>>,
    /// Whether the first label is a limit.
    has_limit: bool,
    /// The length of the name with the opening brace.
    key_start: usize,
}

/// A line that is like a template.
#[derive(Debug)]
pub(super) struct Filled<'a> {
    pub(super) line: &'a str,
    pub(super) limit: Option<&'a str>,
    /// The labels without the limit, without braces.
    pub(super) key: &'a str,
    pub(super) number: f64,
}

impl<'a> Template<'a> {
    /// The template of a canonical line with these parts.
    pub(super) fn new(
        line: &'a str,
        prefix: &str,
        name: &str,
        suffix: Suffix,
        limit: Option<&str>,
        labels: &[Label<'_>],
    ) -> Self {
        let key_start = prefix.len() + name.len() + 1;
        let mut at = key_start;
        let values = labels.iter().map(|(name, value)| {
            let start = at + name.len() + "=\"".len();
            let end = start + value.len();
            at = end + "\",".len();
            start..end
        });
        let values: Vec<_> = values.collect();
        let has_limit = limit.is_some() && labels.first().map(|(name, _)| *name) == limit;
        let end = values.last().map_or(key_start, |last| last.end + "\"} ".len());
        Self { suffix, labels: &line[..end], values, new_values: Vec::new(), has_limit, key_start }
    }

    /// Reads the line that `text` begins with, if it is like this one and its number is finite.
    pub(super) fn fill(&mut self, text: &'a str) -> Option<Filled<'a>> {
        let number_start = self.find_values(text.as_bytes())?;
        self.labels = &text[..number_start];
        let (number, end) = parse_number(text, number_start)?;
        let first = self.values.first();
        let (limit, key_start) = match first.filter(|_| self.has_limit) {
            Some(limit) => (Some(&text[limit.clone()]), limit.end + "\",".len()),
            None => (None, self.key_start),
        };
        let key_end = self.values.last().map_or(0, |last| last.end + 1);
        let key = if key_start < key_end { &text[key_start..key_end] } else { "" };
        Some(Filled { line: &text[..end], limit, key, number })
    }

    /// Finds the values in `bytes`. Returns where the number begins.
    fn find_values(&mut self, bytes: &[u8]) -> Option<usize> {
        let line = self.labels.as_bytes();
        let same = common_prefix(bytes, line);
        let Some(first) = self.values.iter().position(|value| same <= value.end) else {
            return (same == line.len()).then_some(same);
        };
        let Range { start, end: old_end } = self.values[first];
        if same < start {
            return None;
        }
        // An escape can begin before the difference.
        let is_escape = same > start && bytes[same - 1] == b'\\';
        let end = end_of_value(bytes, if is_escape { start } else { same })?;
        if !starts_with(&bytes[end..], &line[old_end..]) {
            return self.find_others(bytes, first, end);
        }
        let move_place = |at: &mut usize| *at = *at - old_end + end;
        self.values[first].end = end;
        for value in &mut self.values[first + 1..] {
            move_place(&mut value.start);
            move_place(&mut value.end);
        }
        Some(line.len() - old_end + end)
    }

    /// Finds the values if several differ, of which the first one ends at `end`.
    fn find_others(&mut self, bytes: &[u8], first: usize, mut end: usize) -> Option<usize> {
        let line = self.labels.as_bytes();
        self.new_values.clear();
        self.new_values.extend_from_slice(&self.values[..first]);
        let Range { start, end: mut old_end } = self.values[first];
        self.new_values.push(start..end);
        for value in &self.values[first + 1..] {
            let between = &line[old_end..value.start];
            if !starts_with(&bytes[end..], between) {
                return None;
            }
            let start = end + between.len();
            end = end_of_value(bytes, start)?;
            self.new_values.push(start..end);
            old_end = value.end;
        }
        let rest = &line[old_end..];
        if !starts_with(&bytes[end..], rest) {
            return None;
        }
        std::mem::swap(&mut self.values, &mut self.new_values);
        Some(end + rest.len())
    }
}

fn starts_with(bytes: &[u8], start: &[u8]) -> bool {
    common_prefix(bytes, start) == start.len()
}

/// Reads the number from `at` up to the end of the line. Returns where that is.
fn parse_number(text: &str, at: usize) -> Option<(f64, usize)> {
    const EXACT_DIGITS: usize = 15;
    let bytes = &text.as_bytes()[at..];
    let mut integer = 0_u64;
    let mut length = 0;
    while let Some(byte) = bytes.get(length).filter(|byte| byte.is_ascii_digit()) {
        integer = integer.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        length += 1;
    }
    let is_end = matches!(bytes.get(length), None | Some(b'\n'));
    if is_end && (1..=EXACT_DIGITS).contains(&length) {
        return Some((integer as f64, at + length));
    }
    let length = memchr(b'\n', bytes).unwrap_or(bytes.len());
    let number = text[at..at + length].parse().ok().filter(|number: &f64| number.is_finite())?;
    Some((number, at + length))
}

#[cfg(test)]
mod tests {
    use crate::exposition::custom::constant::Constant;
    use crate::exposition::custom::reader::Reader;
    use crate::exposition::format::Format;
    use crate::exposition::writer::PageWriter;

    /// The lines of a family as the page has them, or why it is left out.
    fn read(kind: &str, prefix: &str, lines: &[&str]) -> Result<String, String> {
        let constant = &Constant::new([].into());
        let lines = lines.iter().map(|line| format!("{prefix}{line}\n"));
        let text = format!("# TYPE {prefix}a {kind}\n{}", lines.collect::<String>());
        let (families, rejected) = Reader { prefix, is_help_escaped: false, constant }.read(&text);
        match rejected.first() {
            Some(rejected) => Err(rejected.to_string()),
            None => Ok(families[0].lines.clone().into_owned()),
        }
    }

    #[test]
    fn a_line_is_read_as_if_no_other_was_before() {
        let values = [
            "",
            "1",
            "2",
            "12",
            "21",
            "a longer value",
            "a longer word",
            "é",
            "è",
            r"\n",
            r"\\",
            r"\\\\",
            r#"\""#,
            r#"1\""#,
            r"1\\",
            r"1\",
            r"\q",
            "1\"",
            "1\n",
            "}",
            ",",
            "\0",
        ];
        let numbers = [
            "2",
            "0",
            "-1.5",
            "1e3",
            "NaN",
            "inf",
            "+Inf",
            "",
            "x",
            "1_0",
            "12345678901234567890",
            "2 5",
            "2 x",
            " 2",
            "2 ",
            "2 # {t=\"1\"} 3",
            "2 # {} x",
            "2\t",
            "2\n",
        ];
        let firsts: [&[&str]; 4] = [
            &["a_total{x=\"0\",y=\"0\"} 1"],
            &["a_total{x=\"0\",y=\"0\"} 1", "a_total{x=\"1\\\\\",y=\"a longer\"} 1"],
            &["a_total{x=\"0\"} 1", "a_total 1"],
            &["a_total{x=\"0\",y=\"0\"} 1", "a_created{x=\"0\",y=\"0\"} 1"],
        ];
        let labels = values.iter().flat_map(|x| values.map(|y| (*x, y)));
        let lines = labels.flat_map(|(x, y)| {
            [
                format!("a_total{{x=\"{x}\",y=\"{y}\"}} 2"),
                format!("a_total{{y=\"{y}\",x=\"{x}\"}} 2"),
                format!("a_total{{x=\"{x}\"y=\"{y}\"}} 2"),
            ]
        });
        let others = numbers.iter().flat_map(|number| {
            ["a_total{x=\"1\",y=\"2\"} ", "a_total{x=\"1\",y=\"2\",}", "a_total{z=\"\"} "]
                .map(|start| format!("{start}{number}"))
        });
        let lines: Vec<_> = lines.chain(others).collect();
        for (prefix, first) in [("", firsts), ("p_", firsts)]
            .iter()
            .flat_map(|(prefix, firsts)| firsts.iter().map(move |first| (*prefix, *first)))
        {
            let before = read("counter", prefix, first).expect("the lines are valid");
            for line in &lines {
                let all = [first, &[line.as_str()]].concat();
                let alone = read("counter", prefix, &[line]);
                let expected = alone.map(|alone| before.clone() + &alone);
                assert_eq!(read("counter", prefix, &all), expected, "{all:?}");
            }
        }
    }

    #[test]
    fn a_name_with_a_line_break_is_not_two_lines() {
        let forged = "a_total{x=\"2\"} 1\nforged{x=\"3\"} 1";
        let refused = read("counter", "p_", &["a_total{x=\"1\"} 1", forged]);
        assert_eq!(refused, read("counter", "p_", &[forged]));
        assert!(refused.is_err(), "{refused:?}");
    }

    #[test]
    fn label_sets_are_compared_whatever_their_order() {
        let lines = ["a_total{x=\"1\",y=\"2\"} 1", "a_total{y=\"3\",x=\"4\"} 1"];
        let others = ["a_total{y=\"5\",x=\"6\"} 1", "a_total{y=\"2\",x=\"1\"} 1"];
        let kept = [lines, [others[0], "a_total{y=\"1\",x=\"2\"} 1"]].concat();
        assert_eq!(read("counter", "", &kept), Ok(kept.join("\n") + "\n"));
        assert!(read("counter", "", &[lines, others].concat()).is_err());
    }

    #[test]
    fn the_text_format_has_no_times_of_creation() {
        let constant = &Constant::new([].into());
        let line = |x: &str| format!("a_total{{x=\"{x}\"}} 1\na_created{{x=\"{x}\"}} 2\n");
        let text = format!("# TYPE a counter\n{}{}{}", line("1"), line("2"), line("3"));
        let reader = Reader { prefix: "p_", is_help_escaped: false, constant };
        let (families, _) = reader.read(&text);
        let mut writer = PageWriter::new(Format::Text, 0);
        families[0].write(&mut writer).expect("the format allows it");
        let page = "# TYPE a_total counter\na_total{x=\"1\"} 1\na_total{x=\"2\"} 1\n\
                    a_total{x=\"3\"} 1\n";
        assert_eq!(writer.finish(), page);
    }

    #[test]
    fn limits_that_are_infinite_are_spelled_as_all_scrapers_read_them() {
        for spelled in ["+Inf", "inf", "Infinity", "+inf"] {
            let point = |x: &str, limit: &str| {
                [
                    format!("a_bucket{{le=\"1\",x=\"{x}\"}} 1"),
                    format!("a_bucket{{le=\"{limit}\",x=\"{x}\"}} 2"),
                    format!("a_sum{{x=\"{x}\"}} 1"),
                    format!("a_count{{x=\"{x}\"}} 2"),
                ]
            };
            let all = |limit| [point("1", "+Inf"), point("2", limit)].concat();
            let lines = all(spelled);
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            let expected = all("+Inf").join("\n") + "\n";
            assert_eq!(read("histogram", "", &lines), Ok(expected), "{spelled}");
        }
    }
}
