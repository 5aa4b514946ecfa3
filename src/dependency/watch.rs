//! The loop that runs a check: every period, within its timeout, whatever it does.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::cell::DependencyCell;
use super::check::{CheckFuture, PANICKED, Schedule, Verdict};
use super::known::no_answer_within;
use crate::panics::{contain, discard};

/// Longer than any process runs, and short enough to be added to the time.
const LONGEST_PERIOD: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Runs the check when it is `due`, and then every period.
///
/// `due` is kept up to date, so that another loop can go on where this one ends.
pub(super) async fn watch(
    check: &dyn Fn() -> CheckFuture,
    schedule: Schedule,
    due: &Cell<Instant>,
    cell: &DependencyCell,
) {
    let period = schedule.every.min(LONGEST_PERIOD);
    let mut ticks = interval_at(due.get(), period);
    // After a check that blocked its thread, the missed ones would all come at once.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        due.set(ticks.tick().await + period);
        cell.start_run();
        let verdict = run(check, schedule.limit()).await;
        // A logger may panic.
        contain(|| cell.end_run(verdict));
    }
}

async fn run(check: &dyn Fn() -> CheckFuture, limit: Duration) -> Verdict {
    // The check is dropped inside: a panic of its drop is caught too.
    let result = AssertUnwindSafe(async { timeout(limit, check()).await }).catch_unwind().await;
    match result {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(_)) => Err(no_answer_within(limit)),
        Err(panic) => {
            discard(panic);
            Err(PANICKED.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::{Future, pending};
    use std::panic::panic_any;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use tokio::time::{Instant, advance, sleep, timeout};

    use super::super::cell::DependencyCell;
    use super::super::check::{CheckFuture, Schedule, Verdict};
    use super::super::state::DependencyStatus;
    use super::watch;

    const SCHEDULE: Schedule = Schedule {
        every: Duration::from_secs(15),
        timeout: Duration::from_secs(5),
        is_critical: false,
    };

    /// When each run of a check started, in milliseconds, and the reason after it.
    #[derive(Debug, Default)]
    struct Runs {
        starts: RefCell<Vec<u128>>,
        reasons: RefCell<Vec<Option<String>>>,
    }

    impl Runs {
        /// Watches `check`, given the number of the run, for so many seconds of paused
        /// time, which passes at once.
        async fn within(
            seconds: u64,
            schedule: Schedule,
            check: impl Fn(usize) -> CheckFuture,
        ) -> Self {
            let (runs, cell) = (Self::default(), DependencyCell::new("db"));
            let watching = runs.watching(&cell, schedule, check);
            timeout(Duration::from_secs(seconds), watching).await.expect_err("it never ends");
            runs.note_reason(&cell);
            runs
        }

        async fn watching(
            &self,
            cell: &DependencyCell,
            schedule: Schedule,
            check: impl Fn(usize) -> CheckFuture,
        ) {
            cell.attach_check(schedule);
            let begun = Instant::now();
            let check = || {
                let run = self.starts.borrow().len();
                if run > 0 {
                    self.note_reason(cell);
                }
                self.starts.borrow_mut().push(begun.elapsed().as_millis());
                check(run)
            };
            watch(&check, schedule, &Cell::new(begun), cell).await;
        }

        fn note_reason(&self, cell: &DependencyCell) {
            self.reasons.borrow_mut().push(cell.state().reason().map(str::to_owned));
        }

        #[track_caller]
        fn assert(self, starts: &[u128], reasons: &[Option<&str>]) {
            let found = self.reasons.into_inner();
            let found: Vec<_> = found.iter().map(Option::as_deref).collect();
            assert_eq!((&self.starts.into_inner()[..], &found[..]), (starts, reasons));
        }
    }

    fn after(milliseconds: u64, verdict: Verdict) -> CheckFuture {
        Box::pin(async move {
            sleep(Duration::from_millis(milliseconds)).await;
            verdict
        })
    }

    fn never() -> CheckFuture {
        Box::pin(pending())
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_runs_at_once_and_then_every_period() {
        let runs = Runs::within(50, SCHEDULE, |_| after(0, Ok(()))).await;
        runs.assert(&[0, 15_000, 30_000, 45_000], &[None; 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_check_does_not_shift_the_period() {
        let runs = Runs::within(40, SCHEDULE, |_| after(4_000, Ok(()))).await;
        runs.assert(&[0, 15_000, 30_000], &[None; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_never_returns_is_down_at_its_timeout_and_runs_again() {
        let (runs, cell) = (Runs::default(), DependencyCell::new("db"));
        let mut watching = Box::pin(runs.watching(&cell, SCHEDULE, |_| never()));
        timeout(Duration::from_millis(4_900), &mut watching).await.expect_err("it never ends");
        assert_eq!(cell.state().status(), DependencyStatus::Unknown);
        timeout(Duration::from_millis(200), &mut watching).await.expect_err("it never ends");
        assert_eq!(cell.state().reason(), Some("no answer within 5s"));
        timeout(Duration::from_secs(12), &mut watching).await.expect_err("it never ends");
        assert_eq!(*runs.starts.borrow(), [0, 15_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn missed_runs_are_skipped() {
        let (runs, cell) = (Runs::default(), DependencyCell::new("db"));
        let mut watching = Box::pin(runs.watching(&cell, SCHEDULE, |_| after(0, Ok(()))));
        timeout(Duration::from_secs(1), &mut watching).await.expect_err("it never ends");
        // As if the thread had no processor for so long.
        advance(Duration::from_secs(99)).await;
        timeout(Duration::from_secs(25), &mut watching).await.expect_err("it never ends");
        assert_eq!(*runs.starts.borrow(), [0, 100_000, 105_000, 120_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_duration_is_too_long() {
        let schedule = Schedule { every: Duration::MAX, timeout: Duration::MAX, ..SCHEDULE };
        let runs = Runs::within(60_000_000, schedule, |_| after(0, Ok(()))).await;
        runs.assert(&[0], &[None]);
    }

    struct PanicsOnDrop;

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("told to panic in a drop");
        }
    }

    /// Ready at its first poll, and panics when it is dropped.
    struct ReadyThenPanics {
        _bomb: PanicsOnDrop,
    }

    impl Future for ReadyThenPanics {
        type Output = Verdict;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Verdict> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_down_and_the_period_is_kept() {
        let panics = |run| -> CheckFuture {
            match run {
                0 => panic!("told to panic in the closure"),
                1 => Box::pin(async { panic!("told to panic in the future") }),
                2 => Box::pin(async { panic_any(PanicsOnDrop) }),
                3 => Box::pin(ReadyThenPanics { _bomb: PanicsOnDrop }),
                4 => Box::pin(async {
                    let _bomb = PanicsOnDrop;
                    pending().await
                }),
                _ => after(0, Ok(())),
            }
        };
        let runs = Runs::within(80, SCHEDULE, panics).await;
        let panicked = Some("the check panicked");
        runs.assert(
            &[0, 15_000, 30_000, 45_000, 60_000, 75_000],
            &[panicked, panicked, panicked, panicked, panicked, None],
        );
    }
}
