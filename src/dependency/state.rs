//! The state of a dependency, as the app sees it.

use std::time::{Duration, SystemTime};

/// Whether a dependency is up.
///
/// Returned by [`DependencyState::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DependencyStatus {
    /// There is no result yet.
    Unknown,
    /// The last result was good, and it is recent enough.
    Up,
    /// The last result was bad, or is too old.
    Down,
}

/// The last known state of a dependency.
///
/// Returned by [`Monitor::dependencies`](crate::Monitor::dependencies).
///
/// # Examples
///
/// ```
/// use actix_monitor::{BigBrother, Dependency};
///
/// let monitor = BigBrother::builder()
///     .isolated()
///     .dependency(Dependency::new("db", || async { true }).critical())
///     .build()
///     .monitor();
/// let db = &monitor.dependencies()[0];
/// assert_eq!(db.name(), "db");
/// assert!(db.is_critical());
/// ```
#[derive(Clone, Debug)]
pub struct DependencyState {
    pub(super) name: String,
    pub(super) is_critical: bool,
    pub(super) status: DependencyStatus,
    pub(super) since: Option<SystemTime>,
    pub(super) last_duration: Option<Duration>,
    pub(super) reason: Option<String>,
}

impl DependencyState {
    /// Returns the name of the dependency.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns `true` if the service is not ready without this dependency.
    pub fn is_critical(&self) -> bool {
        self.is_critical
    }

    /// Returns whether the dependency is up.
    pub fn status(&self) -> DependencyStatus {
        self.status
    }

    /// Returns when the status last changed; `None` before the first result.
    pub fn since(&self) -> Option<SystemTime> {
        self.since
    }

    /// Returns how long the last run of the check took.
    ///
    /// `None` before the first run has ended, and if the dependency has no check.
    pub fn last_duration(&self) -> Option<Duration> {
        self.last_duration
    }

    /// Returns why the dependency is down, in at most 120 characters; `None` if it
    /// is not.
    ///
    /// The text is the error that the check returned, or a fixed sentence if the
    /// check did not return in time or if the state is derived from calls.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}
