//! What is known of a request, from its beginning to its end.

use std::rc::Rc;
use std::time::Instant;

use super::worker::Worker;
use crate::recorder::Slot;

/// Longest path, in bytes, whose room is kept for another request.
const PATH: usize = 512;

/// The facts of one request. They stay in one place while the request moves on:
/// the box goes from the future to the body and back to its worker.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// `None` while nobody uses the box.
    pub(super) worker: Option<Rc<Worker>>,
    pub(super) started: Option<Instant>,
    pub(super) method: &'static str,
    pub(super) is_head: bool,
    pub(super) is_in_flight: bool,
    /// Copied for requests that are gone at their end: the room for it is there,
    /// so that costs less than counting a reference, and a clone of the request
    /// would make routing panic.
    pub(super) path: String,
    pub(super) trace_id: Option<String>,
    /// Where the request is counted, once its labels are known.
    pub(super) slot: Option<Slot>,
    pub(super) bytes: u64,
    /// Whether `bytes` is what was declared or grows with what is sent.
    pub(super) counts_sent: bool,
    /// Bytes of a body of known length that are still to come.
    pub(super) left: Option<u64>,
}

impl Facts {
    /// Counts the request where it belongs, and gives the box back.
    #[inline]
    pub(super) fn end(mut self: Box<Self>) {
        let Some(worker) = self.worker.take() else { return };
        if let (Some(slot), Some(started)) = (self.slot.take(), self.started) {
            let duration = started.elapsed();
            worker.record(slot, duration, self.bytes);
            if let Some(trace_id) = self.trace_id.take() {
                worker.exemplify(slot, duration, trace_id);
            }
        }
        self.release(&worker);
    }

    #[inline]
    fn release(mut self: Box<Self>, worker: &Worker) {
        if self.is_in_flight {
            worker.add_in_flight(-1);
        }
        // Nobody outside decides how much memory stays behind.
        if self.path.capacity() > PATH {
            self.path = String::new();
        }
        self.trace_id = None;
        worker.put_spare(self);
    }
}
