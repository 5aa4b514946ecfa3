//! The lines of a family, some of which are like lines before them.

use super::builder::{FamilyBuilder, Origin};
use super::constant::Constant;
use super::line::Line;
use super::names::MetricType;
use super::reader::Reader;
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

/// Reads the lines of a family. Returns those that are not like a line before them.
fn parsed<'a>(kind: MetricType, prefix: &str, text: &'a str) -> Vec<&'a str> {
    let constant = &Constant::new([].into());
    let origin = Origin { constant, text: Some(text), prefix, can_be_apart: false };
    let mut builder = FamilyBuilder::new("a", kind, origin).expect("a valid name");
    let (mut at, mut labels, mut parsed) = (0, Vec::new(), Vec::new());
    loop {
        at = builder.push_lines(at, text.len()).expect("the lines are valid");
        let Some(line) = text.get(at..).and_then(|rest| rest.lines().next()) else { break };
        let sample = Line::parse(&line[prefix.len()..], &mut labels).expect("a valid line");
        let suffix = kind.suffix_of("a", sample.name).expect("a sample of the family");
        let pushed = builder.push_parsed(at, line, sample, suffix, None, &mut labels);
        pushed.expect("a new sample");
        parsed.push(line);
        at += line.len() + 1;
    }
    parsed
}

/// The others are read by what differs, which takes less time.
#[test]
fn of_each_suffix_the_first_line_is_parsed() {
    for prefix in ["", "p_"] {
        let point = |x: &str| {
            [
                format!("{prefix}a_sum{{x=\"{x}\"}} 1.5"),
                format!("{prefix}a_count{{x=\"{x}\"}} 2"),
                format!("{prefix}a_bucket{{le=\"1\",x=\"{x}\"}} 1"),
                format!("{prefix}a_bucket{{le=\"+Inf\",x=\"{x}\"}} 2"),
            ]
        };
        let text = ["1", "2", "a longer value"].map(point).concat().join("\n");
        assert_eq!(parsed(MetricType::Histogram, prefix, &text), point("1")[..3]);
        let gauge = |x: &str| format!("{prefix}a{{x=\"{x}\",y=\"{x}\"}} 1");
        let text = ["1", "2", "a longer value"].map(gauge).join("\n");
        assert_eq!(parsed(MetricType::Gauge, prefix, &text), [gauge("1")]);
    }
}
