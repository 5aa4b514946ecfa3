//! The families in the text of a registry of prometheus-client, not read yet.

use std::collections::HashMap;
use std::ops::Range;

use memchr::{memchr_iter, memmem};

const HELP: &str = "# HELP ";

/// What descriptor lines begin with.
const KEYWORDS: [&str; 3] = [HELP, "# TYPE ", "# UNIT "];

/// The lines of one family.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    /// What follows each keyword, from the name on.
    pub(super) descriptors: [Option<&'a str>; 3],
    /// Where its samples are in the text, without the last line break. `None` if there are none.
    pub(super) samples: Option<Range<usize>>,
}

/// Splits `text` into families: the descriptors of one are together, in any order, and its
/// samples follow them.
pub(super) fn drafts<'a>(text: &'a str, prefix: &str) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    let mut draft = Draft::default();
    for section in sections(text, prefix) {
        let end = section.end;
        let Some((keyword, rest)) = descriptor(&text[section.clone()], prefix) else {
            draft.samples = Some(section);
            continue;
        };
        if draft.samples.is_some() || draft.descriptors[keyword].is_some() {
            drafts.push(std::mem::take(&mut draft));
        }
        // Without a prefix a line of a help text can look like a sample.
        let is_help = prefix.is_empty() && KEYWORDS[keyword] == HELP;
        let (line, samples) = if is_help { (rest, None) } else { split_line(rest, prefix) };
        draft.descriptors[keyword] = Some(line);
        draft.samples = samples.map(|samples| end - samples.len()..end);
    }
    if !text.is_empty() {
        drafts.push(draft);
    }
    drafts
}

/// Splits `text` before each descriptor.
fn sections(text: &str, prefix: &str) -> impl Iterator<Item = Range<usize>> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let breaks = memmem::find_iter(text.as_bytes(), "\n# ");
    let breaks = breaks.filter(move |at| descriptor(&text[at + 1..], prefix).is_some());
    let mut start = 0;
    breaks.chain([text.len()]).map(move |end| std::mem::replace(&mut start, end + 1)..end)
}

/// Splits `text` at its first line break. Some lines have line breaks: a help text can, and so
/// can names that are not valid.
pub(super) fn split_line<'a>(text: &'a str, prefix: &str) -> (&'a str, Option<&'a str>) {
    let mut breaks = memchr_iter(b'\n', text.as_bytes());
    match breaks.find(|at| text[at + 1..].starts_with(prefix)) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// The keyword of a line that begins with one, and what follows it and the prefix.
pub(super) fn descriptor<'a>(line: &'a str, prefix: &str) -> Option<(usize, &'a str)> {
    // Most lines are samples.
    if !line.starts_with('#') {
        return None;
    }
    let keyword = KEYWORDS.iter().position(|keyword| line.starts_with(keyword))?;
    Some((keyword, line[KEYWORDS[keyword].len()..].strip_prefix(prefix)?))
}

/// Which drafts can be parts of one help text.
///
/// If a help text contains what looks like other families, then the `# HELP` line of its
/// family is before them and the `# TYPE` line behind them. So a range begins and ends with
/// descriptors of the same name.
pub(super) fn suspects(drafts: &[Draft<'_>]) -> Vec<bool> {
    let mut spans: HashMap<&str, Range<usize>> = HashMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        for descriptor in draft.descriptors.iter().flatten() {
            spans.entry(first_word(descriptor)).or_insert(index..index).end = index + 1;
        }
    }
    // How many ranges of several drafts begin at each draft, less those that end before it.
    let mut begins = vec![0_isize; drafts.len() + 1];
    for span in spans.into_values().filter(|span| span.len() > 1) {
        begins[span.start] += 1;
        begins[span.end] -= 1;
    }
    let open = begins.iter().scan(0, |open, begins| {
        *open += begins;
        Some(*open > 0)
    });
    open.collect()
}

pub(super) fn first_word(text: &str) -> &str {
    text.split([' ', '\n']).next().unwrap_or_default()
}
