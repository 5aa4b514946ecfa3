//! The results of a check, and when they no longer count.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::check::{Schedule, Verdict};
use super::state::DependencyStatus;
use crate::labels::truncate;

/// What is known of a dependency.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// `None` if there is no check: the results of calls do not become too old.
    pub(super) schedule: Option<Schedule>,
    /// The last result, or the reason why it no longer counts.
    pub(super) verdict: Option<Verdict>,
    pub(super) since: Option<SystemTime>,
    pub(super) last_duration: Option<Duration>,
    /// When the run under way started.
    pub(super) run_started: Option<Instant>,
    /// When the dependency counts as down if no result arrives before.
    deadline: Option<Instant>,
}

impl Known {
    /// Nothing yet of a dependency that a check with this schedule watches.
    pub(super) fn of_check(schedule: Schedule) -> Self {
        let mut known = Self { schedule: Some(schedule), ..Self::default() };
        known.expect_within(schedule.lifetime());
        known
    }

    pub(super) fn status(&self) -> DependencyStatus {
        match self.verdict {
            None => DependencyStatus::Unknown,
            Some(Ok(())) => DependencyStatus::Up,
            Some(Err(_)) => DependencyStatus::Down,
        }
    }

    pub(super) fn set(&mut self, verdict: Verdict, since: SystemTime) {
        let before = self.status();
        self.verdict = Some(verdict.map_err(|reason| truncate(&reason).to_owned()));
        if self.status() != before {
            self.since = Some(since);
        }
    }

    fn expect_within(&mut self, duration: Duration) {
        self.deadline = Instant::now().checked_add(duration);
    }

    pub(super) fn start_run(&mut self) {
        let last_result = self.deadline;
        self.run_started = Some(Instant::now());
        self.expect_within(self.limit());
        // A run that starts late does not prolong the life of the last result.
        self.deadline = [last_result, self.deadline].into_iter().flatten().min();
    }

    pub(super) fn end_run(&mut self, verdict: Verdict) {
        let (limit, duration) =
            (self.limit(), self.run_started.take().map(|start| start.elapsed()));
        self.last_duration = duration.or(self.last_duration);
        // A check that blocks its thread also keeps tokio from noticing the timeout: its late
        // result is recognized here.
        let is_late = duration.is_some_and(|duration| duration > limit);
        let verdict = if is_late { Err(no_answer_within(limit)) } else { verdict };
        self.set(verdict, SystemTime::now());
        self.expect_within(self.schedule.map_or(Duration::MAX, |schedule| schedule.lifetime()));
    }

    /// Replaces a result that no longer counts: the run under way has exceeded its
    /// timeout, or the last result is too old. The check cannot report either while
    /// it blocks its thread.
    pub(super) fn expire(&mut self) {
        let late = |deadline: Instant| Instant::now().saturating_duration_since(deadline);
        let late = self.deadline.map(late).unwrap_or_default();
        if late.is_zero() {
            return;
        }
        let reason = match (self.run_started, self.schedule) {
            (None, Some(schedule)) => {
                format!("no run of the check has ended within {:?}", schedule.lifetime())
            }
            _ => no_answer_within(self.limit()),
        };
        self.set(
            Err(reason),
            SystemTime::now().checked_sub(late).unwrap_or(SystemTime::UNIX_EPOCH),
        );
    }

    fn limit(&self) -> Duration {
        self.schedule.map_or(Duration::MAX, |schedule| schedule.limit())
    }
}

/// The reason of a run that exceeds its timeout.
pub(super) fn no_answer_within(limit: Duration) -> String {
    format!("no answer within {limit:?}")
}
