//! Waiting for what no event announces, with a deadline.

use std::time::{Duration, Instant};

/// How long a thing that must happen may take, on a machine that has other work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again until `condition` gives something.
///
/// # Panics
/// With `what` if it gives nothing for [`PATIENCE`].
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
