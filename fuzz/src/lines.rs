//! Reads the text formats, line by line, and accepts nothing that their specifications do not.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::support::page::{is_name, read_value};

/// A line with a value. Labels are sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name on the line.
    pub name: String,
    /// Without escapes.
    pub labels: BTreeMap<String, String>,
    /// The value; that of `NaN` is replaced, so that samples can be compared.
    pub value: f64,
}

/// The families and samples of a text page.
///
/// # Panics
///
/// If the page is not valid: an unknown line, a family or a series that is repeated, a sample
/// without its family before it, buckets that fall.
pub fn read_text(page: &str) -> (BTreeMap<String, String>, Vec<Sample>) {
    assert!(page.ends_with('\n'), "the last line is not ended");
    let (mut types, mut samples) = (BTreeMap::new(), Vec::new());
    let (mut series, mut helps) = (HashSet::new(), BTreeSet::new());
    let mut current = String::new();
    let mut is_ended = false;
    for line in page[..page.len() - 1].split('\n') {
        assert!(!is_ended, "a line after the end: {line:?}");
        if line == "# EOF" {
            is_ended = true;
        } else if let Some(help) = line.strip_prefix("# HELP ") {
            let name = help.split(' ').next().unwrap_or_default();
            assert!(is_name(name) && helps.insert(name), "{line:?}");
            assert!(is_escaped(help), "{line:?}");
        } else if let Some(descriptor) = line.strip_prefix("# TYPE ") {
            let (name, kind) = descriptor.split_once(' ').expect("a type");
            assert!(is_name(name), "{line:?}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{line:?}");
            current = name.to_owned();
        } else if let Some(unit) = line.strip_prefix("# UNIT ") {
            assert!(unit.split_once(' ').is_some_and(|(name, _)| is_name(name)), "{line:?}");
        } else {
            let sample = read_sample(line).unwrap_or_else(|| panic!("no sample: {line:?}"));
            assert!(sample.name.starts_with(&current), "outside of its family: {line:?}");
            assert!(series.insert((sample.name.clone(), sample.labels.clone())), "{line:?}");
            samples.push(sample);
        }
    }
    check_buckets(&types, &samples);
    (types, samples)
}

/// Whether each backslash of a help text begins an escape.
fn is_escaped(help: &str) -> bool {
    let mut characters = help.chars();
    while let Some(character) = characters.next() {
        if character == '\\' && !matches!(characters.next(), Some('n' | '\\' | '"')) {
            return false;
        }
    }
    true
}

fn read_sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = read_labels(inside, &mut labels)?;
    }
    let rest = rest.strip_prefix(' ')?;
    let (numbers, exemplar) = match rest.split_once(" # ") {
        Some((numbers, exemplar)) => (numbers, Some(exemplar)),
        None => (rest, None),
    };
    if let Some(exemplar) = exemplar {
        let numbers = read_labels(exemplar.strip_prefix('{')?, &mut BTreeMap::new())?;
        numbers
            .strip_prefix(' ')?
            .split(' ')
            .try_for_each(|number| read_number(number).map(drop))?;
    }
    let mut numbers = numbers.split(' ');
    let value = read_number(numbers.next()?)?;
    let value = if value.is_nan() { -0.123_456_789 } else { value };
    numbers.next().map_or(Some(0.0), read_number)?;
    let is_whole = numbers.next().is_none() && is_name(name);
    is_whole.then(|| Sample { name: name.to_owned(), labels, value })
}

fn read_number(text: &str) -> Option<f64> {
    text.trim_start_matches('+').parse().ok()
}

fn read_labels<'a>(text: &'a str, labels: &mut BTreeMap<String, String>) -> Option<&'a str> {
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('}') {
        return Some(after);
    }
    loop {
        let (key, quoted) = rest.split_once("=\"")?;
        let (value, after) = read_value(quoted)?;
        let is_new = labels.insert(key.to_owned(), value).is_none();
        if !is_new || !is_name(key) || key.contains(':') {
            return None;
        }
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return after.strip_prefix('}'),
        }
    }
}

fn check_buckets(types: &BTreeMap<String, String>, samples: &[Sample]) {
    let histograms = types.iter().filter(|(_, kind)| *kind == "histogram");
    for (name, _) in histograms {
        let bucket = format!("{name}_bucket");
        let mut last = BTreeMap::new();
        for sample in samples.iter().filter(|sample| sample.name == bucket) {
            let mut labels = sample.labels.clone();
            let bound = labels.remove("le").and_then(|le| read_number(&le)).expect("a bound");
            if let Some((below, count)) = last.insert(labels, (bound, sample.value)) {
                assert!(below < bound && count <= sample.value, "{sample:?}");
            }
        }
        assert!(last.values().all(|(bound, _)| *bound == f64::INFINITY), "{name}: {last:?}");
    }
}
