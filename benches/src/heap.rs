//! A global allocator that counts allocations and live bytes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

/// Off while time is measured: two atomic additions per allocation would favour those
/// who allocate least.
static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicI64 = AtomicI64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

pub struct CountingAllocator;

// SAFETY: every call is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(1, size(layout));
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(1, size(layout));
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(0, -size(layout));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        add(1, new_size as i64 - size(layout));
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

fn size(layout: Layout) -> i64 {
    layout.size() as i64
}

fn add(allocations: i64, bytes: i64) {
    if COUNTING.load(Relaxed) {
        ALLOCATIONS.fetch_add(allocations, Relaxed);
        LIVE_BYTES.fetch_add(bytes, Relaxed);
    }
}

/// The change of the heap during some work.
#[derive(Clone, Copy)]
pub struct HeapChange {
    pub allocations: i64,
    pub live_bytes: i64,
}

/// Runs `work` and counts what all threads allocate meanwhile.
pub fn measure(work: impl FnOnce()) -> HeapChange {
    let before = (ALLOCATIONS.load(Relaxed), LIVE_BYTES.load(Relaxed));
    COUNTING.store(true, Relaxed);
    work();
    COUNTING.store(false, Relaxed);
    HeapChange {
        allocations: ALLOCATIONS.load(Relaxed) - before.0,
        live_bytes: LIVE_BYTES.load(Relaxed) - before.1,
    }
}
