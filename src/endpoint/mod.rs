//! The handlers: the metrics page and readiness.

pub(crate) mod metrics;
pub(crate) mod readiness;
