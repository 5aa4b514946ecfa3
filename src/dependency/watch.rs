//! The loop that watches one dependency: tick, run the check under its limit,
//! survive it, report.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::check::{CheckFuture, Schedule, Verdict};

/// What is told of each run of a check: the verdict and how long it took.
pub(crate) type Report = (Verdict, Duration);

/// Checks for ever, at once and then every period.
pub(crate) async fn watch(
    check: impl Fn() -> CheckFuture,
    schedule: Schedule,
    report: impl Fn(Report),
) {
    let mut ticks = interval(schedule.every);
    // After a check that held its thread, the missed ones would all come at once.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let found = run(&check, schedule.limit()).await;
        // Whoever is told may panic as well, a logger for example.
        let _ = catch_unwind(AssertUnwindSafe(|| report(found)));
    }
}

async fn run(check: impl Fn() -> CheckFuture, limit: Duration) -> Report {
    let started = Instant::now();
    let held = Cell::new(Duration::ZERO);
    // Dropping a check that timed out may panic as well: that is contained too.
    let checked = AssertUnwindSafe(async { timeout(limit, timed(check(), &held)).await });
    let checked = checked.catch_unwind().await;
    let (took, held) = (started.elapsed(), held.get());
    let verdict = match checked {
        // A check that blocked its thread comes back before the clock is asked. One
        // that waited for another to leave the thread is not to blame.
        Ok(Ok(_)) if held > limit => Err(format!("the check blocked its thread for {held:.1?}")),
        Ok(Ok(verdict)) => verdict,
        Ok(Err(_)) => Err(format!("no answer within {limit:?}")),
        Err(_) => Err("the check panicked".to_owned()),
    };
    (verdict, took)
}

/// The check, and for how long one of its polls held the thread at most.
async fn timed(mut check: CheckFuture, held: &Cell<Duration>) -> Verdict {
    poll_fn(|cx| {
        let started = Instant::now();
        let polled = check.as_mut().poll(cx);
        held.set(held.get().max(started.elapsed()));
        polled
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::pending;
    use std::time::Duration;

    use tokio::time::{Instant, advance, sleep, timeout};

    use super::super::check::{CheckFuture, Schedule, Verdict};
    use super::watch;

    const SCHEDULE: Schedule = Schedule {
        every: Duration::from_secs(15),
        timeout: Duration::from_secs(5),
        is_critical: false,
    };

    /// What was seen of a check: when it began, and each report with its moment, in
    /// milliseconds.
    #[derive(Default)]
    struct Seen {
        begun: RefCell<Vec<u128>>,
        reports: RefCell<Vec<(u128, Verdict, u128)>>,
    }

    impl Seen {
        /// Watches `check` for `period` of paused time, which passes at once.
        async fn watch(schedule: Schedule, period: u64, check: impl Fn() -> CheckFuture) -> Self {
            let seen = Self::default();
            let watching = seen.watching(schedule, check);
            assert!(timeout(Duration::from_secs(period), watching).await.is_err(), "it has ended");
            seen
        }

        async fn watching(&self, schedule: Schedule, check: impl Fn() -> CheckFuture) {
            let started = Instant::now();
            let check = || {
                self.begun.borrow_mut().push(started.elapsed().as_millis());
                check()
            };
            let report = |(verdict, took): (Verdict, Duration)| {
                let at = started.elapsed().as_millis();
                self.reports.borrow_mut().push((at, verdict, took.as_millis()));
            };
            watch(check, schedule, report).await;
        }

        fn reasons(self) -> Vec<Option<String>> {
            self.reports.into_inner().into_iter().map(|(_, verdict, _)| verdict.err()).collect()
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
    async fn checks_run_at_once_and_then_every_period() {
        let seen = Seen::watch(SCHEDULE, 50, || after(0, Ok(()))).await;
        assert_eq!(*seen.begun.borrow(), [0, 15_000, 30_000, 45_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_check_does_not_shift_the_period() {
        let seen = Seen::watch(SCHEDULE, 40, || after(4_000, Ok(()))).await;
        assert_eq!(*seen.begun.borrow(), [0, 15_000, 30_000]);
        let up = |at| (at, Ok(()), 4_000);
        assert_eq!(*seen.reports.borrow(), [up(4_000), up(19_000), up(34_000)]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_reported_with_its_reason() {
        let seen = Seen::watch(SCHEDULE, 1, || after(500, Err("refused".to_owned()))).await;
        assert_eq!(*seen.reports.borrow(), [(500, Err("refused".to_owned()), 500)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_never_ends_is_down_at_its_timeout_and_asked_again() {
        let seen = Seen::watch(SCHEDULE, 25, never).await;
        assert_eq!(*seen.begun.borrow(), [0, 15_000]);
        let down = |at| (at, Err("no answer within 5s".to_owned()), 5_000);
        assert_eq!(*seen.reports.borrow(), [down(5_000), down(20_000)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_is_never_longer_than_the_period() {
        let schedule = Schedule { every: Duration::from_secs(2), ..SCHEDULE };
        let seen = Seen::watch(schedule, 7, never).await;
        assert_eq!(*seen.begun.borrow(), [0, 2_000, 4_000, 6_000]);
        assert_eq!(seen.reasons(), [(); 3].map(|()| Some("no answer within 2s".to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn runs_that_were_missed_are_not_made_up_for() {
        let seen = Seen::default();
        let mut watching = Box::pin(seen.watching(SCHEDULE, || after(0, Ok(()))));
        assert!(timeout(Duration::from_secs(1), &mut watching).await.is_err());
        // As if another check had held the thread for so long.
        advance(Duration::from_secs(99)).await;
        assert!(timeout(Duration::from_secs(25), &mut watching).await.is_err());
        assert_eq!(*seen.begun.borrow(), [0, 100_000, 105_000, 120_000]);
    }

    struct PanicsOnDrop;

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("told to panic in a drop");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_down_and_the_loop_goes_on() {
        let runs = Cell::new(0);
        let check = || -> CheckFuture {
            runs.set(runs.get() + 1);
            match runs.get() {
                1 => panic!("told to panic in the closure"),
                2 => Box::pin(async { panic!("told to panic in the future") }),
                3 => Box::pin(async {
                    let _bomb = PanicsOnDrop;
                    pending().await
                }),
                _ => after(0, Ok(())),
            }
        };
        let seen = Seen::watch(SCHEDULE, 50, check).await;
        let panicked = || Some("the check panicked".to_owned());
        assert_eq!(seen.reasons(), [panicked(), panicked(), panicked(), None]);
    }
}
