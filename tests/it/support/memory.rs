//! The memory of this process.

pub(crate) const MIB: usize = 1024 * 1024;

/// Resident memory in bytes.
pub(crate) fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// Returns how many bytes of resident memory `work` adds, and what it returns.
pub(crate) fn added<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = resident();
    let result = work();
    (resident().saturating_sub(before), result)
}
