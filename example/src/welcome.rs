//! What a newcomer is told: on the terminal, and on the page at `/`.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use actix_web::web::Html;

use crate::options::{Refusal, USAGE};

/// Wrong usage has its own exit code, as shells expect.
const WRONG_USAGE: u8 = 2;

pub(crate) fn help() -> ExitCode {
    say(format_args!("{USAGE}"));
    ExitCode::SUCCESS
}

pub(crate) fn refused(refusal: &Refusal) -> ExitCode {
    complain(format_args!("error: {refusal}\n\n{USAGE}"));
    ExitCode::from(WRONG_USAGE)
}

pub(crate) fn failed(error: &io::Error) -> ExitCode {
    complain(format_args!("error: {error}\n"));
    ExitCode::FAILURE
}

pub(crate) fn greet(notes: SocketAddr, quotes: SocketAddr, database: &Path) {
    say(format_args!(
        "\
Notes     http://{notes}/
Metrics   http://{notes}/metrics
Ready     http://{notes}/ready
Quotes    http://{quotes}/quote
Database  {}

Take a dependency down, watch the metrics, bring it up again:
  curl -X POST http://{notes}/admin/database/down
  curl -X POST http://{notes}/admin/database/up
  curl -X POST http://{notes}/admin/quotes/down
  curl -X POST http://{notes}/admin/quotes/up

Ctrl-C ends it.
",
        database.display()
    ));
}

/// A closed terminal is no reason to stop serving.
fn say(text: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    let _ = out.write_fmt(text).and_then(|()| out.flush());
}

fn complain(text: fmt::Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}

pub(crate) async fn page() -> Html {
    Html::new(PAGE)
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Notes</title>
<h1>Notes, watched by actix-monitor</h1>
<ul>
  <li><a href="/metrics">/metrics</a>: what is measured</li>
  <li><a href="/ready">/ready</a>: what is known of the dependencies</li>
  <li><a href="/api/notes">/api/notes</a>: the notes, from SQLite</li>
  <li><a href="/api/quote">/api/quote</a>: a quote, from the second service</li>
  <li><a href="/api/slow">/api/slow</a>, <a href="/api/fail">/api/fail</a>,
    <a href="/api/stream">/api/stream</a>: answers that stand out</li>
</ul>
<p>Take a dependency down and bring it up again:</p>
<form method="post">
  <button formaction="/admin/database/down">database down</button>
  <button formaction="/admin/database/up">database up</button>
  <button formaction="/admin/quotes/down">quotes down</button>
  <button formaction="/admin/quotes/up">quotes up</button>
</form>
</html>
"#;
