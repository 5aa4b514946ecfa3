//! The `addr` label of requests that are gone when a middleware further in rewrites
//! their path.

use std::sync::mpsc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, NormalizePath, TrailingSlash, from_fn};
use actix_web::{App, Error, HttpResponse, error, web};

use crate::support::patience::PATIENCE;
use crate::support::server::{Server, monitor};
use crate::support::services::waits_for_ever;

/// Returns an error for paths that end in `/refused`, as a middleware inside of
/// `NormalizePath` sees them.
async fn refuses(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    if request.path().trim_end_matches('/').ends_with("/refused") {
        return Err(error::ErrorForbidden("no"));
    }
    next.call(request).await
}

/// Routes without a trailing slash, or all with one, behind `NormalizePath`.
fn normalised(slash: TrailingSlash, begun: mpsc::Sender<()>) -> Server {
    let watched = monitor();
    let end = if matches!(slash, TrailingSlash::Always) { "/" } else { "" };
    Server::start(1, move || {
        let panics = async || -> HttpResponse { panic!("a handler's panic, on purpose") };
        let begun = begun.clone();
        App::new()
            .configure(move |app| waits_for_ever(app, &format!("/hang/{{id}}{end}"), &begun))
            .route(&format!("/panic/{{id}}{end}"), web::to(panics))
            .route(&format!("/ok/{{id}}/refused{end}"), web::to(HttpResponse::Ok))
            .route(&format!("/ok/{{id}}{end}"), web::to(HttpResponse::Ok))
            .wrap(from_fn(refuses))
            .wrap(NormalizePath::new(slash))
            .wrap(watched.clone())
    })
}

#[test]
fn requests_that_are_gone_have_the_pattern_of_the_path_that_was_normalised() {
    for (slash, end) in [(TrailingSlash::Trim, ""), (TrailingSlash::Always, "/")] {
        let (begun, has_begun) = mpsc::channel();
        let server = normalised(slash, begun);
        let (bare, slashed) =
            (["/hang/7", "//hang/7", "/hang//7?q=//"], ["/hang/7/", "//hang/7//"]);
        for path in bare.into_iter().chain(slashed) {
            let mut client = server.connect();
            client.send_request("GET", path, &[]);
            has_begun.recv_timeout(PATIENCE).expect("the handler begins");
            client.reset();
        }
        for path in ["/panic/1", "/panic/1/", "//panic//1//"] {
            let mut client = server.connect();
            client.send_request("GET", path, &[]);
            assert!(client.try_read_response().is_err(), "{path} has no response");
        }
        for path in ["/ok/1/refused", "/ok/1/refused/", "//ok/1//refused", "/nowhere//refused/"] {
            assert_eq!(server.connect().get(path).status, 403, "{path}");
        }
        assert_eq!(server.connect().get("//ok/1/").status, 200);
        assert_eq!(
            server.metrics_of(13.0).recorded(),
            [
                format!("200 false GET /ok/{{id}}{end}: 1 of 0 bytes"),
                format!("403 true GET /ok/{{id}}/refused{end}: 3 of 6 bytes"),
                "403 true GET unmatched: 1 of 2 bytes".to_owned(),
                format!("499 true GET /hang/{{id}}{end}: 5 of 0 bytes"),
                format!("500 true GET /panic/{{id}}{end}: 3 of 0 bytes"),
            ],
            "{slash:?}"
        );
    }
}
