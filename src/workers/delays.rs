//! The delays of the event loops: how late a timer fires on each worker.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_rt::Arbiter;
use tokio::runtime::Handle;

use super::event_loop::EventLoop;
use crate::clock::as_nanos;
use crate::store::buckets::Buckets;

/// The time between two measurements on a worker.
const PERIOD: Duration = Duration::from_millis(100);

/// The upper bounds of the buckets in seconds. Not below a few milliseconds: the timers
/// of tokio have a resolution of one.
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The delays of all event loops. Locked: each worker records ten times per second.
#[derive(Debug)]
pub(crate) struct Delays {
    buckets: Buckets,
    totals: Mutex<DelayTotals>,
}

/// The state at one moment.
#[derive(Clone, Debug)]
pub(crate) struct DelayTotals {
    pub(crate) nanos: u64,
    /// Observations per bucket, not cumulated, `+Inf` last.
    pub(crate) counts: Vec<u64>,
}

impl Default for Delays {
    fn default() -> Self {
        let buckets = Buckets::new(&BOUNDS);
        let totals = DelayTotals { nanos: 0, counts: vec![0; buckets.count()] };
        Self { buckets, totals: Mutex::new(totals) }
    }
}

impl Delays {
    pub(crate) fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    pub(crate) fn totals(&self) -> DelayTotals {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, delay: Duration) {
        let nanos = as_nanos(delay);
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.nanos = totals.nanos.saturating_add(nanos);
        if let Some(count) = totals.counts.get_mut(self.buckets.index_of(nanos)) {
            *count += 1;
        }
    }
}

/// Starts to measure the event loop of the calling thread, until `event_loop` is gone or
/// the runtime ends. Does nothing without a runtime.
pub(super) fn measure(event_loop: &Arc<EventLoop>, delays: &Arc<Delays>) {
    let timer = run(Arc::downgrade(event_loop), Arc::clone(delays));
    // Among the tasks of connections if there is an arbiter, which waits as long as they
    // do. A worker under plain tokio has none.
    if let Some(arbiter) = Arbiter::try_current() {
        arbiter.spawn(timer);
    } else if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(timer);
    }
}

async fn run(event_loop: Weak<EventLoop>, delays: Arc<Delays>) {
    while event_loop.strong_count() > 0 {
        // Of std: the clock of tokio can be stopped.
        let expected = Instant::now() + PERIOD;
        tokio::time::sleep(PERIOD).await;
        delays.record(expected.elapsed());
    }
}
