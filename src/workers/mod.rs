//! The worker threads: which routes block them, how late their event loops are, and how
//! busy they are.

pub(crate) mod blocked;
pub(crate) mod delays;
pub(crate) mod event_loop;
pub(crate) mod registry;
