//! The monitor: what all workers share and what the app holds.

pub(crate) mod config;
mod core;
pub(crate) mod families;
pub(crate) mod global;
pub(crate) mod handle;
pub(crate) mod page;
