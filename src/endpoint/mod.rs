//! The handlers: the metrics page, readiness and the dashboard.

#[cfg(feature = "dashboard")]
pub(crate) mod assets;
#[cfg(feature = "dashboard")]
pub(crate) mod dashboard;
pub(crate) mod metrics;
pub(crate) mod readiness;
