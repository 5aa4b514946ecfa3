//! Bodies: when the duration of a request ends, and how many bytes are counted.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix_monitor::{BigBrother, ObserveAt, ResponseSize};
use actix_web::body::BodySize;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, error, web};

use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::{Server, monitor};
use crate::support::services::{Control, ControlledBody, Step, controlled_bodies};

/// Bodies that fail after ten bytes: of unknown length, and of a declared hundred bytes.
fn broken_bodies(app: &mut web::ServiceConfig) {
    let broken = |size, last: fn() -> Step| {
        web::get().to(move || async move {
            let steps = [Step::Chunk("0123456789"), last()];
            HttpResponse::Created().body(ControlledBody::of(size, steps))
        })
    };
    app.route("/fails/stream", broken(BodySize::Stream, || Step::Fail))
        .route("/fails/sized", broken(BodySize::Sized(100), || Step::Fail))
        .route("/panics/stream", broken(BodySize::Stream, || Step::Panic))
        .route("/panics/sized", broken(BodySize::Sized(100), || Step::Panic))
        .route("/short", broken(BodySize::Sized(100), || Step::Chunk("0123456789")));
}

const BROKEN: [&str; 5] =
    ["/fails/stream", "/fails/sized", "/panics/stream", "/panics/sized", "/short"];

#[test]
fn a_body_that_fails_keeps_its_status_and_declared_size() {
    let server = Server::watched(monitor(), broken_bodies);
    for path in BROKEN {
        let mut client = server.connect();
        client.send_request("GET", path, &[]);
        // Depending on when it fails, the head may not have been sent.
        if let Ok(answer) = client.try_read_response() {
            assert_eq!((answer.status, answer.is_complete), (201, false), "{path}");
        }
    }
    assert_eq!(
        server.metrics_of(5.0).recorded(),
        [
            "201 false GET /fails/sized: 1 of 100 bytes",
            "201 false GET /fails/stream: 1 of 0 bytes",
            "201 false GET /panics/sized: 1 of 100 bytes",
            "201 false GET /panics/stream: 1 of 0 bytes",
            "201 false GET /short: 1 of 100 bytes",
        ]
    );
}

#[test]
fn sent_bytes_of_a_body_that_fails_are_counted_with_response_size_sent() {
    let monitor = BigBrother::builder().isolated().response_size(ResponseSize::Sent).build();
    let server = Server::watched(monitor, broken_bodies);
    for path in BROKEN {
        let mut client = server.connect();
        client.send_request("GET", path, &[]);
        drop(client.try_read_response());
    }
    assert_eq!(
        server.metrics_of(5.0).recorded(),
        [
            "201 false GET /fails/sized: 1 of 10 bytes",
            "201 false GET /fails/stream: 1 of 10 bytes",
            "201 false GET /panics/sized: 1 of 10 bytes",
            "201 false GET /panics/stream: 1 of 10 bytes",
            "201 false GET /short: 1 of 20 bytes",
        ]
    );
}

#[test]
fn a_client_that_disconnects_during_the_body_ends_the_request() {
    for (size, bytes) in [(BodySize::Stream, 0), (BodySize::Sized(1000), 1000)] {
        let (controls, routes) = controlled_bodies(size);
        let server = Server::watched(monitor(), routes);
        let mut client = server.connect();
        client.send_request("GET", "/body/1", &[]);
        let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
        control.send(Step::Chunk("beginning")).expect("the body is there");
        assert_eq!(client.read_head().status, 200);
        assert_eq!(server.metrics().requests(), 0.0, "its body goes on");
        client.reset();
        // The server notices the disconnect when it sends something.
        eventually("the body is dropped", || control.send(Step::Chunk("more")).err());
        let expected = format!("200 false GET /body/{{id}}: 1 of {bytes} bytes");
        assert_eq!(server.metrics_of(1.0).recorded(), [expected]);
    }
}

#[test]
fn a_body_of_declared_length_ends_with_its_last_byte() {
    let (controls, routes) = controlled_bodies(BodySize::Sized(4));
    let server = Server::watched(monitor(), routes);
    let mut client = server.connect();
    client.send_request("GET", "/body/1", &[]);
    let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
    control.send(Step::Chunk("done")).expect("the body is there");
    assert_eq!(client.read_response().text(), "done");
    // The client has the whole body although the body has not returned its end.
    let expected = ["200 false GET /body/{id}: 1 of 4 bytes"];
    assert_eq!(server.metrics().recorded(), expected);
    drop(control);
    client.request("GET", "/elsewhere", &[]);
    assert_eq!(server.metrics().recorded()[0], expected[0], "counted once");
}

#[test]
fn a_request_lasts_until_the_end_of_its_body() {
    let (controls, routes) = controlled_bodies(BodySize::Stream);
    let server = Server::watched(monitor(), routes);
    let mut client = server.connect();
    client.send_request("GET", "/body/1", &[]);
    let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
    control.send(Step::Chunk("beginning")).expect("the body is there");
    client.read_head();
    assert_eq!(client.read_chunk().as_deref(), Some(&b"beginning"[..]));
    assert_eq!(server.metrics().requests(), 0.0);
    // Time is what is measured here.
    std::thread::sleep(Duration::from_millis(150));
    drop(control);
    assert_eq!(client.read_chunk(), None);
    let page = server.metrics();
    assert_eq!(page.recorded(), ["200 false GET /body/{id}: 1 of 0 bytes"]);
    assert!(page.total("request_seconds_sum") >= 0.15, "{}", page.text);
    assert_eq!(page.value("request_seconds_bucket", &[("le", "0.1")]), Some(0.0));
}

#[test]
fn a_request_observed_at_its_head_is_recorded_before_its_body_ends() {
    let (controls, routes) = controlled_bodies(BodySize::Stream);
    let monitor = BigBrother::builder().isolated().observe_at(ObserveAt::Head).build();
    let server = Server::watched(monitor, routes);
    let mut client = server.connect();
    let started = Instant::now();
    client.send_request("GET", "/body/1", &[]);
    let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
    control.send(Step::Chunk("beginning")).expect("the body is there");
    client.read_head();
    let until_head = started.elapsed().as_secs_f64();
    let page = server.metrics();
    assert_eq!(page.recorded(), ["200 false GET /body/{id}: 1 of 0 bytes"]);
    assert!(page.total("request_seconds_sum") <= until_head, "{}", page.text);
    drop(control);
    client.read_chunk();
    assert_eq!(client.read_chunk(), None);
    assert_eq!(server.metrics().lasting(), page.lasting(), "its end changes nothing");
}

#[test]
fn a_request_observed_at_its_head_has_its_declared_size() {
    let monitor = BigBrother::builder().isolated().observe_at(ObserveAt::Head).build();
    let server = Server::watched(monitor, |app| {
        app.route("/x", web::get().to(async || "hello"));
    });
    server.connect().get("/x");
    assert_eq!(server.metrics().recorded(), ["200 false GET /x: 1 of 5 bytes"]);
}

#[test]
fn an_upgraded_connection_is_recorded_at_its_head() {
    let (controls, receiver) = mpsc::channel();
    for size in [ResponseSize::Declared, ResponseSize::Sent] {
        let monitor = BigBrother::builder().isolated().response_size(size).build();
        let controls = controls.clone();
        let server = Server::watched(monitor, move |app| {
            let controls = controls.clone();
            app.route(
                "/socket/{room}",
                web::get().to(move || {
                    let (control, body) = ControlledBody::new(BodySize::Stream);
                    controls.send(control).expect("the test listens");
                    async { HttpResponse::SwitchingProtocols().upgrade("websocket").body(body) }
                }),
            );
        });
        let mut client = server.connect();
        let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
        client.send_request("GET", "/socket/1", &headers);
        assert_eq!(client.read_head().status, 101);
        let expected = ["101 false GET /socket/{room}: 1 of 0 bytes"];
        assert_eq!(server.metrics().recorded(), expected, "while the socket lives");
        let control: Control = receiver.recv_timeout(PATIENCE).expect("the handler begins");
        control.send(Step::Chunk("words on the socket")).expect("the body is there");
        drop(control);
        client.finish_sending();
        assert_eq!(client.read_to_end(), b"words on the socket");
        assert_eq!(server.metrics().recorded(), expected, "after the socket's end");
    }
}

#[test]
fn responses_without_content_count_no_bytes() {
    for size in [ResponseSize::Declared, ResponseSize::Sent] {
        let monitor = BigBrother::builder().isolated().response_size(size).build();
        let server = Server::watched(monitor, |app| {
            app.route("/x", web::head().to(async || "hello")).route(
                "/{status}",
                web::get().to(async |status: web::Path<u16>| {
                    let status = StatusCode::from_u16(*status).expect("a status");
                    HttpResponse::build(status).body("never sent")
                }),
            );
        });
        let mut client = server.connect();
        let head = client.head("/x");
        assert_eq!((head.status, head.header("content-length")), (200, Some("5")));
        assert_eq!(client.get("/304").status, 304);
        assert_eq!(server.connect().get("/204").status, 204);
        assert_eq!(
            server.metrics_of(3.0).recorded(),
            [
                "200 false HEAD /x: 1 of 0 bytes",
                "204 false GET /{status}: 1 of 0 bytes",
                "304 false GET /{status}: 1 of 0 bytes",
            ]
        );
    }
}

#[test]
fn a_stream_declares_no_length_unless_its_handler_does() {
    let server = Server::watched(monitor(), |app| {
        let stream = || ControlledBody::of(BodySize::Stream, ["abc", "defg"].map(Step::Chunk));
        app.route(
            "/chunked",
            web::get().to(move || async move { HttpResponse::Ok().body(stream()) }),
        )
        .route(
            "/declared",
            web::get().to(move || async move { HttpResponse::Ok().no_chunking(7).body(stream()) }),
        );
    });
    let mut client = server.connect();
    assert_eq!(client.get("/chunked").text(), "abcdefg");
    let declared = client.get("/declared");
    assert_eq!(
        (declared.header("content-length"), declared.text().as_str()),
        (Some("7"), "abcdefg")
    );
    let expected =
        ["200 false GET /chunked: 1 of 0 bytes", "200 false GET /declared: 1 of 7 bytes"];
    assert_eq!(server.metrics_of(2.0).recorded(), expected);
}

#[test]
fn sent_bytes_are_counted_with_response_size_sent() {
    let monitor = BigBrother::builder().isolated().response_size(ResponseSize::Sent).build();
    let server = Server::watched(monitor, |app| {
        app.route("/sized", web::get().to(async || "hello"))
            .route(
                "/stream",
                web::get().to(async || {
                    let steps = ["abc", "defg"].map(Step::Chunk);
                    HttpResponse::Ok().body(ControlledBody::of(BodySize::Stream, steps))
                }),
            )
            .route("/large", web::get().to(async || "x".repeat(1_000_000)))
            .route(
                "/fails",
                web::get().to(async || Err::<HttpResponse, _>(error::ErrorConflict("conflict"))),
            );
    });
    let mut client = server.connect();
    for (path, length) in [("/sized", 5), ("/stream", 7), ("/large", 1_000_000), ("/fails", 8)] {
        assert_eq!(client.get(path).body.len(), length);
    }
    assert_eq!(
        server.metrics().recorded(),
        [
            "200 false GET /large: 1 of 1000000 bytes",
            "200 false GET /sized: 1 of 5 bytes",
            "200 false GET /stream: 1 of 7 bytes",
            "409 true GET /fails: 1 of 8 bytes",
        ]
    );
}
