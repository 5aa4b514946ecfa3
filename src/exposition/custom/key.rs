//! The labels of a sample as a text that is equal for equal label sets.

use super::labels::{Label, write_labels};

/// The labels of a sample, which are kept if its point is new.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key<'k, 'a> {
    Kept(&'a str),
    Copied(&'k str),
}

/// Writes label sets in one order of their names: those with the names of the first label set
/// in its order, which is that of most others, and those with other names sorted.
#[derive(Debug, Default)]
pub(super) struct KeyWriter<'a> {
    /// The names of the first label set.
    first: Option<Vec<&'a str>>,
    /// The same names sorted, with their places.
    sorted: Vec<(&'a str, usize)>,
}

impl<'a> KeyWriter<'a> {
    /// Replaces `key` by the labels, whose names differ.
    pub(super) fn write(&mut self, key: &mut String, labels: &[Label<'a>], is_escaped: bool) {
        key.clear();
        let Some(first) = &self.first else {
            let names: Vec<_> = labels.iter().map(|(name, _)| *name).collect();
            self.sorted = names.iter().enumerate().map(|(place, name)| (*name, place)).collect();
            self.sorted.sort_unstable();
            self.first = Some(names);
            return write_labels(key, labels, is_escaped);
        };
        if labels.iter().map(|(name, _)| name).eq(first) {
            return write_labels(key, labels, is_escaped);
        }
        let mut others = labels.to_vec();
        others.sort_unstable();
        let names = others.iter().map(|(name, _)| name);
        if names.eq(self.sorted.iter().map(|(name, _)| name)) {
            let sorted = others.clone();
            for (label, (_, place)) in sorted.into_iter().zip(&self.sorted) {
                others[*place] = label;
            }
        }
        write_labels(key, &others, is_escaped);
    }
}

#[cfg(test)]
mod tests {
    use super::KeyWriter;

    #[test]
    fn keys_are_equal_if_and_only_if_the_label_sets_are() {
        let sets = [
            vec![("b", "1"), ("a", "2"), ("c", "3")],
            vec![("b", "2"), ("a", "1"), ("c", "3")],
            vec![("b", "1"), ("a", "2")],
            vec![("b", "1"), ("d", "2"), ("a", "3")],
            vec![],
        ];
        for first in &sets {
            let mut writer = KeyWriter::default();
            let mut key = |labels: &[_]| {
                let mut key = "left over".to_owned();
                writer.write(&mut key, labels, true);
                key
            };
            key(first);
            let keys: Vec<_> = sets.iter().map(|set| key(set)).collect();
            for (set, expected) in sets.iter().zip(&keys) {
                let mut other = set.clone();
                for _ in set {
                    other.rotate_left(1);
                    assert_eq!(key(&other), *expected);
                }
                other.reverse();
                assert_eq!(key(&other), *expected);
                assert_eq!(keys.iter().filter(|key| *key == expected).count(), 1, "{keys:?}");
            }
        }
    }
}
