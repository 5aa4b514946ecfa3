//! The state of this process, read from `/proc`.

use procfs::process::{LimitValue, Process};

/// `None` for what the system does not report.
#[derive(Debug, Default)]
pub(crate) struct ProcessState {
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) resident_bytes: Option<f64>,
    pub(crate) virtual_bytes: Option<f64>,
    pub(crate) threads: Option<f64>,
    /// Since the Unix epoch.
    pub(crate) start_seconds: Option<f64>,
    pub(crate) open_fds: Option<f64>,
    pub(crate) max_fds: Option<f64>,
}

pub(crate) fn read() -> ProcessState {
    let mut state = ProcessState::default();
    let Ok(process) = Process::myself() else { return state };
    if let Ok(stat) = process.stat() {
        let ticks = procfs::ticks_per_second() as f64;
        state.cpu_seconds = Some((stat.utime + stat.stime) as f64 / ticks);
        state.resident_bytes = Some((stat.rss * procfs::page_size()) as f64);
        state.virtual_bytes = Some(stat.vsize as f64);
        state.threads = Some(stat.num_threads as f64);
        let boot = procfs::boot_time_secs().ok();
        state.start_seconds = boot.map(|boot| boot as f64 + stat.starttime as f64 / ticks);
    }
    state.open_fds = process.fd_count().ok().map(|open| open as f64);
    state.max_fds =
        process.limits().ok().and_then(|limits| match limits.max_open_files.soft_limit {
            LimitValue::Value(most) => Some(most as f64),
            LimitValue::Unlimited => None,
        });
    state
}
