//! Each reason for which a configuration is refused, and its sentence.

use std::fmt;

/// Why a [`BigBrother`](crate::BigBrother) could not be built.
///
/// Returned by `try_build`; `build` panics with the same sentence. A refusal is
/// always about the configuration, so it shows at start-up and never later. Each
/// sentence says what was refused, why, and what to do.
///
/// ```
/// use actix_monitor::{BigBrother, BuildError};
///
/// let refusal = BigBrother::builder().isolated().buckets([0.3, 0.1]).try_build().unwrap_err();
/// assert!(matches!(refusal, BuildError::Buckets { .. }));
/// assert_eq!(
///     refusal.to_string(),
///     "buckets: 0.1 does not come after 0.3; give the bounds in strictly increasing order",
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BuildError {
    /// The version is an empty string.
    EmptyVersion,
    /// The bounds of a histogram cannot be used.
    Buckets {
        /// The setter that was given them.
        option: &'static str,
        /// What is wrong with them.
        reason: BucketsError,
    },
    /// The endpoint does not start with `/`.
    Endpoint {
        /// What was given.
        path: String,
    },
    /// No request could match what is to be excluded.
    Exclude {
        /// What was given.
        pattern: String,
    },
    /// Messages are to come from a header whose name no header can have.
    ErrorMessageHeader {
        /// What was given.
        name: String,
    },
    /// A dependency has an empty name.
    EmptyDependencyName,
    /// A dependency was given twice to one builder.
    DuplicateDependency {
        /// The name that both have.
        name: String,
    },
    /// A dependency's `every` or `timeout` is zero.
    ZeroDuration {
        /// The dependency.
        name: String,
        /// The setter: `every` or `timeout`.
        option: &'static str,
    },
    /// The series limit is zero.
    ZeroSeriesLimit,
    /// A constant label cannot be put on the page.
    ConstLabel {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: ConstLabelError,
    },
    /// The process already has a monitor, and it was configured otherwise.
    Conflict {
        /// The option that differs.
        option: String,
        /// Its value in the running monitor.
        current: String,
        /// The value that was refused.
        requested: String,
    },
}

/// What is wrong with the bounds of a histogram.
///
/// ```
/// use actix_monitor::{BigBrother, BucketsError, BuildError};
///
/// let refusal = BigBrother::builder().isolated().buckets([]).try_build().unwrap_err();
/// assert_eq!(refusal, BuildError::Buckets { option: "buckets", reason: BucketsError::Empty });
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BucketsError {
    /// There are none.
    Empty,
    /// A bound is infinite or not a number. `+Inf` is added by itself.
    NotFinite(f64),
    /// A bound is zero or negative: no duration falls below it.
    NotPositive(f64),
    /// A bound is not above the one before it.
    NotIncreasing {
        /// The bound.
        bound: f64,
        /// The one before it.
        previous: f64,
    },
}

/// What is wrong with a constant label.
///
/// ```
/// use actix_monitor::{BigBrother, BuildError, ConstLabelError};
///
/// let refusal = BigBrother::builder().isolated().const_label("status", "x").try_build();
/// assert!(matches!(
///     refusal,
///     Err(BuildError::ConstLabel { reason: ConstLabelError::Reserved, .. })
/// ));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConstLabelError {
    /// The key is one of the protocol's own, or begins with `__`.
    Reserved,
    /// The key is not a Prometheus label name.
    Invalid,
    /// The key was given twice.
    Duplicate,
}

impl BuildError {
    /// The error of a build that contradicts the running monitor.
    pub(crate) fn conflict(
        option: &str,
        current: &dyn fmt::Debug,
        requested: &dyn fmt::Debug,
    ) -> Self {
        Self::Conflict {
            option: option.to_owned(),
            current: format!("{current:?}"),
            requested: format!("{requested:?}"),
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyVersion => f.write_str(
                "version: it is empty, and an empty label is no label to Prometheus; \
                 give the running version, or leave the option out to show \"unknown\"",
            ),
            Self::Buckets { option, reason } => write!(f, "{option}: {reason}"),
            Self::Endpoint { path } => write!(
                f,
                "endpoint: {path:?} does not start with \"/\", so no request could reach it; \
                 give an absolute path such as \"/metrics\", or use no_endpoint()"
            ),
            Self::Exclude { pattern } => write!(
                f,
                "exclude: no request could match {pattern:?}; give a path such as \"/health\", a \
                 prefix such as \"/static/*\" or a route's pattern such as \"/users/{{id}}\", each \
                 beginning with \"/\""
            ),
            Self::ErrorMessageHeader { name } => write!(
                f,
                "error_message: {name:?} is no name that a header can have, so no message would \
                 be found; give one such as \"Error-Message\""
            ),
            Self::EmptyDependencyName => f.write_str(
                "dependency: its name is empty, and the name is all that tells dependencies \
                 apart on the page; give it one",
            ),
            Self::DuplicateDependency { name } => write!(
                f,
                "dependency {name:?}: it was given twice, and both would write to one series; \
                 give each its own name"
            ),
            Self::ZeroDuration { name, option } => write!(
                f,
                "dependency {name:?}: {option} is zero, which no check can keep to; \
                 give it a duration above zero"
            ),
            Self::ZeroSeriesLimit => f.write_str(
                "series_limit: it is zero, so not even the first request could be counted; \
                 give the number of label sets that a family may hold",
            ),
            Self::ConstLabel { key, reason } => write!(f, "const_label {key:?}: {reason}"),
            Self::Conflict { option, current, requested } => write!(
                f,
                "{option}: the monitor of this process has {current}, this build asks for \
                 {requested}; all builds of a process share one monitor, so give each the same, \
                 leave the option out to inherit it, or make this one isolated()"
            ),
        }
    }
}

impl fmt::Display for BucketsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "there is no bound, so everything would fall into +Inf; give at least one, or \
                 leave the option out for the default",
            ),
            Self::NotFinite(bound) => write!(
                f,
                "{bound} is not a finite number; leave it out (the +Inf bucket is always there)"
            ),
            Self::NotPositive(bound) => {
                write!(f, "{bound} is not above zero, and no duration is; give seconds above zero")
            }
            Self::NotIncreasing { bound, previous } => write!(
                f,
                "{bound} does not come after {previous}; give the bounds in strictly increasing \
                 order"
            ),
        }
    }
}

impl fmt::Display for ConstLabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserved => "the key belongs to the protocol or to Prometheus; choose another",
            Self::Invalid => {
                "the key is no label name; use letters, digits and underscores, not beginning \
                 with a digit"
            }
            Self::Duplicate => "the key was given twice; give each key once",
        })
    }
}

impl std::error::Error for BuildError {}
impl std::error::Error for BucketsError {}
impl std::error::Error for ConstLabelError {}
