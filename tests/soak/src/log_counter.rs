//! What the crate logs, and panics: both must be expected.

use std::sync::{Mutex, PoisonError};

static UNEXPECTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        let is_expected = ["blocked its worker", "values", "dependency \"steady\""];
        if record.target().starts_with("actix_monitor")
            && !is_expected.iter().any(|part| text.contains(part))
        {
            note(text);
        }
    }

    fn flush(&self) {}
}

fn note(text: String) {
    eprintln!("{text}");
    UNEXPECTED.lock().unwrap_or_else(PoisonError::into_inner).push(text);
}

/// Starts to keep log records and panics.
pub(crate) fn start() {
    log::set_logger(&Logger).expect("no other logger");
    log::set_max_level(log::LevelFilter::Info);
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        if !text.contains("on purpose") {
            note(text);
        }
    }));
}

/// What was logged beyond the expected.
pub(crate) fn unexpected() -> Vec<String> {
    UNEXPECTED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
