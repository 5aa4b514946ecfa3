//! Append-only storage that never moves what it holds: grown by one thread, read
//! by all, without a lock. What stands on a shelf is left to its owner.

use std::sync::OnceLock;

/// Places in the first chunk; each further chunk has twice as many.
const FIRST: usize = 8;
/// Chunks enough for 2^31 places.
const CHUNKS: usize = 28;

/// Chunks of doubling size, made when the first of their places is needed.
#[derive(Debug)]
pub(crate) struct Shelf<C> {
    chunks: [OnceLock<C>; CHUNKS],
}

impl<C> Default for Shelf<C> {
    fn default() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS] }
    }
}

impl<C> Shelf<C> {
    /// The chunk of place `index` and the position within it, if the chunk exists.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<(&C, usize)> {
        let (chunk, offset) = Self::locate(index);
        Some((self.chunk(chunk)?, offset))
    }

    /// The chunk with this number, if it exists.
    #[inline]
    pub(crate) fn chunk(&self, number: usize) -> Option<&C> {
        self.chunks.get(number)?.get()
    }

    /// In which chunk a place is, and where within it.
    #[inline]
    pub(crate) fn locate(index: usize) -> (usize, usize) {
        let chunk = (index / FIRST + 1).ilog2() as usize;
        (chunk, index - FIRST * ((1 << chunk) - 1))
    }

    /// Like `get`, but makes the chunk, told how many places it has. `None` past
    /// the last place there can be.
    pub(crate) fn get_or_make(
        &self,
        index: usize,
        make: impl FnOnce(usize) -> C,
    ) -> Option<(&C, usize)> {
        let (chunk, offset) = Self::locate(index);
        let cell = self.chunks.get(chunk)?;
        Some((cell.get_or_init(|| make(FIRST << chunk)), offset))
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST, Shelf};

    #[test]
    fn places_follow_one_another_through_the_chunks() {
        let mut expected = (0, 0);
        for index in 0..10_000 {
            assert_eq!(Shelf::<()>::locate(index), expected, "place {index}");
            expected.1 += 1;
            if expected.1 == FIRST << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn a_chunk_is_made_once() {
        let shelf = Shelf::default();
        assert!(shelf.get(9).is_none());
        assert_eq!(shelf.get_or_make(9, |len| len), Some((&16, 1)));
        assert_eq!(shelf.get_or_make(8, |_| 0), Some((&16, 0)));
        assert_eq!(shelf.get(9), Some((&16, 1)));
        assert!(shelf.get_or_make(usize::MAX / 2, |len| len).is_none());
    }
}
