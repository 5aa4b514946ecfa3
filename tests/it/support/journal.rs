//! The log of the process. All tests of the binary share it, so each looks for lines that
//! only it can have caused.

use std::sync::{Mutex, Once, PoisonError};

static LINES: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
static START: Once = Once::new();

struct Journal;

impl log::Log for Journal {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = (record.target().to_owned(), format!("{} {}", record.level(), record.args()));
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
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|(key, _)| key.starts_with(target)).map(|(_, line)| line.clone()).collect()
}
