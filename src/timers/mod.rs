//! Timers for what the middleware does not see.

pub(crate) mod status;
pub(crate) mod timer;
