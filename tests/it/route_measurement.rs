//! How single routes and special responses are measured: endless streams in an app that
//! measures to the end of its bodies, statuses of 1xx, and closures that panic.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix_monitor::{BigBrother, BigBrotherBuilder, Exclude, ObserveAt, ResponseSize};
use actix_web::body::BodySize;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use crate::support::client::Client;
use crate::support::page::Page;
use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::Server;
use crate::support::services::{Control, ControlledBody, Step};

fn isolated() -> BigBrotherBuilder {
    BigBrother::builder().isolated()
}

/// The bodies of responses, in the hands of a test.
type Bodies = mpsc::Receiver<Control>;

/// Streams at `/events`, `/downloads/{id}` and in a scope.
fn streaming(builder: BigBrotherBuilder) -> (Bodies, Server) {
    let (controls, bodies) = mpsc::channel();
    let server = Server::watched(builder.requests_in_flight().build(), move |app| {
        let stream = || {
            let controls = controls.clone();
            web::get().to(move || {
                let (control, body) = ControlledBody::new(BodySize::Stream);
                controls.send(control).expect("the test listens");
                async { HttpResponse::Ok().body(body) }
            })
        };
        let api = web::scope("/api/{version}").route("/events", stream());
        app.route("/events", stream()).route("/downloads/{id}", stream()).service(api);
    });
    (bodies, server)
}

/// A response whose body goes on.
struct Streaming {
    client: Client,
    body: Control,
    sent: Instant,
    head: Instant,
}

impl Streaming {
    /// Requests `path` and reads the head of the response and its first chunk.
    #[track_caller]
    fn begin(server: &Server, bodies: &Bodies, path: &str) -> Self {
        let (mut client, sent) = (server.connect(), Instant::now());
        client.send_request("GET", path, &[]);
        let body = bodies.recv_timeout(PATIENCE).expect("the handler begins");
        body.send(Step::Chunk("first")).expect("the body is there");
        assert_eq!(client.read_head().status, 200);
        let head = Instant::now();
        assert!(client.read_chunk().is_some());
        Self { client, body, sent, head }
    }

    /// Ends the body and reads it to the end.
    #[track_caller]
    fn end(mut self) {
        drop(self.body);
        assert_eq!(self.client.read_chunk(), None);
    }
}

/// The duration of the one request with this `addr`.
#[track_caller]
fn duration(page: &Page, addr: &str) -> Duration {
    assert_eq!(page.value("request_seconds_count", &[("addr", addr)]), Some(1.0), "{addr}");
    let sum = page.value("request_seconds_sum", &[("addr", addr)]);
    Duration::from_secs_f64(sum.expect("there is a sum for each count"))
}

fn in_flight(server: &Server) -> f64 {
    server.metrics().value("requests_in_flight", &[]).expect("it is on the page")
}

/// Waits until so much time has passed that a duration shows it.
fn pass() {
    std::thread::sleep(Duration::from_millis(50));
}

#[test]
fn one_route_ends_at_its_head_in_an_app_that_measures_to_the_end_of_bodies() {
    let (bodies, server) = streaming(isolated().observe_route_at("/events", ObserveAt::Head));
    let events = Streaming::begin(&server, &bodies, "/events");
    let download = Streaming::begin(&server, &bodies, "/downloads/7");
    let others = Streaming::begin(&server, &bodies, "/api/v1/events");
    let page = server.metrics();
    assert_eq!(page.recorded(), ["200 false GET /events: 1 of 0 bytes"]);
    assert_eq!(page.value("requests_in_flight", &[]), Some(2.0));
    let recorded = duration(&page, "/events");
    assert!(recorded <= events.head - events.sent, "{recorded:?}");

    pass();
    let (sent, head) = (download.sent, download.head);
    let at_least = head.elapsed();
    download.end();
    let page = server.metrics();
    let recorded = duration(&page, "/downloads/{id}");
    assert!(recorded >= at_least && recorded <= sent.elapsed(), "{recorded:?}");
    assert_eq!(duration(&page, "/events"), duration(&server.metrics(), "/events"));

    others.end();
    let before = server.metrics();
    assert_eq!(before.value("requests_in_flight", &[]), Some(0.0));
    events.end();
    assert_eq!(server.metrics().lasting(), before.lasting(), "its end changes nothing");
    assert_eq!(
        before.recorded(),
        [
            "200 false GET /api/{version}/events: 1 of 0 bytes",
            "200 false GET /downloads/{id}: 1 of 0 bytes",
            "200 false GET /events: 1 of 0 bytes",
        ]
    );
}

#[test]
fn a_client_that_leaves_an_endless_stream_changes_nothing() {
    let (bodies, server) = streaming(isolated().observe_route_at("/events", ObserveAt::Head));
    let Streaming { client, body, .. } = Streaming::begin(&server, &bodies, "/events");
    let before = server.metrics();
    client.reset();
    eventually("the body is dropped", || body.send(Step::Chunk("more")).err());
    assert_eq!(server.metrics().lasting(), before.lasting());
    assert_eq!(before.recorded(), ["200 false GET /events: 1 of 0 bytes"]);
}

#[test]
fn a_route_is_named_by_its_pattern_with_its_scopes() {
    let pattern = "/api/{version}/events";
    let (bodies, server) = streaming(isolated().observe_route_at(pattern, ObserveAt::Head));
    let scoped = Streaming::begin(&server, &bodies, "/api/v1/events");
    let other = Streaming::begin(&server, &bodies, "/events");
    let expected = format!("200 false GET {pattern}: 1 of 0 bytes");
    assert_eq!(server.metrics().recorded(), [&*expected]);
    scoped.end();
    other.end();
    let recorded = server.metrics().recorded();
    assert_eq!(recorded, [&*expected, "200 false GET /events: 1 of 0 bytes"]);
}

#[test]
fn one_route_is_measured_to_the_end_of_its_body_in_an_app_that_ends_at_heads() {
    let builder = isolated()
        .observe_at(ObserveAt::Head)
        .observe_route_at("/downloads/{id}", ObserveAt::BodyEnd);
    let (bodies, server) = streaming(builder);
    let events = Streaming::begin(&server, &bodies, "/events");
    let download = Streaming::begin(&server, &bodies, "/downloads/7");
    assert_eq!(server.metrics().recorded(), ["200 false GET /events: 1 of 0 bytes"]);
    assert_eq!(in_flight(&server), 1.0);
    pass();
    let at_least = download.head.elapsed();
    download.end();
    assert!(duration(&server.metrics(), "/downloads/{id}") >= at_least);
    assert_eq!(in_flight(&server), 0.0);
    events.end();
}

#[test]
fn the_last_setting_of_a_route_wins_whatever_the_order_of_the_general_one() {
    let builder = isolated()
        .observe_route_at("/events", ObserveAt::Head)
        .observe_route_at("/downloads/{id}", ObserveAt::Head)
        .observe_route_at("/downloads/{id}", ObserveAt::BodyEnd)
        .observe_at(ObserveAt::BodyEnd);
    let (bodies, server) = streaming(builder);
    let events = Streaming::begin(&server, &bodies, "/events");
    let download = Streaming::begin(&server, &bodies, "/downloads/7");
    assert_eq!(server.metrics().recorded(), ["200 false GET /events: 1 of 0 bytes"]);
    download.end();
    events.end();
    assert_eq!(server.metrics().requests(), 2.0);
}

#[test]
fn a_switch_of_protocols_ends_at_its_head_whatever_is_set_for_its_route() {
    let (controls, bodies) = mpsc::channel();
    let builder = isolated().observe_route_at("/socket", ObserveAt::BodyEnd);
    let server = Server::watched(builder.build(), move |app| {
        let controls = controls.clone();
        let upgrades = web::get().to(move || {
            let (control, body) = ControlledBody::new(BodySize::Stream);
            controls.send(control).expect("the test listens");
            async { HttpResponse::SwitchingProtocols().upgrade("websocket").body(body) }
        });
        app.route("/socket", upgrades);
    });
    let mut client = server.connect();
    client.send_request("GET", "/socket", &[("connection", "upgrade"), ("upgrade", "websocket")]);
    assert_eq!(client.read_head().status, 101);
    assert_eq!(server.metrics().recorded(), ["101 false GET /socket: 1 of 0 bytes"]);
    drop(bodies.recv_timeout(PATIENCE).expect("the handler begins"));
}

#[test]
fn responses_of_1xx_are_not_errors_and_count_no_bytes() {
    for size in [ResponseSize::Declared, ResponseSize::Sent] {
        let server = Server::watched(isolated().response_size(size).build(), |app| {
            let responds = web::get().to(async |status: web::Path<u16>| {
                let status = StatusCode::from_u16(*status).expect("a status");
                HttpResponse::build(status).body("never sent")
            });
            app.route("/{status}", responds);
        });
        for status in [100, 102, 103, 199] {
            let mut client = server.connect();
            client.send_request("GET", &format!("/{status}"), &[("connection", "close")]);
            assert_eq!(client.read_head().status, status);
        }
        let expected = [100, 102, 103, 199]
            .map(|status| format!("{status} false GET /{{status}}: 1 of 0 bytes"));
        assert_eq!(server.metrics_of(4.0).recorded(), expected, "{size:?}");
    }
}

#[test]
fn a_request_whose_exclusion_panics_is_a_500() {
    let panics = Exclude::from_fn(|request| {
        assert!(!request.path().starts_with("/panic"), "a closure's panic, on purpose");
        request.path() == "/excluded"
    });
    let builder = isolated().requests_in_flight().exclude("/panic/early").exclude(panics);
    let server = Server::watched(builder.build(), |app| {
        let ok = || web::get().to(HttpResponse::Ok);
        app.route("/panic/{id}", ok()).route("/excluded", ok()).route("/ok", ok());
    });
    for path in ["/panic/7", "/panic/8?x=1", "/panic/no/route"] {
        let mut client = server.connect();
        client.send_request("GET", path, &[]);
        client.try_read_response().expect_err("a panic has no response");
    }
    let mut client = server.connect();
    for path in ["/ok", "/excluded", "/panic/early"] {
        assert_eq!(client.get(path).status, 200, "{path}: the worker continues");
    }
    assert_eq!(
        server.metrics_of(4.0).recorded(),
        [
            "200 false GET /ok: 1 of 0 bytes",
            "500 true GET /panic/{id}: 2 of 0 bytes",
            "500 true GET unmatched: 1 of 0 bytes",
        ]
    );
    eventually("none is in flight", || (in_flight(&server) == 0.0).then_some(()));
}
