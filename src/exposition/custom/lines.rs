//! The sample lines of a family.

use std::borrow::Cow;
use std::ops::Range;

/// Lines in progress. As long as all of them are together in the text that they are from, they
/// are a part of it; otherwise they are copied.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    source: &'a str,
    /// Lines of the source that follow the copied ones.
    run: Range<usize>,
    copied: String,
}

impl<'a> Lines<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, run: 0..0, copied: String::new() }
    }

    /// Reserves room for lines that are copied.
    pub(super) fn reserve(&mut self, length: usize) {
        self.copied.reserve(length);
    }

    /// Adds a line of the source that begins at `start`.
    #[inline]
    pub(super) fn add(&mut self, start: usize, length: usize) {
        if start != self.run.end {
            self.flush();
            self.run = start..start;
        }
        let end = start + length;
        let has_line_break = self.source.as_bytes().get(end) == Some(&b'\n');
        self.run.end = end + usize::from(has_line_break);
        if !has_line_break {
            // It is longer, or missing at the end of the source.
            self.text().push('\n');
        }
    }

    /// The text to which a line can be appended.
    pub(super) fn text(&mut self) -> &mut String {
        self.flush();
        &mut self.copied
    }

    fn flush(&mut self) {
        self.copied.push_str(&self.source[self.run.clone()]);
        self.run = 0..0;
    }

    pub(super) fn finish(mut self) -> Cow<'a, str> {
        if self.copied.is_empty() {
            return Cow::Borrowed(&self.source[self.run]);
        }
        self.flush();
        Cow::Owned(self.copied)
    }
}
