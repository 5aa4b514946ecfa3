//! Searches in the labels of samples.

use memchr::memchr3;

/// The index of the closing quote of a label value, from `from` on. A value has one escaped form
/// only, so that equal values are equal texts.
#[inline]
pub(super) fn end_of_value(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr3(b'"', b'\\', b'\n', bytes.get(from..)?)?;
        match (bytes[at], bytes.get(at + 1)) {
            (b'"', _) => return Some(at),
            (b'\\', Some(b'"' | b'\\' | b'n')) => from = at + 2,
            _ => return None,
        }
    }
}

/// The length of what two texts begin with. They are compared a word at a time, of which the
/// lowest byte is the first.
#[inline]
pub(super) fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    const WORD: usize = size_of::<u64>();
    let ((ones, _), (others, _)) = (one.as_chunks::<WORD>(), other.as_chunks::<WORD>());
    let mut at = 0;
    for (one, other) in ones.iter().zip(others) {
        let different = u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
        if different != 0 {
            return at + different.trailing_zeros() as usize / 8;
        }
        at += WORD;
    }
    let bytes = one[at..].iter().zip(&other[at..]);
    at + bytes.take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::{common_prefix, end_of_value};

    #[test]
    fn values_end_at_the_first_quote_that_is_not_escaped() {
        for length in 0..20 {
            for (end, valid) in [
                ("\"", true),
                ("\" \"", true),
                ("\\\"\"", false),
                ("\\\\\"", false),
                ("\\n\"", false),
                ("\\q\"", false),
                ("\n\"", false),
                ("", false),
            ] {
                let text = "é !\u{1}[]x".chars().cycle().take(length).collect::<String>();
                let all = format!("{text}{end}");
                let found = end_of_value(all.as_bytes(), 0);
                let escaped = end.starts_with('\\') && !end.starts_with("\\q");
                let expected = match (valid, escaped) {
                    (true, _) => Some(text.len()),
                    (_, true) => Some(text.len() + 2),
                    _ => None,
                };
                assert_eq!(found, expected, "{all:?}");
            }
        }
    }

    #[test]
    fn the_common_prefix_ends_at_the_first_difference() {
        for length in 0..30 {
            for at in 0..length {
                let one = vec![b'a'; length];
                let mut other = one.clone();
                other[at] = b'b';
                assert_eq!(common_prefix(&one, &other), at);
                assert_eq!(common_prefix(&one, &one[..at]), at);
                assert_eq!(common_prefix(&one[..at], &one), at);
            }
        }
    }
}
