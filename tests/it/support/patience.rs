//! Waiting for what no event announces, with a time limit.

use std::time::{Duration, Instant};

/// How long something that must happen may take, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Calls `condition` until it returns something.
///
/// # Panics
///
/// With `what` if it returns nothing for [`PATIENCE`].
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(result) = condition() {
            return result;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
