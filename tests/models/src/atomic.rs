//! Stands in for `store::atomic`: loom's atomics, with one crutch for loom.

use std::cell::Cell;
use std::sync::Mutex;

pub(crate) use loom::sync::atomic::{Ordering, fence};

loom::thread_local! {
    static WRITES: Cell<bool> = Cell::new(false);
}

/// Marks what `write` loads as loaded by the one writer.
pub(crate) fn as_the_writer<T>(write: impl FnOnce() -> T) -> T {
    WRITES.with(|writes| writes.set(true));
    let result = write();
    WRITES.with(|writes| writes.set(false));
    result
}

/// Loom's word, but for the loads of its one writer.
///
/// Loom decides from the last access to a word alone whether a store races with
/// what was before. A writer that loads a word and then stores to it hides a
/// reader's load from loom that way, which then tries no other order: the whole
/// model is run once. So the one writer is told its word by us; loom would give
/// it the same, the newest value, in every order. What a worker that takes a
/// shard over finds in it is told by loom: see the claim about that.
macro_rules! atomic {
    ($name:ident, $word:ty) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name {
            word: loom::sync::atomic::$name,
            newest: Mutex<$word>,
        }

        impl $name {
            #[allow(dead_code, reason = "some words are created by default")]
            pub(crate) fn new(value: $word) -> Self {
                Self { word: loom::sync::atomic::$name::new(value), newest: Mutex::new(value) }
            }

            pub(crate) fn load(&self, ordering: Ordering) -> $word {
                if WRITES.with(Cell::get) {
                    return *self.newest.lock().unwrap();
                }
                self.word.load(ordering)
            }

            pub(crate) fn store(&self, value: $word, ordering: Ordering) {
                self.word.store(value, ordering);
                *self.newest.lock().unwrap() = value;
            }
        }
    };
}

atomic!(AtomicI64, i64);
atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);
atomic!(AtomicUsize, usize);
