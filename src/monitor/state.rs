//! What is known of one dependency.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::dependency::check::{Schedule, Verdict};
use crate::protocol::LOG;

/// What is known of a dependency, as [`Monitor::dependencies`](crate::Monitor::dependencies)
/// tells it.
///
/// ```
/// use actix_monitor::{BigBrother, Dependency};
///
/// let monitor = BigBrother::builder()
///     .isolated()
///     .dependency(Dependency::new("db", || async { true }).critical())
///     .build()
///     .handle();
/// let db = &monitor.dependencies()[0];
/// assert_eq!(db.name(), "db");
/// assert!(db.is_critical());
/// ```
#[derive(Clone, Debug)]
pub struct DependencyState {
    name: String,
    is_critical: bool,
    is_up: Option<bool>,
    since: Option<SystemTime>,
    last_duration: Option<Duration>,
    reason: Option<String>,
}

impl DependencyState {
    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the service is not ready without it.
    pub fn is_critical(&self) -> bool {
        self.is_critical
    }

    /// Whether it is up; `None` until the first check has answered.
    pub fn is_up(&self) -> Option<bool> {
        self.is_up
    }

    /// When it came into this state; `None` until the first check has answered.
    pub fn since(&self) -> Option<SystemTime> {
        self.since
    }

    /// How long the last check took.
    pub fn last_duration(&self) -> Option<Duration> {
        self.last_duration
    }

    /// Why it is down.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

/// A dependency and what was found of it so far.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(super) name: String,
    /// `None` where nothing checks it: what is known then is what its calls
    /// showed, and that does not go stale.
    pub(super) schedule: Option<Schedule>,
    started: Instant,
    last: Mutex<Option<Last>>,
    /// Whether it was logged that no check has ended for too long.
    is_told_stale: AtomicBool,
}

#[derive(Clone, Debug)]
struct Last {
    verdict: Verdict,
    at: Instant,
    since: SystemTime,
    took: Option<Duration>,
}

impl Watched {
    pub(super) fn new(name: String, schedule: Option<Schedule>) -> Self {
        Self {
            name,
            schedule,
            started: Instant::now(),
            last: Mutex::default(),
            is_told_stale: AtomicBool::new(false),
        }
    }

    /// Takes what was found, and logs it if that is news.
    pub(crate) fn report(&self, verdict: Verdict, took: Option<Duration>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let was_stale = self.is_told_stale.swap(false, Ordering::Relaxed);
        let is_same = |last: &&Last| last.verdict.is_ok() == verdict.is_ok();
        let same = last.as_ref().filter(is_same).filter(|_| !was_stale);
        let is_news = same.is_none();
        let since = same.map_or_else(SystemTime::now, |last| last.since);
        *last = Some(Last { verdict: verdict.clone(), at: Instant::now(), since, took });
        // A logger may ask for the state.
        drop(last);
        match verdict {
            _ if !is_news => {}
            Ok(()) => log::info!(target: LOG, "dependency {:?} is up", self.name),
            Err(why) => log::warn!(target: LOG, "dependency {:?} is down: {why}", self.name),
        }
    }

    /// The state now.
    pub(super) fn state(&self) -> DependencyState {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let verdict = last.as_ref().map(|last| last.verdict.clone());
        let mut state = DependencyState {
            name: self.name.clone(),
            is_critical: self.schedule.is_some_and(|schedule| schedule.is_critical),
            is_up: verdict.as_ref().map(Verdict::is_ok),
            since: last.as_ref().map(|last| last.since),
            last_duration: last.as_ref().and_then(|last| last.took),
            reason: verdict.and_then(Verdict::err),
        };
        let age = last.as_ref().map_or(self.started, |last| last.at).elapsed();
        let lifetime = self.schedule.map_or(Duration::MAX, |schedule| schedule.lifetime());
        // A verdict that should long have been renewed is none: a stuck arbiter
        // must not show green for ever.
        if let Some(overdue) = age.checked_sub(lifetime).filter(|overdue| !overdue.is_zero()) {
            if state.is_up != Some(false) {
                state.since = SystemTime::now().checked_sub(overdue);
            }
            state.is_up = Some(false);
            let why = format!("no check has ended for {age:.1?}, {lifetime:?} is the limit");
            if !self.is_told_stale.swap(true, Ordering::Relaxed) {
                log::warn!(target: LOG, "dependency {:?} is down: {why}", self.name);
            }
            state.reason = Some(why);
        }
        state
    }
}
