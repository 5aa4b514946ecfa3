//! Writers for callers that are no worker, on whatever thread.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use super::writer::{Recorder, Writer};
use crate::labels::LabelSet;

/// Writers for callers that are no worker: any thread takes one, and keeps to the
/// same one as long as nobody else is at it.
#[derive(Debug)]
pub(crate) struct SharedWriters {
    seats: Box<[Arc<Seat>]>,
}

/// A caller's hold on the writers, and the writer that it tries first. There are
/// several, because threads that count references in one place hold each other up
/// as much as a lock would. On cache lines of its own, as its count then is: two
/// lines, because processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Seat {
    writers: Arc<[Desk]>,
    recorder: Arc<Recorder>,
    first: usize,
}

/// A writer that threads share, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Desk(Mutex<Option<Writer>>);

impl SharedWriters {
    pub(crate) fn new(recorder: &Arc<Recorder>) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let writers: Arc<[_]> = (0..threads).map(|_| Desk::default()).collect();
        let seat = |first| {
            let (writers, recorder) = (Arc::clone(&writers), Arc::clone(recorder));
            Arc::new(Seat { writers, recorder, first })
        };
        Self { seats: (0..threads).map(seat).collect() }
    }

    /// The calling thread's seat.
    pub(crate) fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.seats[THREAD.with(|thread| *thread) % self.seats.len()])
    }
}

impl Seat {
    /// Counts one observation, from any thread.
    pub(crate) fn record(&self, labels: &LabelSet<'_>, nanos: u64, bytes: u64) {
        let count = |writer: &mut Writer| {
            if let Some(slot) = writer.slot(labels) {
                writer.record(slot, nanos, bytes);
            }
        };
        match self.free() {
            Some(mut writer) => count(writer.get_or_insert_with(|| self.recorder.writer())),
            // Nobody waits here. A logger that records a call of its own while it is
            // told of a full family would wait for itself.
            None => count(&mut self.recorder.writer()),
        }
    }

    fn free(&self) -> Option<MutexGuard<'_, Option<Writer>>> {
        let (before, from) = self.writers.split_at(self.first);
        from.iter().chain(before).find_map(|desk| desk.0.try_lock().ok())
    }
}

thread_local! {
    /// A number of its own for each thread, so that threads spread over seats.
    static THREAD: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed)
    };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Recorder, SharedWriters};
    use crate::labels::{LabelSet, Status};
    use crate::metrics::buckets::Buckets;
    use crate::metrics::family::Family;

    const LABELS: LabelSet<'_> = LabelSet {
        addr: "orders",
        status: Status::Text("ok"),
        method: "GET",
        is_error: false,
        kind: "http",
        name: None,
        message: None,
    };

    #[test]
    fn nobody_waits_for_a_writer() {
        let family = Arc::new(Family::new(Buckets::new(&[1.0]), 10, ""));
        let seat = SharedWriters::new(&Recorder::new(Arc::clone(&family))).seat();
        let held: Vec<_> = seat.writers.iter().map(|desk| desk.0.lock()).collect();
        for _ in 0..2 {
            seat.record(&LABELS, 0, 0);
        }
        drop(held);
        assert_eq!(family.lanes().len(), 1, "a lane is handed on");
        assert_eq!(family.lanes()[0].shards().count(), 1);
    }
}
