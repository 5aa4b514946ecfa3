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
        limit_key: Option<&str>,
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
        let has_limit = limit_key.is_some() && labels.first().map(|(name, _)| *name) == limit_key;
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
        let key = text.get(key_start..key_end).unwrap_or_default();
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
        let is_escape = bytes[same - 1] == b'\\';
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
    use super::{Filled, Suffix, Template};
    use crate::exposition::custom::line::Line;

    /// The template of a line, whose limit is `le`.
    fn template(line: &str) -> Template<'_> {
        let mut labels = Vec::new();
        let parsed = Line::parse(line, &mut labels).expect("the line is valid");
        Template::new(line, "", parsed.name, Suffix::Bucket, Some("le"), &labels)
    }

    /// The lines are read by their template alone: otherwise they are read in full, which takes
    /// longer.
    #[test]
    fn lines_that_differ_in_values_and_the_number_only_are_like_a_template() {
        for lines in [
            &["a 1", "a 2", "a 1.5e3", "a 12345678901234567890"][..],
            &["a{x=\"1\"} 1", "a{x=\"2\"} 2", "a{x=\"long\"} 2", "a{x=\"\"} 2", "a{x=\"lo\"} 2"],
            &["a{x=\"1\",y=\"2\"} 1", "a{x=\"1\",y=\"\"} 1", "a{x=\"12\",y=\"\"} 1"],
            &["a{x=\"1\",y=\"2\"} 1", "a{x=\"long\",y=\"longer\"} 1", "a{x=\"\",y=\"1\"} 1"],
            &["a{x=\"1\",y=\"2\",z=\"3\"} 1", "a{x=\"1\",y=\"2\",z=\"34\"} 5"],
            &["a{x=\"1\",y=\"2\",z=\"3\"} 1", "a{x=\"1\",y=\"1\",z=\"\"} 5"],
            &["a{x=\"1\",y=\"2\",z=\"3\"} 1", "a{x=\"12\",y=\"2\",z=\"3\"} 5"],
            &["a{x=\"\\\\\"} 1", "a{x=\"\\\"\"} 1", "a{x=\"\\n\"} 1", "a{x=\"\\\\n\"} 1"],
            &["a{le=\"1\"} 1", "a{le=\"2.5\"} 1", "a{le=\"+Inf\"} 1"],
            &["a{le=\"1\",x=\"1\"} 1", "a{le=\"2.5\",x=\"1\"} 1", "a{le=\"1\",x=\"22\"} 1"],
            &["a{x=\"1\",le=\"1\"} 1", "a{x=\"22\",le=\"22\"} 1"],
        ] {
            let mut template = template(lines[0]);
            for line in lines {
                let (start, number) = line.rsplit_once(' ').expect("a number");
                let labels =
                    start.split_once('{').map_or("", |(_, labels)| &labels[..labels.len() - 1]);
                let limit = labels.strip_prefix("le=\"").and_then(|limit| limit.split('"').next());
                let key = match limit {
                    Some(limit) => labels.get("le=\"\",".len() + limit.len()..).unwrap_or_default(),
                    None => labels,
                };
                for rest in ["", "\nb 1"] {
                    let text = format!("{line}{rest}");
                    let text: &'static str = text.leak();
                    let filled = template.fill(text).expect("it is like the others");
                    let Filled { line: read, limit: read_limit, key: read_key, number: n } = filled;
                    assert_eq!((read, read_limit, read_key), (*line, limit, key));
                    assert_eq!(Ok(n), number.parse());
                }
            }
        }
    }

    #[test]
    fn other_lines_are_not_like_a_template() {
        for (line, others) in [
            ("a{x=\"0\"} 1", &["a{y\"} 1", "a{x=0\"} 1", "ab\"} 1"][..]),
            ("a 1", &["b 1", "ab 1", "a{} 1", "a x", "a 1 2", "a NaN", "a"][..]),
            (
                "a{x=\"1\",y=\"2\"} 1",
                &[
                    "a 1",
                    "b{x=\"1\",y=\"2\"} 1",
                    "a{z=\"1\",y=\"2\"} 1",
                    "a{x=\"1\",z=\"2\"} 1",
                    "a{x=\"1\"} 1",
                    "a{x=\"1\",y=\"2\",z=\"3\"} 1",
                    "a{x=\"1\",y=\"2\",} 1",
                    "a{x=\"1\",y=\"2} 1",
                    "a{x=\"\\q\",y=\"2\"} 1",
                    "a{x=\"1\",y=\"2\"}1",
                ],
            ),
        ] {
            for other in others {
                assert!(template(line).fill(other).is_none(), "{other}");
            }
        }
    }
}
