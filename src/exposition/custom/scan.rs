//! Searches in texts of a few words, where calls of `memchr` and `memcmp` take longer.

/// The bytes of a word that are all `byte`.
const fn repeat(byte: u8) -> u64 {
    u64::MAX / 255 * byte as u64
}

/// The index of the closing quote of a label value, from `from` on. A value has one escaped form
/// only, so that equal values are equal texts.
#[inline]
pub(super) fn end_of_value(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = find_special(bytes, from)?;
        match (bytes[at], bytes.get(at + 1)) {
            (b'"', _) => return Some(at),
            (b'\\', Some(b'"' | b'\\' | b'n')) => from = at + 2,
            _ => return None,
        }
    }
}

/// The index of the first quote, backslash or line break from `from` on.
#[inline]
fn find_special(bytes: &[u8], mut from: usize) -> Option<usize> {
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\n');
    loop {
        let (words, end) = bytes.get(from..)?.as_chunks();
        // The high bit of the first byte that is a backslash or not above a quote is set, and
        // those of some bytes behind it.
        let found = words.iter().map(|word| {
            let word = u64::from_le_bytes(*word);
            let zero_if_backslash = word ^ repeat(b'\\');
            let backslash = zero_if_backslash.wrapping_sub(repeat(1)) & !zero_if_backslash;
            let low = word.wrapping_sub(repeat(b'"' + 1)) & !word;
            (backslash | low) & repeat(0x80)
        });
        let mut found = found.enumerate();
        let Some((index, bits)) = found.find(|(_, bits)| *bits != 0) else {
            let start = bytes.len() - end.len();
            return Some(start + end.iter().position(is_special)?);
        };
        let at = from + index * WORD + first_byte(bits);
        if is_special(&bytes[at]) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// The length of what two texts begin with.
#[inline]
pub(super) fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    let (ones, _) = one.as_chunks::<WORD>();
    let (others, _) = other.as_chunks::<WORD>();
    let mut at = 0;
    for (one, other) in ones.iter().zip(others) {
        let different = u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
        if different != 0 {
            return at + first_byte(different);
        }
        at += WORD;
    }
    let bytes = one[at..].iter().zip(&other[at..]);
    at + bytes.take_while(|(one, other)| one == other).count()
}

/// The bytes of a word, of which the lowest is the first.
const WORD: usize = size_of::<u64>();

/// The index of the first byte that is not zero.
fn first_byte(word: u64) -> usize {
    word.trailing_zeros() as usize / 8
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
