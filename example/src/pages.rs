//! The HTML pages: the start page, and what its buttons lead to.

use actix_web::web::Html;

const START: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Notes</title>
<h1>Notes, watched by actix-monitor</h1>
<ul>
  <li><a href="/metrics">/metrics</a>: the metrics</li>
  <li><a href="/ready">/ready</a>: the last known state of the dependencies</li>
  <li><a href="/api/notes">/api/notes</a>: the notes, from SQLite</li>
  <li><a href="/api/quote">/api/quote</a>: a quote, from the second service</li>
  <li><a href="/api/slow">/api/slow</a>, <a href="/api/fail">/api/fail</a>,
    <a href="/api/stream">/api/stream</a>: a slow response, an error, a stream</li>
  <li><a href="/api/blocking">/api/blocking</a>, <a href="/api/offloaded">/api/offloaded</a>:
    a handler that blocks its worker, and the same work in <code>web::block</code></li>
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

pub(crate) async fn start() -> Html {
    Html::new(START)
}

/// A page with one sentence and a link to the start page.
pub(crate) fn message(sentence: &str) -> Html {
    Html::new(format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Notes</title>
<p>{sentence}</p>
<p><a href="/">Back to the start page</a></p>
</html>
"#
    ))
}
