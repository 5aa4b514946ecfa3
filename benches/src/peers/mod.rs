//! The contenders, one file each, and what every measurement needs of them.

mod bare;
mod family;
mod family_middleware;
mod floor;
mod metrics;
mod otel;
mod ours;
mod peer;
mod prom;
mod prometheus_vec;

pub use bare::bare;
pub use family::{FAMILY, family};
pub use floor::{CLOCKS, FLOOR, NOOP, clocks, noop, pattern};
pub use metrics::metrics;
pub use otel::otel;
pub use ours::{OURS, openmetrics, optioned, ours, unlimited};
pub use peer::{Page, Peer, Recorded, Upkeep, count_in};
pub use prom::{PROM, prom};
pub use prometheus_vec::PrometheusVec;

/// Puts every contender into a setting. The list stands here once; a macro,
/// because each contender is a type of its own. `bare` is always the first.
macro_rules! contenders {
    ($setting:path $(, $more:expr)*) => {
        vec![
            $setting($crate::peers::bare() $(, $more)*),
            $setting($crate::peers::noop() $(, $more)*),
            $setting($crate::peers::clocks() $(, $more)*),
            $setting($crate::peers::pattern() $(, $more)*),
            $setting($crate::peers::ours() $(, $more)*),
            $setting($crate::peers::family() $(, $more)*),
            $setting($crate::peers::prom() $(, $more)*),
            $setting($crate::peers::metrics() $(, $more)*),
            $setting($crate::peers::otel() $(, $more)*),
        ]
    };
}
pub(crate) use contenders;
