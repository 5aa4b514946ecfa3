//! What the process logs, to be read by tests. All tests of the binary share it,
//! so each looks for words that only it can have caused.

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

/// Begins to keep what is logged. To be called before what is to be seen.
pub(crate) fn start() {
    START.call_once(|| {
        log::set_logger(&Journal).expect("no other logger");
        log::set_max_level(log::LevelFilter::Info);
    });
}

/// What was logged under `target` or below it, each line with its level.
pub(crate) fn lines(target: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|(key, _)| key.starts_with(target)).map(|(_, line)| line.clone()).collect()
}
