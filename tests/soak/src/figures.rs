//! What must not grow: memory, descriptors and threads of this process.

use std::fs::read_dir;

use crate::support::memory::resident;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) memory: usize,
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
}

impl Figures {
    pub(crate) fn now() -> Self {
        let count = |folder| read_dir(folder).expect("Linux").count();
        Self {
            memory: resident(),
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
        }
    }
}
