//! Code of the app that may panic where a panic must not spread.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls `f`, which may panic.
///
/// The logger of the app is called in this way. Its panic, for example because its disk is
/// full, would otherwise cost a request its record or a scrape its page, and end the process if
/// the record is written while another panic unwinds.
pub(crate) fn contain(f: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(f)) {
        discard(panic);
    }
}

/// Drops what a panic carries, which may panic as well.
pub(crate) fn discard(panic: Box<dyn Any + Send>) {
    if let Err(next) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(next);
    }
}
