//! The types that the builder's setters take.

pub(crate) mod exclude;
pub(crate) mod exemplars;
pub(crate) mod label;
pub(crate) mod measurement;
pub(crate) mod message;
pub(crate) mod request_labels;
pub(crate) mod source;
