//! The counting allocator: how many allocations a stretch of code makes, and
//! how many bytes it leaves behind.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

/// Counts only while asked to: the timed sections must not pay two atomic
/// additions an allocation, which would flatter whoever allocates least.
static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicI64 = AtomicI64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

pub struct Counting;

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, size(layout));
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, size(layout));
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, -size(layout));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(1, new_size as i64 - size(layout));
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

fn size(layout: Layout) -> i64 {
    layout.size() as i64
}

fn note(allocations: i64, bytes: i64) {
    if COUNTING.load(Relaxed) {
        ALLOCATIONS.fetch_add(allocations, Relaxed);
        LIVE.fetch_add(bytes, Relaxed);
    }
}

/// What a stretch of code did to the heap.
#[derive(Clone, Copy)]
pub struct Heap {
    pub allocations: i64,
    pub live_bytes: i64,
}

/// Runs `work` and says what all threads together did to the heap meanwhile.
pub fn count(work: impl FnOnce()) -> Heap {
    let before = (ALLOCATIONS.load(Relaxed), LIVE.load(Relaxed));
    COUNTING.store(true, Relaxed);
    work();
    COUNTING.store(false, Relaxed);
    Heap {
        allocations: ALLOCATIONS.load(Relaxed) - before.0,
        live_bytes: LIVE.load(Relaxed) - before.1,
    }
}
