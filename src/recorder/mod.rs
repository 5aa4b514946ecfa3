//! One worker's way to its series.

mod recent;
pub(crate) mod shared;
pub(crate) mod writer;
