//! A text that is written in small parts.

use std::fmt;

/// A text in progress, for an encoder that writes a few bytes at a time.
///
/// Most parts of what prometheus-client writes have one to six bytes. Appending them to a
/// [`String`] takes more than twice as long.
#[derive(Debug, Default)]
pub(super) struct TextBuffer {
    /// The text, and zeros that are room for more.
    bytes: Vec<u8>,
    /// The length of the text.
    length: usize,
}

impl TextBuffer {
    /// The text.
    ///
    /// # Errors
    ///
    /// Never, because all parts are UTF-8.
    pub(super) fn finish(mut self) -> Result<String, fmt::Error> {
        self.bytes.truncate(self.length);
        String::from_utf8(self.bytes).map_err(|_| fmt::Error)
    }

    /// Makes room for a text of this length.
    #[cold]
    fn grow(&mut self, length: usize) {
        const MIN_LENGTH: usize = 1024;
        self.bytes.resize(length.max(2 * self.bytes.len()).max(MIN_LENGTH), 0);
    }
}

impl fmt::Write for TextBuffer {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let start = self.length;
        self.length += part.len();
        if self.length > self.bytes.len() {
            self.grow(self.length);
        }
        copy(&mut self.bytes[start..self.length], part.as_bytes());
        Ok(())
    }
}

/// Copies `from` to `to`, which has the same length. Up to 32 bytes are copied as two parts of
/// a length that the compiler knows, which overlap.
#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        1 => to[0] = from[0],
        2..=3 => copy_ends::<2>(to, from),
        4..=8 => copy_ends::<4>(to, from),
        9..=16 => copy_ends::<8>(to, from),
        17..=32 => copy_ends::<16>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// Copies the first `N` bytes and the last ones.
#[inline]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk::<N>()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk::<N>()) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::TextBuffer;

    #[test]
    fn parts_of_all_lengths_are_written_one_after_the_other() {
        let long: String = ('!'..='~').chain("é€😀".chars()).cycle().take(3000).collect();
        let starts = long.char_indices().map(|(start, _)| start).step_by(7);
        let parts: Vec<_> = starts
            .zip((0..=70).chain([2000]).cycle())
            .filter_map(|(start, length)| long.get(start..start + length))
            .collect();
        let (mut buffer, mut text) = (TextBuffer::default(), String::new());
        for part in parts {
            buffer.write_str(part).expect("writing does not fail");
            text.push_str(part);
        }
        assert!(text.len() > 10_000, "{}", text.len());
        assert_eq!(buffer.finish(), Ok(text));
        assert_eq!(TextBuffer::default().finish(), Ok(String::new()));
    }
}
