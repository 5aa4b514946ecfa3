//! What the program prints: its usage, its errors and its addresses.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use crate::options::{USAGE, UsageError};

/// The exit code of shells and their builtins for wrong usage.
const WRONG_USAGE: u8 = 2;

pub(crate) fn help() -> ExitCode {
    print(format_args!("{USAGE}"));
    ExitCode::SUCCESS
}

pub(crate) fn usage_error(error: &UsageError) -> ExitCode {
    print_error(format_args!("error: {error}\n\n{USAGE}"));
    ExitCode::from(WRONG_USAGE)
}

pub(crate) fn failure(error: &io::Error) -> ExitCode {
    print_error(format_args!("error: {error}\n"));
    ExitCode::FAILURE
}

pub(crate) fn print_addresses(notes: SocketAddr, quotes: SocketAddr, database: &Path) {
    print(format_args!(
        "\
Notes     http://{notes}/
Dashboard http://{notes}/status
Metrics   http://{notes}/metrics
Ready     http://{notes}/ready
Quotes    http://{quotes}/quote
Database  {}

Take a dependency down, watch the metrics, bring it up again:
  curl -X POST http://{notes}/admin/database/down
  curl -X POST http://{notes}/admin/database/up
  curl -X POST http://{notes}/admin/quotes/down
  curl -X POST http://{notes}/admin/quotes/up

Press Ctrl-C to stop.
",
        database.display()
    ));
}

/// Unlike `print!`, does not panic if the terminal is closed.
fn print(text: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    let _ = out.write_fmt(text).and_then(|()| out.flush());
}

fn print_error(text: fmt::Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}
