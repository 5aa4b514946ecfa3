//! The clock that durations are measured with: the system's, or with feature `tsc`
//! the processor's time stamp counter if Linux uses it as well.

use std::time::{Duration, Instant};

/// The start of a duration.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Instant(Instant),
    #[cfg(all(feature = "tsc", target_os = "linux", target_arch = "x86_64"))]
    Ticks(u64),
}

impl Start {
    #[inline]
    pub(crate) fn now() -> Self {
        #[cfg(all(feature = "tsc", target_os = "linux", target_arch = "x86_64"))]
        if let Some(counter) = counter::get() {
            return Self::Ticks(counter.raw());
        }
        Self::Instant(Instant::now())
    }

    /// Whole nanoseconds since then.
    #[inline]
    pub(crate) fn elapsed_nanos(self) -> u64 {
        match self {
            Self::Instant(start) => as_nanos(start.elapsed()),
            #[cfg(all(feature = "tsc", target_os = "linux", target_arch = "x86_64"))]
            Self::Ticks(start) => {
                counter::get().map_or(0, |counter| counter.delta_as_nanos(start, counter.raw()))
            }
        }
    }
}

/// Calibrates the counter against the system's clock, which takes some milliseconds
/// and must not happen in a request.
pub(crate) fn prepare() {
    let _ = Start::now();
}

/// Whole nanoseconds, saturating after 584 years.
#[inline]
pub(crate) fn as_nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

#[cfg(all(feature = "tsc", target_os = "linux", target_arch = "x86_64"))]
mod counter {
    use std::sync::OnceLock;

    use quanta::Clock;

    /// The file in which Linux names the clock that it uses.
    const CLOCKSOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

    /// The counter, if Linux uses it: the kernel has then found that it runs at one
    /// rate, and alike on all processors.
    #[inline]
    pub(super) fn get() -> Option<&'static Clock> {
        static COUNTER: OnceLock<Option<Clock>> = OnceLock::new();
        COUNTER.get_or_init(|| is_trusted().then(Clock::new)).as_ref()
    }

    #[cold]
    fn is_trusted() -> bool {
        std::fs::read_to_string(CLOCKSOURCE).is_ok_and(|name| name.trim() == "tsc")
    }
}
