//! Stands in for `store::atomic`: loom's atomics, with one crutch for loom.

use std::cell::Cell;
use std::sync::atomic as real;

pub(crate) use loom::sync::atomic::{Ordering, fence};

loom::thread_local! {
    static WRITES: Cell<bool> = Cell::new(false);
}

/// Marks what `write` loads as loaded by the one writer.
pub(crate) fn as_the_writer(write: impl FnOnce()) {
    WRITES.with(|writes| writes.set(true));
    write();
    WRITES.with(|writes| writes.set(false));
}

/// Loom's word, but for the loads of its one writer.
///
/// Loom decides from the last access to a word alone whether a store races with
/// what was before. A writer that loads a word and then stores to it hides a
/// reader's load from loom that way, which then tries no other order: the whole
/// model is run once. So the one writer is told its word by us; loom would give
/// it the same, the newest value, in every order. What a worker that takes a
/// shard over finds in it is told by loom: see the claim about that.
#[derive(Debug, Default)]
pub(crate) struct AtomicU64 {
    word: loom::sync::atomic::AtomicU64,
    newest: real::AtomicU64,
}

impl AtomicU64 {
    pub(crate) fn load(&self, ordering: Ordering) -> u64 {
        if WRITES.with(Cell::get) {
            return self.newest.load(real::Ordering::Relaxed);
        }
        self.word.load(ordering)
    }

    pub(crate) fn store(&self, value: u64, ordering: Ordering) {
        self.word.store(value, ordering);
        self.newest.store(value, real::Ordering::Relaxed);
    }
}
