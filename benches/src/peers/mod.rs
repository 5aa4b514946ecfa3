//! The contenders.

pub mod family;
pub mod floor;
pub mod peer;
pub mod published;
