//! The loop that watches one dependency: tick, run the check under its limit,
//! survive it, report.

use std::panic::AssertUnwindSafe;
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
        report(run(&check, schedule.limit()).await);
    }
}

async fn run(check: impl Fn() -> CheckFuture, limit: Duration) -> Report {
    let started = Instant::now();
    // Dropping a check that timed out may panic as well: that is contained too.
    let checked = AssertUnwindSafe(async { timeout(limit, check()).await }).catch_unwind().await;
    let took = started.elapsed();
    let verdict = match checked {
        // A check that blocked its thread comes back before the clock is asked.
        Ok(Ok(_)) if took > limit => Err(format!("the check blocked its thread for {took:.1?}")),
        Ok(Ok(verdict)) => verdict,
        Ok(Err(_)) => Err(format!("no answer within {limit:?}")),
        Err(_) => Err("the check panicked".to_owned()),
    };
    (verdict, took)
}
