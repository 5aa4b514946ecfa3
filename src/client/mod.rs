//! Outgoing calls of HTTP clients, timed as calls to a dependency.

#[cfg(feature = "awc")]
pub(crate) mod awc;
pub(crate) mod outgoing;
#[cfg(feature = "reqwest")]
pub(crate) mod reqwest;
