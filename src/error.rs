//! The error of an invalid configuration.

use std::fmt;

/// The error returned when a configuration is invalid.
///
/// Returned by [`try_build`](crate::BigBrotherBuilder::try_build);
/// [`build`](crate::BigBrotherBuilder::build) panics with the same message. The
/// message names the option, the value, what is wrong with it and what to do.
///
/// # Examples
///
/// ```
/// use actix_monitor::BigBrother;
///
/// let error = BigBrother::builder().isolated().buckets([0.3, 0.1]).try_build().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "buckets: 0.1 does not come after 0.3; give the bounds in strictly increasing order",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    message: String,
}

impl BuildError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// The error of a build that contradicts the running monitor.
    pub(crate) fn conflict(
        option: &str,
        current: &dyn fmt::Debug,
        requested: &dyn fmt::Debug,
    ) -> Self {
        Self::new(format!(
            "{option}: the monitor of this process has {current:?}, this build sets {requested:?}; \
             all builds of a process share one monitor, so set the same value in each, leave the \
             option out to inherit it, or make this monitor isolated()"
        ))
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BuildError {}
