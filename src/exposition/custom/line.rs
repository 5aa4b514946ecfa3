//! One sample line of OpenMetrics or of the text format.

use memchr::memchr3;

use super::labels::{Label, check_names, parse_labels, skip_blanks};
use super::rejected::Reason;

/// A sample line, taken apart.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    /// The value as it is written.
    pub(crate) value: &'a str,
    pub(crate) number: f64,
    /// In the unit of the format.
    pub(crate) timestamp: Option<&'a str>,
    /// `Some(None)` is one that is not valid.
    pub(crate) exemplar: Option<Option<Exemplar<'a>>>,
    /// Whether it consists of a name, labels and a value as this crate writes them.
    pub(crate) is_canonical: bool,
}

#[derive(Debug)]
pub(crate) struct Exemplar<'a> {
    pub(crate) labels: Vec<Label<'a>>,
    /// As it is written.
    pub(crate) value: &'a str,
    pub(crate) number: f64,
    /// In seconds.
    pub(crate) timestamp: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// Takes `line` apart; its labels replace those in `labels`. Blanks can be between all
    /// parts, as in the text format.
    pub(crate) fn parse(line: &'a str, labels: &mut Vec<Label<'a>>) -> Result<Self, Reason> {
        labels.clear();
        let (name, rest) = parse_name(line);
        let invalid = || Reason::InvalidSample(name.to_owned());
        let labels_end = skip_blanks(rest).strip_prefix('{').map(|rest| parse_labels(rest, labels));
        let rest = match labels_end {
            None => rest,
            Some(Ok(rest)) => rest,
            Some(Err(Some(label))) => return Err(Reason::InvalidLabel(label.to_owned())),
            Some(Err(None)) => return Err(invalid()),
        };
        let has_space = rest.starts_with(' ');
        let (value, rest) = parse_word(rest);
        let number = parse_number(value).ok_or_else(invalid)?;
        // All parts that a line needs are in it, so it has nothing else if it is no longer.
        let length = name.len() + written_length(labels) + " ".len() + value.len();
        let is_spelled = is_spelled((number, value));
        let is_canonical = has_space && length == line.len() && is_spelled;
        let mut sample =
            Self { name, value, number, timestamp: None, exemplar: None, is_canonical };
        if rest.is_empty() {
            return Ok(sample);
        }
        let rest = match parse_word(rest) {
            ("" | "#", _) => rest,
            (word, rest) => {
                sample.timestamp = Some(word);
                rest
            }
        };
        sample.exemplar = match skip_blanks(rest) {
            "" => None,
            exemplar if exemplar.starts_with("# ") => Some(parse_exemplar(exemplar)),
            _ => return Err(invalid()),
        };
        Ok(sample)
    }
}

/// The name that a line begins with, and what follows it.
pub(super) fn parse_name(line: &str) -> (&str, &str) {
    line.split_at(memchr3(b'{', b' ', b'\t', line.as_bytes()).unwrap_or(line.len()))
}

/// The length of labels with their braces.
fn written_length(labels: &[Label<'_>]) -> usize {
    let lengths = labels.iter().map(|(name, value)| name.len() + "=\"\",".len() + value.len());
    if labels.is_empty() { 0 } else { lengths.sum::<usize>() + "{}".len() - ",".len() }
}

/// Reads up to the next blank. The word is empty at the end of the line.
fn parse_word(text: &str) -> (&str, &str) {
    let text = skip_blanks(text);
    text.split_at(text.bytes().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len()))
}

fn parse_number(word: &str) -> Option<f64> {
    word.parse().ok()
}

/// How a number is written that was read from `text`. Not every reader reads all spellings of
/// those that are not finite.
pub(super) fn spelling(number: f64, text: &str) -> &str {
    match number {
        nan if nan.is_nan() => "NaN",
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        _ => text,
    }
}

/// Whether a number is written as [`spelling`] writes it.
pub(super) fn is_spelled((number, text): (f64, &str)) -> bool {
    number.is_finite() || spelling(number, text) == text
}

/// In milliseconds timestamps are exact up to here.
const MAX_SECONDS: f64 = 9e12;

/// A timestamp of OpenMetrics.
pub(crate) fn parse_seconds(word: &str) -> Option<f64> {
    parse_number(word).filter(|at| at.abs() < MAX_SECONDS)
}

/// A timestamp of the text format, in seconds.
pub(super) fn parse_milliseconds(word: &str) -> Option<f64> {
    seconds(word.parse().ok()?)
}

/// Milliseconds in seconds, if [`parse_seconds`] reads them.
pub(super) fn seconds(milliseconds: i64) -> Option<f64> {
    Some(milliseconds as f64 / 1e3).filter(|at| at.abs() < MAX_SECONDS)
}

/// Reads a whole exemplar, `None` if OpenMetrics does not allow it.
fn parse_exemplar(text: &str) -> Option<Exemplar<'_>> {
    const MAX_CHARACTERS: usize = 128;
    // Prometheus refuses a page with this character in an exemplar, though not in a sample.
    if text.contains('\0') {
        return None;
    }
    let mut labels = Vec::new();
    let end = parse_labels(text.strip_prefix("# {")?, &mut labels).ok()?;
    check_names(&labels).ok()?;
    let (value, rest) = parse_word(end);
    let number = parse_number(value)?;
    let mut timestamp = None;
    if !rest.is_empty() {
        let (at, rest) = parse_word(rest);
        parse_seconds(at).filter(|_| rest.is_empty())?;
        timestamp = Some(at);
    }
    let characters: usize = labels.iter().map(|(name, value)| name.len() + length(value)).sum();
    (characters <= MAX_CHARACTERS).then_some(Exemplar { labels, value, number, timestamp })
}

/// The number of characters of an escaped value.
fn length(value: &str) -> usize {
    let mut is_escape = false;
    let is_counted = |character: &char| {
        is_escape = *character == '\\' && !is_escape;
        !is_escape
    };
    value.chars().filter(is_counted).count()
}

#[cfg(test)]
mod tests {
    use super::{Exemplar, Line};
    use crate::exposition::custom::rejected::Reason;

    /// The parts of a line.
    fn parse(line: &str) -> Result<String, Reason> {
        let mut labels = vec![("left over", "")];
        let sample = Line::parse(line, &mut labels)?;
        let Line { name, value, timestamp, exemplar, .. } = sample;
        let exemplar = exemplar.map(|valid| {
            valid.map(|Exemplar { labels, value, timestamp, .. }| (labels, value, timestamp))
        });
        Ok(format!("{name} {labels:?} {value} {timestamp:?} {exemplar:?}"))
    }

    #[test]
    fn the_parts_of_a_line_are_found() {
        for (line, parts) in [
            ("a 1", r#"a [] 1 None None"#),
            ("a{} -1.5e-7", r#"a [] -1.5e-7 None None"#),
            ("a\t NaN  1.5 ", r#"a [] NaN Some("1.5") None"#),
            ("a +Inf", r#"a [] +Inf None None"#),
            ("a -inf -3", r#"a [] -inf Some("-3") None"#),
            (r#"a{b="1",c=""} 1"#, r#"a [("b", "1"), ("c", "")] 1 None None"#),
            (r#"a{b="1",} 1"#, r#"a [("b", "1")] 1 None None"#),
            (r#"a{,b="1",,c="2"} 1"#, r#"a [("b", "1"), ("c", "2")] 1 None None"#),
            ("a {\tb = \"1\" , } 1", r#"a [("b", "1")] 1 None None"#),
            (r##"a{b="} 2 # {"} 1"##, r##"a [("b", "} 2 # {")] 1 None None"##),
            ("a 1 # {} 2", r#"a [] 1 None Some(Some(([], "2", None)))"#),
            (
                r##"a 1 2 # {b="#"} 3 4.5"##,
                r##"a [] 1 Some("2") Some(Some(([("b", "#")], "3", Some("4.5"))))"##,
            ),
        ] {
            assert_eq!(parse(line).as_deref(), Ok(parts));
        }
    }

    #[test]
    fn a_line_is_canonical_if_it_is_written_as_this_crate_writes_it() {
        for (line, is_canonical) in [
            ("a 1", true),
            ("a NaN", true),
            (r#"a{b="1",c=""} -1.5e7"#, true),
            ("a\t1", false),
            ("a  1", false),
            ("a 1 ", false),
            ("a nan", false),
            ("a inf", false),
            ("a 1 2", false),
            ("a 1 # {} 2", false),
            ("a{} 1", false),
            (r#"a{b="1",} 1"#, false),
            (r#"a{b="1",}1"#, false),
            (r#"a{b="1"}1"#, false),
            (r#"a{b="1"}	1"#, false),
            (r#"a{b ="1"}1"#, false),
        ] {
            let line = line.replace(r"\t", "\t");
            let parsed = Line::parse(&line, &mut Vec::new()).expect("the line is valid");
            assert_eq!(parsed.is_canonical, is_canonical, "{line:?}");
        }
    }

    #[test]
    fn values_keep_their_escaped_form() {
        for value in [r#"\\\""#, r"\n", r"\\n", "é\r\t\0", "{}=,# EOF", " "] {
            let line = format!("a{{b=\"{value}\"}} 1");
            let mut labels = Vec::new();
            Line::parse(&line, &mut labels).expect("the line is valid");
            assert_eq!(labels, [("b", value)]);
        }
    }

    #[test]
    fn what_is_not_a_sample_is_refused() {
        for line in [
            "",
            "a",
            "a ",
            "a x",
            "a 1 2 3",
            "a 1 #",
            "a{ 1",
            "a{b 1",
            "a{b=1} 1",
            "a{b=\"1} 1",
            "a{b=\"1\"c=\"2\"} 1",
            r#"a{b="\q"} 1"#,
            r#"a{b="\"#,
            "a{b=\"1\"",
            "a{b=\"1\n\"} 1",
            "# EOF",
            "# HELP a b",
        ] {
            let refused = parse(line);
            assert!(matches!(refused, Err(Reason::InvalidSample(_))), "{line:?}: {refused:?}");
        }
        for name in ["", "my-label", "1", "a b", "__name__", "é", "a:b", "a\nb"] {
            let refused = parse(&format!("a{{c=\"1\",{name}=\"2\"}} 1"));
            assert_eq!(refused, Err(Reason::InvalidLabel(name.to_owned())));
        }
    }

    #[test]
    fn an_exemplar_that_openmetrics_does_not_allow_leaves_the_sample() {
        let long = format!("{{b=\"{}\"}} 1", "é".repeat(128));
        let repeated = "{b=\"1\",b=\"2\"} 1";
        for exemplar in [
            "",
            "{b=\"\0\"} 1",
            "{b-c=\"1\"} 1",
            repeated,
            "{} x",
            "{} 1 x",
            "{} 1 inf",
            "{} 1 9e12",
            &long,
        ] {
            let parts = parse(&format!("a 1 # {exemplar}")).expect("the sample is valid");
            assert_eq!(parts, "a [] 1 None Some(None)", "{exemplar}");
        }
        let longest = format!(r#"a 1 # {{b="{}\n\\"}} 1"#, "é".repeat(125));
        let parts = parse(&longest).expect("the sample is valid");
        assert!(parts.contains("Some(Some("), "{parts}");
    }
}
