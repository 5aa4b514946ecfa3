//! How long the calling thread was ready to run while others had its core. On a
//! shared machine that is most of any long pause, and no recorder's doing.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Linux says it for each thread; elsewhere pauses stay as they are.
pub struct RunQueue {
    schedstat: Option<File>,
}

impl RunQueue {
    pub fn of_this_thread() -> Self {
        Self { schedstat: File::open("/proc/thread-self/schedstat").ok() }
    }

    /// Nanoseconds spent waiting for a core since the thread began.
    pub fn waited(&self) -> f64 {
        self.read().unwrap_or_default()
    }

    /// The line is: time on a core, time waiting for one, number of turns.
    fn read(&self) -> Option<f64> {
        let mut line = [0; 96];
        let length = self.schedstat.as_ref()?.read_at(&mut line, 0).ok()?;
        let line = std::str::from_utf8(&line[..length]).ok()?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}
