//! What is known of one dependency, as its check or its calls report it, shared by threads.

use std::sync::{Mutex, PoisonError};

use super::check::{Schedule, Verdict};
use super::known::Known;
use super::state::{DependencyState, DependencyStatus};
use crate::panics::contain;
use crate::protocol::LOG;

/// What is known of one dependency.
///
/// Nothing is logged while the lock is held: a logger may ask for the state.
#[derive(Debug)]
pub(crate) struct DependencyCell {
    name: String,
    known: Mutex<Known>,
}

impl DependencyCell {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), known: Mutex::default() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The schedule of the check, if there is one.
    pub(super) fn schedule(&self) -> Option<Schedule> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).schedule
    }

    /// Lets a check decide from now on. What calls showed is forgotten.
    pub(super) fn attach_check(&self, schedule: Schedule) {
        self.update(|known| *known = Known::of_check(schedule));
    }

    pub(super) fn start_run(&self) {
        self.update(Known::start_run);
    }

    /// Notes the result of the run under way, or why there can be no run.
    pub(super) fn end_run(&self, verdict: Verdict) {
        self.update(|known| known.end_run(verdict));
    }

    /// Ends the run under way, if there is one, without a result of the check.
    pub(super) fn lose_run(&self, reason: &str) {
        self.update(|known| {
            if known.run_started.is_some() {
                known.end_run(Err(reason.to_owned()));
            }
        });
    }

    /// Notes the result of a call. It is ignored if there is a check.
    #[cfg(any(feature = "awc", feature = "reqwest"))]
    pub(crate) fn observe(&self, verdict: Verdict) {
        self.update(|known| {
            if known.schedule.is_none() {
                known.set(verdict, std::time::SystemTime::now());
            }
        });
    }

    /// The state now.
    pub(super) fn state(&self) -> DependencyState {
        let known = self.update(Known::expire);
        DependencyState {
            name: self.name.clone(),
            is_critical: known.schedule.is_some_and(|schedule| schedule.is_critical),
            status: known.status(),
            since: known.since,
            last_duration: known.last_duration,
            reason: known.verdict.and_then(Verdict::err),
        }
    }

    /// Applies `change`, logs the status if it is another one then, and returns what
    /// is known.
    fn update(&self, change: impl FnOnce(&mut Known)) -> Known {
        let mut guard = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = guard.status();
        change(&mut guard);
        let known = guard.clone();
        drop(guard);
        match &known.verdict {
            Some(Ok(())) if before != DependencyStatus::Up => {
                contain(|| log::info!(target: LOG, "dependency {:?} is up", self.name));
            }
            Some(Err(reason)) if before != DependencyStatus::Down => {
                contain(|| log::warn!(target: LOG, "dependency {:?} is down: {reason}", self.name));
            }
            _ => {}
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use tokio::time::advance;

    use super::super::check::Schedule;
    use super::super::state::DependencyStatus;
    use super::DependencyCell;

    const SCHEDULE: Schedule = Schedule {
        every: Duration::from_secs(15),
        timeout: Duration::from_secs(5),
        is_critical: false,
    };

    fn checked() -> DependencyCell {
        let cell = DependencyCell::new("db");
        cell.attach_check(SCHEDULE);
        cell
    }

    /// Moves the paused clock on.
    async fn after(milliseconds: u64) {
        advance(Duration::from_millis(milliseconds)).await;
    }

    fn refused() -> Result<(), String> {
        Err("refused".to_owned())
    }

    #[track_caller]
    fn assert_down(cell: &DependencyCell, reason: &str) {
        assert_eq!(cell.state().reason(), Some(reason));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_past_its_timeout_is_down_from_then_on() {
        let cell = checked();
        cell.start_run();
        after(5_000).await;
        assert_eq!(cell.state().status(), DependencyStatus::Unknown);
        after(3_000).await;
        let before = SystemTime::now();
        assert_down(&cell, "no answer within 5s");
        let since = cell.state().since().expect("it has a state");
        let ago = before.duration_since(since).expect("before it was asked for");
        assert!(ago > Duration::from_secs(2), "down since its timeout, {ago:?} ago");
        cell.end_run(Ok(()));
        assert_down(&cell, "no answer within 5s");
        assert_eq!(cell.state().last_duration(), Some(Duration::from_secs(8)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_older_than_period_and_timeout_is_down() {
        let cell = checked();
        cell.end_run(Ok(()));
        after(20_000).await;
        assert_eq!(cell.state().status(), DependencyStatus::Up);
        after(1).await;
        assert_down(&cell, "no run of the check has ended within 20s");
        cell.end_run(Ok(()));
        assert_eq!(cell.state().status(), DependencyStatus::Up);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_starts_late_does_not_prolong_the_last_result() {
        let cell = checked();
        cell.end_run(Ok(()));
        after(18_000).await;
        cell.start_run();
        after(2_001).await;
        assert_eq!(cell.state().status(), DependencyStatus::Down);
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_result_that_does_not_come_is_down() {
        let cell = checked();
        after(20_001).await;
        assert_eq!(cell.state().status(), DependencyStatus::Down);
    }

    #[cfg(any(feature = "awc", feature = "reqwest"))]
    #[tokio::test(start_paused = true)]
    async fn what_calls_show_stays_until_the_next_call_or_a_check() {
        let cell = DependencyCell::new("api");
        cell.observe(Ok(()));
        after(1_000_000_000).await;
        assert_eq!(cell.state().status(), DependencyStatus::Up);
        cell.observe(refused());
        assert_down(&cell, "refused");
        cell.attach_check(SCHEDULE);
        cell.observe(refused());
        assert_eq!(cell.state().status(), DependencyStatus::Unknown);
    }

    #[test]
    fn a_status_lasts_since_it_changed() {
        let cell = checked();
        cell.end_run(refused());
        let first = cell.state();
        cell.end_run(Err("refused again".to_owned()));
        assert_down(&cell, "refused again");
        assert_eq!(cell.state().since(), first.since());
        cell.end_run(Ok(()));
        assert_ne!(cell.state().since(), first.since());
    }

    #[test]
    fn a_lost_run_is_down_and_no_run_cannot_be_lost() {
        let cell = checked();
        cell.lose_run("lost");
        assert_eq!(cell.state().status(), DependencyStatus::Unknown);
        cell.start_run();
        cell.lose_run("lost");
        assert_down(&cell, "lost");
        cell.start_run();
        cell.end_run(Ok(()));
        cell.lose_run("lost");
        assert_eq!(cell.state().status(), DependencyStatus::Up);
    }

    #[test]
    fn reasons_are_cut_between_characters() {
        let cell = checked();
        cell.end_run(Err("é".repeat(500)));
        assert_down(&cell, &"é".repeat(120));
    }
}
