//! Exclusions against any paths: what is excluded is not recorded, and all else is.

#![no_main]

use std::cell::OnceCell;

use actix_monitor::BigBrother;
use actix_monitor_fuzz::read_page;
use actix_web::http::Uri;
use actix_web::rt::{System, SystemRunner};
use actix_web::{App, HttpRequest, HttpResponse, test, web};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    rules: Vec<Text>,
    paths: Vec<Text>,
}

/// A text of any characters, or one that is likely to match something.
#[derive(Arbitrary, Debug)]
enum Text {
    Any(String),
    Of(Vec<Piece>),
}

#[derive(Arbitrary, Debug)]
enum Piece {
    Slash,
    Users,
    Id,
    Star,
    Dots,
    Escape,
    Digit,
}

impl Text {
    fn text(&self) -> String {
        match self {
            Self::Any(text) => text.clone(),
            Self::Of(pieces) => pieces.iter().fold("/".to_owned(), |text, piece| {
                text + match piece {
                    Piece::Slash => "/",
                    Piece::Users => "users",
                    Piece::Id => "{id}",
                    Piece::Star => "/*",
                    Piece::Dots => "/..",
                    Piece::Escape => "%2F",
                    Piece::Digit => "7",
                }
            }),
        }
    }
}

/// What the documentation of the option says.
fn is_excluded(rule: &str, path: &str, addr: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(prefix) if prefix.ends_with('/') => path.starts_with(prefix),
        _ if rule.contains('{') => rule == addr,
        _ => rule == path,
    }
}

thread_local! {
    static SYSTEM: OnceCell<SystemRunner> = const { OnceCell::new() };
}

async fn pattern(request: HttpRequest) -> HttpResponse {
    HttpResponse::Ok().body(request.match_pattern().unwrap_or_default())
}

async fn check(input: &Input) {
    let rules: Vec<_> = input.rules.iter().map(Text::text).collect();
    let builder = BigBrother::builder().isolated().no_endpoint();
    let builder = rules.iter().fold(builder, |builder, rule| builder.exclude(rule.as_str()));
    let Ok(middleware) = builder.try_build() else { return };
    let monitor = middleware.monitor();
    let app = App::new()
        .route("/", web::to(pattern))
        .route("/users/{id}", web::to(pattern))
        .route("/users/{id}/", web::to(pattern))
        .service(web::scope("/{id}").route("/users", web::to(pattern)))
        .wrap(middleware);
    let service = test::init_service(app).await;
    let mut expected = 0;
    for path in &input.paths {
        let Ok(uri) = path.text().parse::<Uri>() else { continue };
        if !uri.path().starts_with('/') {
            continue;
        }
        let mut request = test::TestRequest::default().to_request();
        request.head_mut().uri = uri;
        let decoded = actix_web::dev::Url::new(request.uri().clone()).path().to_owned();
        let response = test::call_service(&service, request).await;
        let is_handled = response.status() == 200;
        let body = test::read_body(response).await;
        let addr = String::from_utf8_lossy(&body).into_owned();
        let addr = if is_handled { addr.as_str() } else { "unmatched" };
        expected += u32::from(!rules.iter().any(|rule| is_excluded(rule, &decoded, addr)));
    }
    let samples = read_page(&monitor);
    let counts = samples.iter().filter(|sample| sample.name == "request_seconds_count");
    assert_eq!(counts.map(|sample| sample.value).sum::<f64>(), f64::from(expected), "{input:?}");
}

fuzz_target!(|input: Input| {
    SYSTEM.with(|system| system.get_or_init(System::new).block_on(check(&input)));
});
