//! Dependencies: their checks, the threads that run them, and their states.

pub(crate) mod cell;
pub(crate) mod check;
mod known;
mod runner;
pub(crate) mod set;
pub(crate) mod state;
mod watch;
