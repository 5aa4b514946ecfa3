//! A loop that runs on an arbiter: started, started anew elsewhere, stopped, and
//! found out when it holds its thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_rt::ArbiterHandle;
use futures_util::future::{AbortHandle, Abortable, LocalBoxFuture};

/// Makes the loop's future, anew for each start.
pub(super) type Make = Box<dyn Fn() -> LocalBoxFuture<'static, ()> + Send + Sync>;

pub(super) struct Task {
    name: String,
    make: Make,
    /// How long one poll may take before it counts as holding the thread.
    patience: Duration,
    /// Which start of the loop is the living one; 0 where there is none.
    running: AtomicU64,
    starts: AtomicU64,
    /// The arbiter of that start.
    arbiter: AtomicU64,
    /// When the poll under way began, in milliseconds of `clock`; 0 between polls.
    polled_at: AtomicU64,
    stop: Mutex<Stop>,
}

/// How to stop the living start.
enum Stop {
    With(AbortHandle),
    /// There is nothing to be stopped.
    Idle,
    /// Nobody wants the loop any more: it is not to be started again.
    Closed,
}

impl Task {
    pub(super) fn new(name: &str, make: Make, patience: Duration) -> Self {
        Self {
            name: name.to_owned(),
            make,
            patience,
            running: AtomicU64::new(0),
            starts: AtomicU64::new(0),
            arbiter: AtomicU64::new(0),
            polled_at: AtomicU64::new(0),
            stop: Mutex::new(Stop::Idle),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.load(Ordering::SeqCst) != 0
    }

    /// Whether it holds the thread of this arbiter.
    pub(super) fn blocks(&self, arbiter: u64) -> bool {
        let polled_at = self.polled_at.load(Ordering::SeqCst);
        let held = Duration::from_millis(clock().saturating_sub(polled_at));
        self.is_on(arbiter) && polled_at != 0 && held > self.patience
    }

    pub(super) fn is_on(&self, arbiter: u64) -> bool {
        self.arbiter.load(Ordering::SeqCst) == arbiter
    }

    /// Ends the loop: at its next poll, or now if it is not being polled.
    pub(super) fn stop(&self) {
        self.end(Stop::Idle);
    }

    /// Ends the loop for ever.
    pub(super) fn close(&self) {
        self.end(Stop::Closed);
    }

    fn end(&self, after: Stop) {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stop::With(handle) = &*stop {
            handle.abort();
        }
        if !matches!(*stop, Stop::Closed) {
            *stop = after;
        }
        self.running.store(0, Ordering::SeqCst);
    }

    /// Starts the loop; `false` where the arbiter is gone.
    pub(super) fn start(self: &Arc<Self>, handle: &ArbiterHandle, arbiter: u64) -> bool {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*stop, Stop::Closed) {
            return true;
        }
        let (handle_of_start, registration) = AbortHandle::new_pair();
        *stop = Stop::With(handle_of_start);
        drop(stop);
        let start = self.starts.fetch_add(1, Ordering::SeqCst) + 1;
        self.running.store(start, Ordering::SeqCst);
        self.arbiter.store(arbiter, Ordering::SeqCst);
        self.polled_at.store(0, Ordering::SeqCst);
        let gone = Gone { task: Arc::clone(self), start };
        handle.spawn_fn(move || {
            let future = (gone.task.make)();
            let polled = Polled { future, task: Arc::clone(&gone.task), start };
            let future = Abortable::new(polled, registration);
            actix_rt::spawn(async move {
                let _gone = gone;
                // An aborted loop has nobody left to tell.
                let _ = future.await;
            });
        })
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("name", &self.name)
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

/// Told when a start of the loop is gone: it ended, never began, or was lost
/// together with its arbiter.
struct Gone {
    task: Arc<Task>,
    start: u64,
}

impl Drop for Gone {
    fn drop(&mut self) {
        let running = &self.task.running;
        // Fails where another start lives by now, and that one is not gone.
        let _ = running.compare_exchange(self.start, 0, Ordering::SeqCst, Ordering::SeqCst);
    }
}

/// Notes down how long each poll takes, seen from other threads.
struct Polled {
    future: LocalBoxFuture<'static, ()>,
    task: Arc<Task>,
    start: u64,
}

impl Future for Polled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let task = Arc::clone(&self.task);
        let start = self.start;
        // A start that was given up must not speak for the living one.
        let note = |at| {
            if task.running.load(Ordering::SeqCst) == start {
                task.polled_at.store(at, Ordering::SeqCst);
            }
        };
        note(clock());
        let polled = self.future.as_mut().poll(cx);
        note(0);
        polled
    }
}

/// Milliseconds since the first call, and never 0.
fn clock() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let elapsed = FIRST.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}
