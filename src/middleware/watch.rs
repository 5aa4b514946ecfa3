//! The watch of a request: measures its polls, to find those that block the worker.

use std::mem;

use super::state::MiddlewareState;
use crate::clock::Start;
use crate::protocol::MethodLabel;
use crate::store::slots::Slot;
use crate::workers::blocked::Blocks;
use crate::workers::event_loop::Turn;
use crate::workers::registry::Worker;

/// Measures the polls of one request and of its body.
///
/// A poll is measured between two readings of the clock. The one before it is not needed
/// if the clock was read for this request already, and the thread has neither waited nor
/// polled another measured request since then: at the first poll, this is the start of the request,
/// and at the first poll of the body the end of the poll that returned the response. With
/// the reading at the end of a request, one reading is left that is made for this alone.
#[derive(Debug)]
pub(super) struct Watch {
    /// Nanoseconds from the start of the request to the last reading.
    last: u64,
    /// The position of the event loop at the last reading; `None` if the next poll needs
    /// another reading.
    turn: Option<Turn>,
    is_polling: bool,
    blocks: Blocks,
    /// Where the request was recorded, if this was at its head.
    pub(super) recorded: Option<Slot>,
}

impl Watch {
    /// The watch of a request that has just started.
    #[inline]
    pub(super) fn new(turn: Option<Turn>) -> Self {
        Self { last: 0, turn, is_polling: false, blocks: Blocks::default(), recorded: None }
    }

    #[inline]
    pub(super) fn begin_poll(&mut self, started: Start, worker: &Worker) {
        let turn = worker.event_loop.turn();
        if self.turn.is_none() || self.turn != turn {
            self.last = started.elapsed_nanos();
        }
        worker.event_loop.count_poll();
        // This poll is counted, and the thread cannot wait within it.
        self.turn = turn.map(|turn| turn.wrapping_add(1));
        self.is_polling = true;
    }

    /// `nanos` is the time since the start of the request. With `has_response`, the first
    /// poll of the body follows.
    #[inline]
    pub(super) fn end_poll(&mut self, nanos: u64, worker: &Worker, has_response: bool) {
        self.is_polling = false;
        let held = nanos.saturating_sub(self.last);
        if held >= worker.workers.threshold {
            self.blocks.add(Blocks { count: 1, nanos: held });
        }
        self.last = nanos;
        // Before any other poll the thread is released: whatever runs then is not measured.
        if !has_response {
            self.turn = None;
        }
    }

    /// Whether a poll has begun and not ended, also because it panicked.
    pub(super) fn is_polling(&self) -> bool {
        self.is_polling
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
