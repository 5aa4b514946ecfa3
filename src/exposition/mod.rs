//! The metrics page: its formats, how families are written, and scrapes.

pub(crate) mod coding;
pub(crate) mod collector;
pub(crate) mod custom;
pub(crate) mod families;
pub(crate) mod format;
pub(crate) mod negotiation;
pub(crate) mod page;
#[cfg(feature = "native-histograms")]
pub(crate) mod protobuf;
pub(crate) mod scrape;
mod source;
pub(crate) mod sources;
pub(crate) mod writer;
