//! The clock that durations are measured with: the processor's own counter where
//! the kernel trusts it too, else the kernel's clock.

use std::time::{Duration, Instant};

/// When something began.
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
    pub(crate) fn nanos(self) -> u64 {
        match self {
            Self::Instant(start) => as_nanos(start.elapsed()),
            #[cfg(all(feature = "tsc", target_os = "linux", target_arch = "x86_64"))]
            Self::Ticks(start) => {
                counter::get().map_or(0, |counter| counter.delta_as_nanos(start, counter.raw()))
            }
        }
    }
}

/// Gets the clock ready, so that this is not on a request's time: the counter is
/// held against the system's clock for some milliseconds, 200 at most, once.
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

    /// Where Linux names the clock that it keeps time with.
    const IN_USE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

    /// The counter, if the kernel keeps time with it: it has found then that the
    /// counter runs at one rate, and alike on all processors.
    #[inline]
    pub(super) fn get() -> Option<&'static Clock> {
        static COUNTER: OnceLock<Option<Clock>> = OnceLock::new();
        COUNTER.get_or_init(|| is_trusted().then(Clock::new)).as_ref()
    }

    #[cold]
    fn is_trusted() -> bool {
        std::fs::read_to_string(IN_USE).is_ok_and(|name| name.trim() == "tsc")
    }
}
