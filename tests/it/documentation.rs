//! What the guides claim and their compiled examples alone do not show.

use std::hint::black_box;
use std::sync::{Arc, mpsc};

use actix_monitor::{BigBrother, Dependency, readiness};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::ErrorUnauthorized;
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, HttpResponse, web};
use tokio::sync::Semaphore;

use crate::support::patience::PATIENCE;
use crate::support::server::{Server, monitor};
use crate::support::services::waits_for;

#[test]
fn an_ordinary_close_is_recorded_with_the_response_by_default() {
    let permits = Arc::new(Semaphore::new(0));
    let (begun, begins) = mpsc::channel();
    let given = Arc::clone(&permits);
    let server = Server::watched(monitor(), move |app| waits_for(app, "/slow", &given, &begun));
    let mut client = server.connect();
    client.send_request("GET", "/slow", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    drop(client);
    permits.add_permits(1);
    assert_eq!(server.metrics_of(1.0).recorded(), ["200 false GET /slow: 1 of 4 bytes"]);
}

/// The comparison of docs/deployment.md.
fn is_equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    let bytes = a.iter().zip(b);
    let difference = bytes.fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    a.len() == b.len() && difference == 0
}

async fn authenticate(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let given = request.headers().get("authorization").map_or(&b""[..], |value| value.as_bytes());
    if is_equal_in_constant_time(given, b"Bearer secret") {
        next.call(request).await
    } else {
        Err(ErrorUnauthorized("invalid token"))
    }
}

#[test]
fn the_page_behind_authentication_opens_for_the_token_alone() {
    let server = Server::watched(monitor(), |app| {
        let page = web::get().to(actix_monitor::metrics);
        app.service(web::scope("/internal").wrap(from_fn(authenticate)).route("/metrics", page));
    });
    let status = |token: Option<&str>| {
        let headers: Vec<_> = token.map(|token| ("Authorization", token)).into_iter().collect();
        server.connect().request("GET", "/internal/metrics", &headers).status
    };
    for refused in [None, Some("Bearer secre"), Some("Bearer secrets"), Some("Bearer Secret")] {
        assert_eq!(status(refused), 401, "{refused:?}");
    }
    assert_eq!(status(Some("Bearer secret")), 200);
    assert_eq!(server.metrics().recorded(), ["401 true GET /internal/metrics: 4 of 52 bytes"]);
}

#[test]
fn probes_of_the_example_are_not_recorded_whatever_they_respond() {
    let down = Dependency::new("disk", || async { false }).critical();
    let middleware = BigBrother::builder()
        .isolated()
        .dependency(down)
        .exclude("/live")
        .exclude("/ready")
        .build();
    let server = Server::watched(middleware, |app| {
        app.route("/live", web::get().to(HttpResponse::Ok));
        app.route("/ready", web::get().to(readiness));
        app.route("/", web::get().to(HttpResponse::Ok));
    });
    assert_eq!(server.connect().get("/live").status, 200);
    assert_eq!(server.connect().get("/ready").status, 503);
    assert_eq!(server.connect().get("/").status, 200);
    assert_eq!(server.metrics().recorded(), ["200 false GET /: 1 of 0 bytes"]);
}
