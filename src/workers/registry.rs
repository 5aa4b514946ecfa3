//! The workers of one monitor.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::blocked::BlockedRoutes;
use super::delays::{self, Delays};
use super::event_loop::EventLoop;
use crate::clock::as_nanos;

/// What is known of the workers, if they are watched.
#[derive(Debug)]
pub(crate) struct Workers {
    /// A request that holds its worker for as many nanoseconds or more blocks it.
    pub(crate) threshold: u64,
    pub(crate) blocked: BlockedRoutes,
    pub(crate) delays: Arc<Delays>,
    threads: Mutex<Threads>,
}

#[derive(Debug, Default)]
struct Threads {
    alive: Vec<Arc<EventLoop>>,
    /// How long workers were busy that have ended: a counter does not fall.
    busy_of_ended: Duration,
}

/// One middleware's part in a worker. The timer of the worker runs while there is one.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) workers: Arc<Workers>,
    pub(crate) event_loop: Arc<EventLoop>,
    /// How many requests had no gap, up to [`ENOUGH`]; `None` once one had.
    without_gap: Cell<Option<u16>>,
}

/// How many requests must have no gap before gaps are no longer looked for in each.
const ENOUGH: u16 = 1000;

impl Worker {
    /// Whether middlewares around this one do not wait within holds, as far as is known.
    #[inline]
    pub(crate) fn has_no_gaps(&self) -> bool {
        self.without_gap.get() == Some(ENOUGH)
    }

    /// A request has passed both points of a hold at which middlewares around this one may
    /// wait, and none did.
    pub(crate) fn found_no_gap(&self) {
        let more = |requests: u16| requests.saturating_add(1).min(ENOUGH);
        self.without_gap.set(self.without_gap.get().map(more));
    }

    /// The thread waited within a hold, or did something for another request.
    pub(crate) fn found_gap(&self) {
        self.without_gap.set(None);
    }
}

impl Workers {
    pub(crate) fn new(threshold: Duration) -> Arc<Self> {
        Arc::new(Self {
            threshold: as_nanos(threshold),
            blocked: BlockedRoutes::default(),
            delays: Arc::default(),
            threads: Mutex::default(),
        })
    }

    /// The worker that is the calling thread, for one more middleware.
    pub(crate) fn attach(self: &Arc<Self>) -> Worker {
        let thread = thread::current().id();
        let mut threads = self.lock();
        let known = threads.alive.iter().find(|event_loop| event_loop.thread == thread).cloned();
        let event_loop = known.unwrap_or_else(|| {
            let event_loop = Arc::new(EventLoop::new());
            threads.alive.push(Arc::clone(&event_loop));
            delays::measure(&event_loop, &self.delays);
            event_loop
        });
        // Relaxed: ordered by the lock.
        event_loop.middlewares.fetch_add(1, Ordering::Relaxed);
        drop(threads);
        Worker { workers: Arc::clone(self), event_loop, without_gap: Cell::new(Some(0)) }
    }

    /// The number of workers, and how long they and earlier ones were busy.
    pub(crate) fn alive_and_busy(&self) -> (usize, Duration) {
        let threads = self.lock();
        let busy = threads.alive.iter().map(|event_loop| event_loop.busy());
        (threads.alive.len(), busy.fold(threads.busy_of_ended, Duration::saturating_add))
    }

    fn lock(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// # Drop
///
/// With the last middleware of a thread, its timer ends and it is no longer counted.
impl Drop for Worker {
    fn drop(&mut self) {
        let mut threads = self.workers.lock();
        // Relaxed: ordered by the lock.
        if self.event_loop.middlewares.fetch_sub(1, Ordering::Relaxed) > 1 {
            return;
        }
        threads.busy_of_ended = threads.busy_of_ended.saturating_add(self.event_loop.busy());
        threads.alive.retain(|event_loop| !Arc::ptr_eq(event_loop, &self.event_loop));
    }
}
