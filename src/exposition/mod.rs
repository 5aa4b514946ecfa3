//! From registry to page: which format answers, and its text.

pub(crate) mod format;
pub(crate) mod negotiation;
pub(crate) mod openmetrics;
pub(crate) mod text;
