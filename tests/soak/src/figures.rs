//! What must not grow: memory, descriptors and threads of this process.

use std::alloc::System;
use std::fs::read_dir;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::support::memory::resident;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Bytes that are allocated and not freed.
    pub(crate) heap: usize,
    /// Resident memory, with what the allocator keeps of what was freed.
    pub(crate) resident: usize,
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
}

impl Figures {
    pub(crate) fn now() -> Self {
        let count = |folder| read_dir(folder).expect("Linux").count();
        let allocated = ALLOCATOR.stats();
        Self {
            heap: allocated.bytes_allocated.saturating_sub(allocated.bytes_deallocated),
            resident: resident(),
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
        }
    }
}
