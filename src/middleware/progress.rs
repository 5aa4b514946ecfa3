//! How far a request is.

use crate::clock::Start;
use crate::protocol::MethodLabel;
use crate::store::slots::Slot;

/// What changes during a request. Set as a whole when a request begins, so that nothing
/// is left of the one before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub(super) started: Start,
    pub(super) method: MethodLabel,
    pub(super) phase: Phase,
    /// Where the request is recorded. `None` until there is a response, and if the
    /// request is excluded.
    pub(super) slot: Option<Slot>,
    pub(super) bytes: u64,
    /// Bytes of the body still to come, as far as its length is declared.
    pub(super) remaining: u64,
    /// Whether `bytes` is the number of bytes sent.
    pub(super) counts_sent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The inner service is not running.
    Idle,
    /// The inner service is being polled. If the guard is dropped in this phase, the inner
    /// service has panicked.
    Polled,
    /// There is a response.
    Responded,
}

impl Progress {
    #[inline]
    pub(super) fn new(method: MethodLabel) -> Self {
        Self {
            started: Start::now(),
            method,
            phase: Phase::Idle,
            slot: None,
            bytes: 0,
            remaining: u64::MAX,
            counts_sent: false,
        }
    }
}
