//! What is known of a request, from its beginning to its end.

use std::mem;
use std::rc::Rc;

use super::worker::Worker;
use crate::clock::Start;
use crate::protocol::Method;
use crate::recorder::writer::Slot;

/// Longest path, in bytes, whose room is kept for another request.
const PATH: usize = 512;

/// The facts of one request. They stay in one place while the request moves on:
/// the box goes from the future to the body and back to its worker.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// `None` while nobody uses the box.
    pub(super) worker: Option<Rc<Worker>>,
    pub(super) started: Option<Start>,
    pub(super) method: Method,
    pub(super) is_in_flight: bool,
    /// Whether the inner service is at work this moment: if the request is dropped
    /// then, it panicked.
    pub(super) is_inside: bool,
    /// Whether there is an answer: until then the fields below hold another
    /// request's, but for `path` and `trace_id`.
    pub(super) is_answered: bool,
    /// Whether the request is over before the body.
    pub(super) ends_at_head: bool,
    /// Whether `bytes` is what was declared or grows with what is sent.
    pub(super) counts_sent: bool,
    /// Copied for requests that are gone at their end: the room for it is there,
    /// so that costs less than counting a reference, and a clone of the request
    /// would make routing panic.
    pub(super) path: String,
    /// Empty where there is no exemplar to show.
    pub(super) trace_id: String,
    /// Where the request is counted; `None` where it is left out.
    pub(super) slot: Option<Slot>,
    pub(super) bytes: u64,
    /// Bytes of the body that are still to come, as far as it tells its length.
    pub(super) left: u64,
}

impl Facts {
    /// Counts the request where it belongs, and gives the box back.
    #[inline]
    pub(super) fn end(mut self: Box<Self>) {
        let Some(worker) = self.worker.take() else { return };
        if let (Some(slot), Some(started)) = (self.slot, self.started) {
            let nanos = started.nanos();
            worker.record(slot, nanos, self.bytes);
            if !self.trace_id.is_empty() {
                worker.exemplify(slot, nanos, mem::take(&mut self.trace_id));
            }
        }
        if self.is_in_flight {
            worker.add_in_flight(-1);
        }
        // Nobody outside decides how much memory stays behind.
        if self.path.capacity() > PATH {
            self.path = String::new();
        }
        worker.put_spare(self);
    }
}
