//! Dependencies: what a check is, how it is watched, and where that happens.

pub(crate) mod check;
pub(crate) mod runner;
mod task;
pub(crate) mod watch;
