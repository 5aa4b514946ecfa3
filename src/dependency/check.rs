//! What a check may be, its schedule and its verdict.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol;

/// What a check found: up, or down and why.
pub(crate) type Verdict = Result<(), String>;

/// A check on its way. It stays on the thread that asked for it.
pub(crate) type CheckFuture = Pin<Box<dyn Future<Output = Verdict>>>;

/// Something the service needs, with the check that tells whether it is there.
///
/// The check runs at once and then every 15 seconds
/// ([`every`](Self::every)), for at most 5 seconds ([`timeout`](Self::timeout)),
/// off the threads that serve requests. It is up when the check says so in time;
/// a check that says no, fails, panics or does not end is down, and the page
/// shows `dependency_up{name="…"} 0`.
///
/// ```
/// use actix_monitor::{BigBrother, Dependency};
/// use std::time::Duration;
///
/// let monitor = BigBrother::builder()
///     .isolated()
///     .dependency(
///         Dependency::new("queue", || async { Err::<(), _>("connection refused") })
///             .every(Duration::from_secs(30))
///             .timeout(Duration::from_secs(2)),
///     )
///     .build();
/// ```
#[derive(Clone)]
#[must_use = "a dependency is watched once it is given to a builder"]
pub struct Dependency {
    pub(crate) name: String,
    pub(crate) schedule: Schedule,
    pub(crate) check: Arc<dyn Fn() -> CheckFuture + Send + Sync>,
}

/// When a check runs and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    pub(crate) is_critical: bool,
}

impl Schedule {
    /// The timeout in force: a check never runs into its successor.
    pub(crate) fn limit(&self) -> Duration {
        self.timeout.min(self.every)
    }

    /// How old a verdict may be before it no longer counts.
    pub(crate) fn lifetime(&self) -> Duration {
        self.every.saturating_add(self.limit())
    }
}

impl Dependency {
    /// A dependency with an asynchronous check.
    ///
    /// `name` becomes the `name` label. The check answers with a `bool`, or with
    /// a `Result` whose error is told in the log and by
    /// [`Monitor::dependencies`](crate::Monitor::dependencies); of an `Ok` only
    /// that it is one counts. All checks of a process share one thread, so a
    /// check that must block belongs into [`Dependency::blocking`].
    ///
    /// ```
    /// use actix_monitor::Dependency;
    ///
    /// let cache = Dependency::new("cache", || async { true });
    /// ```
    pub fn new<F, Fut>(name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future + 'static,
        Fut::Output: CheckResult,
    {
        let check = Arc::new(check);
        Self::with_check(name.into(), move || {
            let check = Arc::clone(&check);
            // Called within the future, so that a panic of either is contained.
            Box::pin(async move { check().await.into_result() })
        })
    }

    /// A dependency whose check blocks its thread: it runs on the blocking pool.
    ///
    /// A blocking check cannot be interrupted: one that outlives its timeout
    /// counts as down at once, and the next waits until it has returned.
    ///
    /// ```
    /// use actix_monitor::Dependency;
    ///
    /// let disk = Dependency::blocking("disk", || std::fs::metadata("/var/lib/app"));
    /// ```
    pub fn blocking<F, R>(name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: CheckResult,
    {
        let check = Arc::new(check);
        // Held by the check while it runs: the pool must not fill up with copies
        // of a check that hangs.
        let is_running = Arc::new(tokio::sync::Semaphore::new(1));
        Self::with_check(name.into(), move || {
            let (check, is_running) = (Arc::clone(&check), Arc::clone(&is_running));
            Box::pin(async move {
                let Ok(permit) = is_running.acquire_owned().await else { return Ok(()) };
                let verdict = actix_rt::task::spawn_blocking(move || {
                    let verdict = check().into_result();
                    drop(permit);
                    verdict
                });
                match verdict.await {
                    Ok(verdict) => verdict,
                    Err(failure) if failure.is_panic() => Err("the check panicked".to_owned()),
                    Err(_) => Err("the check was cancelled".to_owned()),
                }
            })
        })
    }

    fn with_check(name: String, check: impl Fn() -> CheckFuture + Send + Sync + 'static) -> Self {
        let schedule = Schedule {
            every: protocol::CHECK_EVERY,
            timeout: protocol::CHECK_TIMEOUT,
            is_critical: false,
        };
        Self { name, schedule, check: Arc::new(check) }
    }

    /// How often the check runs: 15 seconds by default. Zero is refused when the
    /// builder builds.
    ///
    /// ```
    /// # use actix_monitor::Dependency;
    /// # use std::time::Duration;
    /// let db = Dependency::new("db", || async { true }).every(Duration::from_secs(5));
    /// ```
    pub fn every(mut self, period: Duration) -> Self {
        self.schedule.every = period;
        self
    }

    /// How long the check may take: 5 seconds by default, and never longer than
    /// `every`. Zero is refused when the builder builds.
    ///
    /// ```
    /// # use actix_monitor::Dependency;
    /// # use std::time::Duration;
    /// let db = Dependency::new("db", || async { true }).timeout(Duration::from_millis(500));
    /// ```
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.schedule.timeout = limit;
        self
    }

    /// Without this dependency the service is not ready: while it is down,
    /// [`readiness`](crate::readiness) answers 503. Off by default.
    ///
    /// ```
    /// # use actix_monitor::Dependency;
    /// let db = Dependency::new("db", || async { true }).critical();
    /// ```
    pub fn critical(mut self) -> Self {
        self.schedule.is_critical = true;
        self
    }
}

impl std::fmt::Debug for Dependency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dependency")
            .field("name", &self.name)
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}

/// What a check may answer: a `bool`, or a `Result` whose error can be shown.
///
/// ```
/// use actix_monitor::CheckResult;
///
/// assert_eq!(true.into_result(), Ok(()));
/// assert_eq!(Err::<u8, _>("refused").into_result(), Err("refused".to_owned()));
/// ```
pub trait CheckResult {
    /// `Ok` for up, or why it is down.
    ///
    /// # Errors
    /// The reason for which the dependency is down.
    fn into_result(self) -> Result<(), String>;
}

impl CheckResult for bool {
    fn into_result(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("the check answered false".to_owned()) }
    }
}

impl<T, E: Display> CheckResult for Result<T, E> {
    fn into_result(self) -> Result<(), String> {
        self.map(drop).map_err(|error| error.to_string())
    }
}
