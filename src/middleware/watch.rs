//! The watch of a request: measures how long it holds the worker, to find the requests
//! that block it.

use std::mem;

use super::state::MiddlewareState;
use crate::clock::Start;
use crate::protocol::MethodLabel;
use crate::store::slots::Slot;
use crate::workers::blocked::Blocks;
use crate::workers::event_loop::Turn;
use crate::workers::registry::Worker;

/// Measures how long one request and its body hold the worker.
///
/// A hold is a poll, or two: the poll that returns the response, and the first poll of the
/// body, which follows at once. The first hold begins with the request and the last one
/// ends with it, when the clock is read anyway. No reading is made for the watch of a
/// request that completes in one hold.
///
/// A middleware around this one may wait within a hold: before the first poll, or before
/// the first poll of the body. These gaps are looked for at both points, and the clock is
/// read at the response, until many requests had none. From then on they are looked for in
/// holds only that are long enough to block, and the first gap ends this for good.
#[derive(Debug)]
pub(super) struct Watch {
    hold: Hold,
    /// Nanoseconds from the start of the request to the start of the hold.
    since: u64,
    /// The turn of the event loop in which the hold began.
    turn: Option<Turn>,
    blocks: Blocks,
    /// Where the request was recorded, if this was at its head.
    pub(super) recorded: Option<Slot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// The next poll begins a hold.
    Released,
    /// The next poll begins a hold, at the last reading of the clock unless there is a gap.
    Expected,
    /// The request holds the worker.
    Held,
}

impl Watch {
    /// The watch of a request that starts. With `is_polled_next`, its first poll follows.
    #[inline]
    pub(super) fn new(worker: &Worker, is_polled_next: bool) -> Self {
        let turn = worker.event_loop.next_turn();
        let hold = match turn {
            Some(_) if is_polled_next && worker.has_no_gaps() => Hold::Held,
            Some(_) if is_polled_next => Hold::Expected,
            _ => Hold::Released,
        };
        Self { hold, since: 0, turn, blocks: Blocks::default(), recorded: None }
    }

    #[inline]
    pub(super) fn is_held(&self) -> bool {
        self.hold == Hold::Held
    }

    /// Begins a poll, of the body or of the inner service.
    pub(super) fn begin_poll(&mut self, started: Start, worker: &Worker, is_body: bool) {
        let is_continued = match self.hold {
            Hold::Held => return,
            Hold::Released => false,
            Hold::Expected => {
                let has_gap = worker.event_loop.turn() != self.turn;
                if has_gap {
                    worker.found_gap();
                } else if is_body {
                    worker.found_no_gap();
                }
                !has_gap
            }
        };
        if !is_continued {
            self.since = started.elapsed_nanos();
        }
        self.turn = worker.event_loop.next_turn();
        self.hold = Hold::Held;
    }

    /// Ends a poll. With `has_response`, the first poll of the body follows.
    #[inline]
    pub(super) fn end_poll(&mut self, started: Start, worker: &Worker, has_response: bool) {
        let has_response = has_response && self.turn.is_some();
        if has_response && worker.has_no_gaps() {
            return;
        }
        let nanos = started.elapsed_nanos();
        self.release(nanos, worker);
        if has_response {
            (self.hold, self.since) = (Hold::Expected, nanos);
        }
    }

    /// Ends the hold, if the request holds the worker, also because a poll panicked. `nanos`
    /// is the time since the start of the request.
    #[inline]
    pub(super) fn release(&mut self, nanos: u64, worker: &Worker) {
        if mem::replace(&mut self.hold, Hold::Released) != Hold::Held {
            return;
        }
        let held = nanos.saturating_sub(self.since);
        if held < worker.workers.threshold {
            return;
        }
        if worker.event_loop.turn() == self.turn {
            self.blocks.add(Blocks { count: 1, nanos: held });
        } else {
            worker.found_gap();
        }
    }

    /// Counts what has blocked so far for the route, which is known once the request has a
    /// slot.
    #[inline]
    pub(super) fn count_blocks(
        &mut self,
        middleware: &MiddlewareState,
        method: MethodLabel,
        slot: Option<Slot>,
    ) {
        if self.blocks.count > 0
            && let Some(slot) = slot.or(self.recorded)
        {
            middleware.count_blocks(slot, method, mem::take(&mut self.blocks));
        }
    }
}
