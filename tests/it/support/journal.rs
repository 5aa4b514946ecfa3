//! The log of the process. All tests of the binary share it, so each looks for lines that
//! only it can have caused, or for those of its own thread.

use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, ThreadId};

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());
static START: Once = Once::new();

struct Line {
    thread: ThreadId,
    target: String,
    text: String,
}

struct Journal;

impl log::Log for Journal {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = Line {
            thread: thread::current().id(),
            target: record.target().to_owned(),
            text: format!("{} {}", record.level(), record.args()),
        };
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn flush(&self) {}
}

/// Starts to keep log records.
pub(crate) fn start() {
    START.call_once(|| {
        log::set_logger(&Journal).expect("no other logger");
        log::set_max_level(log::LevelFilter::Info);
    });
}

/// The records with this target or one below it, each with its level.
pub(crate) fn lines(target: &str) -> Vec<String> {
    found(|line| line.target.starts_with(target))
}

/// The same, if they were logged on the calling thread.
pub(crate) fn lines_of_this_thread(target: &str) -> Vec<String> {
    let thread = thread::current().id();
    found(|line| line.thread == thread && line.target.starts_with(target))
}

fn found(is_wanted: impl Fn(&Line) -> bool) -> Vec<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|line| is_wanted(line)).map(|line| line.text.clone()).collect()
}
