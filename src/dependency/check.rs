//! A dependency: its name, its check and the schedule of the check.

use std::fmt;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::task::spawn_blocking;
use tokio::sync::Semaphore;

use crate::protocol;

/// The result of a check: up, or down with the reason.
pub(super) type Verdict = Result<(), String>;

/// One run of a check. It stays on the thread that started it.
pub(super) type CheckFuture = Pin<Box<dyn Future<Output = Verdict>>>;

/// Starts one run of a check.
pub(super) type CheckFn = dyn Fn() -> CheckFuture + Send + Sync;

/// The reason of a check that panicked. What it panicked with may contain secrets.
pub(super) const PANICKED: &str = "the check panicked";

/// A service that the app needs, and the check that finds out whether it is up.
///
/// Pass it to [`BigBrotherBuilder::dependency`](crate::BigBrotherBuilder::dependency).
/// The check runs when the monitor is built and then every 15 seconds
/// ([`every`](Self::every)). A run may take up to 5 seconds
/// ([`timeout`](Self::timeout)). The page shows the result as
/// `dependency_up{name="…"}`: 1 for up, 0 for down, and no sample before the first
/// result.
///
/// The dependency is down if the check returns `false` or an error, panics, or does
/// not return within its timeout, and also if its last result is older than the
/// period plus the timeout. Each change of state is logged once, with the reason if
/// the dependency is down.
///
/// Every dependency has a thread of its own, named `bb-` and the first bytes of the
/// dependency's name, with an actix `System` and a tokio runtime of its own. A check
/// therefore delays neither requests nor other checks, whatever it does. A client
/// that ties its connections to the runtime that opened them, as hyper and reqwest
/// do, should be created for the check alone.
///
/// # Examples
///
/// ```
/// use actix_monitor::{BigBrother, Dependency};
/// use std::time::Duration;
///
/// let middleware = BigBrother::builder()
///     .isolated()
///     .dependency(
///         Dependency::new("queue", || async { Err::<(), _>("connection refused") })
///             .every(Duration::from_secs(30))
///             .timeout(Duration::from_secs(2)),
///     )
///     .build();
/// ```
#[derive(Clone)]
#[must_use = "a dependency is checked only if it is passed to a builder"]
pub struct Dependency {
    pub(crate) name: String,
    pub(crate) schedule: Schedule,
    pub(super) check: Arc<CheckFn>,
}

/// When a check runs and how long a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    pub(crate) is_critical: bool,
}

impl Schedule {
    /// The longest a run may take: it ends before the next one is due.
    pub(super) fn limit(&self) -> Duration {
        self.timeout.min(self.every)
    }

    /// The age from which a result no longer counts.
    pub(super) fn lifetime(&self) -> Duration {
        self.every.saturating_add(self.limit())
    }
}

impl Dependency {
    /// Creates a dependency with an asynchronous check.
    ///
    /// `name` is the value of the `name` label. The check returns a `bool` or a
    /// `Result`; see [`CheckResult`]. It is called once per run, on the thread of
    /// this dependency.
    ///
    /// A check that blocks its thread is down from its timeout on, like any other,
    /// and cannot be interrupted. Use [`Dependency::blocking`] for such a check: the
    /// timeout is then also logged on time.
    pub fn new<F, Fut>(name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future + 'static,
        Fut::Output: CheckResult,
    {
        let check = Arc::new(check);
        Self::with_check(name.into(), move || {
            let check = Arc::clone(&check);
            // The closure is called in the future, so that its panics are caught too.
            Box::pin(async move { check().await.into_result() })
        })
    }

    /// Creates a dependency with a check that blocks its thread.
    ///
    /// The check runs on the blocking pool of the dependency's own runtime. It
    /// cannot be interrupted: a run that exceeds its timeout is down at the timeout,
    /// and the next run starts only after it has returned, so that a check that
    /// hangs occupies one thread.
    pub fn blocking<F, R>(name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: CheckResult,
    {
        let check = Arc::new(check);
        // Held during a run, so that runs of a check that hangs do not pile up.
        let turn = Arc::new(Semaphore::new(1));
        Self::with_check(name.into(), move || {
            let (check, turn) = (Arc::clone(&check), Arc::clone(&turn));
            Box::pin(async move {
                let turn = turn.acquire_owned().await;
                let run = spawn_blocking(move || {
                    let verdict = check().into_result();
                    drop(turn);
                    verdict
                });
                run.await.unwrap_or_else(|_| Err(PANICKED.to_owned()))
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

    /// Sets the period of the check.
    ///
    /// The default is 15 seconds. The period is counted from the start of the first
    /// run and does not depend on how a run ends; runs that were missed are skipped.
    /// Zero is refused when the middleware is built.
    pub fn every(mut self, period: Duration) -> Self {
        self.schedule.every = period;
        self
    }

    /// Sets how long a run of the check may take.
    ///
    /// The default is 5 seconds. A timeout longer than the period is shortened to
    /// the period. Zero is refused when the middleware is built.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.schedule.timeout = limit;
        self
    }

    /// Marks the dependency as critical: the service is not ready without it.
    ///
    /// [`readiness`](crate::readiness()) returns 503 unless all critical dependencies
    /// are up. Dependencies are not critical by default.
    pub fn critical(mut self) -> Self {
        self.schedule.is_critical = true;
        self
    }
}

impl fmt::Debug for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dependency")
            .field("name", &self.name)
            .field("schedule", &self.schedule)
            .finish_non_exhaustive()
    }
}

/// The return type of a check: `bool`, or a `Result` whose error is the reason.
///
/// `true` and `Ok` mean that the dependency is up; the value inside `Ok` is ignored.
/// The reason is written to the log and returned by
/// [`DependencyState::reason`](crate::DependencyState::reason), cut to 120
/// characters. It should not contain secrets: the error text of an HTTP client, for
/// example, contains the whole URL.
///
/// # Examples
///
/// ```
/// use actix_monitor::CheckResult;
///
/// assert_eq!(true.into_result(), Ok(()));
/// assert_eq!(Err::<u8, _>("refused").into_result(), Err("refused".to_owned()));
/// ```
pub trait CheckResult {
    /// Converts the value into `Ok` for up or the reason for down.
    ///
    /// # Errors
    ///
    /// The reason for which the dependency is down.
    fn into_result(self) -> Result<(), String>;
}

impl CheckResult for bool {
    fn into_result(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("the check returned false".to_owned()) }
    }
}

impl<T, E: Display> CheckResult for Result<T, E> {
    fn into_result(self) -> Result<(), String> {
        self.map(drop).map_err(|error| error.to_string())
    }
}
