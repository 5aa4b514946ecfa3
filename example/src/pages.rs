//! The HTML pages: the start page, and what its buttons lead to.

use actix_web::web::Html;

const START: &str = include_str!("start.html");

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
