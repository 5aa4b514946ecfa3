//! What outsiders can read: nothing that a client sends or a check reports, unless an
//! option asks for it.

use actix_monitor::{BigBrother, BigBrotherBuilder, Dependency, Unmatched, metrics, readiness};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpResponse, error, guard, web};

use crate::support::checks::{once, wait_for_result};
use crate::support::server::Server;

/// A word that only clients and the check of the dependency use.
const SECRET: &str = "hunter2";

/// A server after requests that contain the secret wherever a request can, and a check that
/// fails with it.
fn after_requests_with_secrets(builder: BigBrotherBuilder) -> Server {
    let check = Dependency::new("db", async || Err::<(), _>(format!("wrong password {SECRET}")));
    let middleware = builder.isolated().dependency(once(check).critical()).build();
    wait_for_result(&middleware.monitor(), "db");
    let server = Server::watched(middleware, |app| {
        app.route("/ready", web::get().to(readiness));
        app.route("/users/{id}", web::to(async || HttpResponse::BadRequest().body(SECRET)));
    });
    for path in ["/users/hunter2", "/users/1?token=hunter2", "/hunter2", "/hunter2?hunter2"] {
        for method in ["GET", "POST", "HUNTER2hunter2"] {
            let headers = [
                ("authorization", SECRET),
                ("cookie", "session=hunter2"),
                ("referer", "http://hunter2/"),
                ("user-agent", SECRET),
                ("x-forwarded-host", SECRET),
            ];
            server.connect().request(method, path, &headers);
        }
    }
    server
}

#[test]
fn nothing_that_a_client_sends_or_a_check_reports_is_on_the_pages_by_default() {
    let server = after_requests_with_secrets(BigBrother::builder());
    let mut pages = vec![server.metrics_of(12.0).text];
    pages.push(server.connect().get("/ready").text());
    for page in pages {
        assert!(page.contains("db"), "the page shows the dependency: {page}");
        assert!(!page.to_lowercase().contains(SECRET), "{page}");
    }
}

#[test]
fn raw_paths_are_on_the_page_only_if_they_are_recorded() {
    let server = after_requests_with_secrets(BigBrother::builder().unmatched(Unmatched::Path));
    let page = server.metrics().text;
    assert!(page.contains(r#"addr="/hunter2""#), "{page}");
    assert!(!page.contains("?hunter2"), "a query is not part of a path: {page}");
}

async fn refuse(_: ServiceRequest, _: Next<impl MessageBody>) -> Result<ServiceResponse, Error> {
    Err(error::ErrorForbidden("no"))
}

#[test]
fn middlewares_outside_of_the_monitor_protect_its_page_and_those_inside_do_not() {
    let inside = Server::start(1, || {
        let monitor = BigBrother::builder().isolated().build();
        App::new().wrap(from_fn(refuse)).wrap(monitor)
    });
    assert_eq!(inside.connect().get("/metrics").status, 200);
    assert_eq!(inside.connect().get("/").status, 403);
    let outside = Server::start(1, || {
        let monitor = BigBrother::builder().isolated().build();
        App::new().wrap(monitor).wrap(from_fn(refuse))
    });
    assert_eq!(outside.connect().get("/metrics").status, 403);
}

#[test]
fn a_guard_protects_the_page_that_is_a_route() {
    let server = Server::watched(BigBrother::builder().isolated().no_endpoint().build(), |app| {
        let from_inside = guard::Header("x-gateway", "internal");
        app.route("/metrics", web::get().guard(from_inside).to(metrics));
    });
    assert_eq!(server.connect().get("/metrics").status, 404);
    let scrape = server.connect().request("GET", "/metrics", &[("x-gateway", "internal")]);
    assert_eq!(scrape.status, 200);
}
