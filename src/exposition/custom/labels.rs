//! The labels of one sample.

use memchr::memchr;

use super::names::is_label_name;
use super::rejected::Reason;
use super::scan::end_of_value;
use crate::labels::escape;

/// A label. Read from a line, its value is as it is written: escaped.
pub(crate) type Label<'a> = (&'a str, &'a str);

/// Reads labels up to the closing brace and returns what follows it. The error contains the
/// name that is not valid, if it is a name.
///
/// Empty places between commas are left out: for an info without labels
/// prometheus-client writes `{constant="1",}`, which scrapers refuse.
pub(super) fn parse_labels<'a>(
    mut rest: &'a str,
    labels: &mut Vec<Label<'a>>,
) -> Result<&'a str, Option<&'a str>> {
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok(rest);
        }
        let equals = memchr(b'=', rest.as_bytes()).ok_or(None)?;
        let name = rest[..equals].trim_end_matches(BLANKS);
        if !is_label_name(name) {
            return Err(Some(name));
        }
        let value = skip_blanks(&rest[equals + 1..]).strip_prefix('"').ok_or(None)?;
        let end = end_of_value(value.as_bytes(), 0).ok_or(None)?;
        labels.push((name, &value[..end]));
        rest = skip_blanks(&value[end + 1..]);
        if !rest.starts_with([',', '}']) {
            return Err(None);
        }
    }
}

/// Checks that the names of labels differ.
pub(super) fn check_names(labels: &[Label<'_>]) -> Result<(), Reason> {
    let mut names: Vec<_> = labels.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Reason::RepeatedLabel(pair[0].to_owned())),
        None => Ok(()),
    }
}

pub(super) const BLANKS: [char; 2] = [' ', '\t'];

pub(super) fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches(BLANKS)
}

/// Appends labels, separated by commas.
pub(super) fn write_labels(text: &mut String, labels: &[Label<'_>], is_escaped: bool) {
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        if is_escaped {
            text.push_str(value);
        } else {
            escape(text, value, &['\\', '"', '\n']);
        }
        text.push('"');
    }
}
