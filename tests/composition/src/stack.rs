//! Everything at once, in the order in which applications stack it.

use actix_cors::Cors;
use actix_files::Files;
use actix_governor::{Governor, GovernorConfigBuilder};
use actix_identity::IdentityMiddleware;
use actix_web::middleware::{Compress, Logger, NormalizePath};
use actix_web::{App, web};
use actix_web_httpauth::middleware::HttpAuthentication;
use tracing_actix_web::TracingLogger;

use crate::middlewares::only_secret;
use crate::places::{recorded, turn_logs_on};
use crate::sessions::sessions;
use crate::support::server::{Server, monitor};

#[test]
fn requests_to_an_app_with_all_layers() {
    turn_logs_on();
    let (outer, inner) = (monitor(), monitor());
    let watched = (outer.clone(), inner.clone());
    let server = Server::start(1, move || {
        let mut limit = GovernorConfigBuilder::default();
        let limit = limit.seconds_per_request(3_600).burst_size(8).finish().expect("a limit");
        let api = web::scope("/api").service(crate::routes::user());
        App::new()
            .service(api.wrap(HttpAuthentication::bearer(only_secret)))
            .service(Files::new("/static", env!("CARGO_MANIFEST_DIR")))
            .wrap(watched.1.clone())
            .wrap(IdentityMiddleware::default())
            .wrap(sessions())
            .wrap(Governor::new(&limit))
            .wrap(NormalizePath::trim())
            .wrap(Cors::default().allowed_origin("http://a.example").allowed_methods(["GET"]))
            .wrap(Compress::default())
            .wrap(Logger::default())
            .wrap(TracingLogger::default())
            .wrap(watched.0.clone())
    });
    let mut client = server.connect();
    let (secret, gzip) = (("authorization", "Bearer secret"), ("accept-encoding", "gzip"));
    let (origin, other) = (("origin", "http://a.example"), ("origin", "http://b.example"));
    let preflight = ("access-control-request-method", "GET");
    for (method, path, headers, status) in [
        ("GET", "/api/users/7", &[secret][..], 200),
        ("GET", "//api/users/7/", &[secret, origin], 200),
        ("GET", "/api/users/7", &[secret, gzip], 200),
        ("PUT", "/api/users/7", &[secret], 401),
        ("GET", "/api/users/7", &[], 401),
        ("GET", "/api/nowhere", &[], 401),
        ("GET", "/nowhere", &[], 404),
        ("OPTIONS", "/api/users/7", &[origin, preflight], 200),
        ("OPTIONS", "/nowhere", &[origin, preflight], 200),
        ("OPTIONS", "/api/users/7", &[other, preflight], 400),
        ("OPTIONS", "/api/users/7/", &[other, preflight], 400),
        ("GET", "/static/absent", &[], 404),
        ("GET", "/api/users/7", &[secret], 429),
        ("GET", "/api/users/7/", &[secret], 429),
        ("GET", "/nowhere", &[], 429),
    ] {
        assert_eq!(client.request(method, path, headers).status, status, "{method} {path}");
    }
    let inside = [
        "200 false GET /api/users/{id}: 3 of 15 bytes",
        "401 true GET /api/users/{id}: 1 of 0 bytes",
        "401 true GET unmatched: 1 of 0 bytes",
        "401 true PUT /api/users/{id}: 1 of 0 bytes",
        "404 true GET /static: 1 of 0 bytes",
        "404 true GET unmatched: 1 of 0 bytes",
    ];
    assert_eq!(recorded(&inner), inside);
    // The compressed response has no declared length. The layers outside of `NormalizePath` have
    // the path as received.
    let outside = [
        "200 false GET /api/users/{id}: 3 of 10 bytes",
        "200 false OPTIONS /api/users/{id}: 1 of 0 bytes",
        "200 false OPTIONS unmatched: 1 of 0 bytes",
        "400 true OPTIONS /api/users/{id}: 1 of 42 bytes",
        "400 true OPTIONS unmatched: 1 of 42 bytes",
        "401 true GET /api/users/{id}: 1 of 0 bytes",
        "401 true GET unmatched: 1 of 0 bytes",
        "401 true PUT /api/users/{id}: 1 of 0 bytes",
        "404 true GET /static: 1 of 0 bytes",
        "404 true GET unmatched: 1 of 0 bytes",
        "429 true GET /api/users/{id}: 2 of 66 bytes",
        "429 true GET unmatched: 1 of 33 bytes",
    ];
    assert_eq!(recorded(&outer), outside);
}
