//! The event loop of one worker.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor, RuntimeMetrics};

/// The event loop of one thread that serves requests. All but the number of middlewares
/// is changed by that thread only.
#[derive(Debug)]
pub(crate) struct EventLoop {
    pub(super) thread: ThreadId,
    /// Middlewares of the thread. Changed while the registry of workers is locked.
    pub(super) middlewares: AtomicUsize,
    /// Holds of requests that have begun on the thread.
    holds: AtomicU64,
    /// `None` outside of a runtime, or in one of several threads.
    runtime: Option<RuntimeMetrics>,
    /// How long the runtime had been busy before.
    busy_before: Duration,
}

/// A position of an event loop. Equal positions have nothing between them that waited, or
/// that held the thread for another request.
pub(crate) type Turn = u64;

impl EventLoop {
    /// The event loop of the calling thread.
    pub(super) fn new() -> Self {
        let runtime = Handle::try_current().ok();
        let is_single = |handle: &Handle| handle.runtime_flavor() == RuntimeFlavor::CurrentThread;
        let runtime = runtime.filter(is_single).map(|handle| handle.metrics());
        Self {
            thread: thread::current().id(),
            middlewares: AtomicUsize::new(0),
            holds: AtomicU64::new(0),
            busy_before: runtime.as_ref().map_or(Duration::ZERO, busy),
            runtime,
        }
    }

    /// The present position. `None` if it is unknown.
    #[inline]
    pub(crate) fn turn(&self) -> Option<Turn> {
        let parks = self.runtime.as_ref()?.worker_park_count(0);
        // Relaxed: only this thread changes either.
        Some(parks.wrapping_add(self.holds.load(Ordering::Relaxed)))
    }

    /// Counts a hold that begins, and returns its position. Called on the thread itself.
    #[inline]
    pub(crate) fn next_turn(&self) -> Option<Turn> {
        // Relaxed: see above. Not one operation, because there is one writer.
        self.holds.store(self.holds.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.turn()
    }

    /// How long the thread has been busy, as opposed to waiting for events.
    pub(super) fn busy(&self) -> Duration {
        let busy = self.runtime.as_ref().map_or(Duration::ZERO, busy);
        busy.saturating_sub(self.busy_before)
    }
}

fn busy(runtime: &RuntimeMetrics) -> Duration {
    runtime.worker_total_busy_duration(0)
}
