//! Faults on HTTP/2. actix runs the handler and the body of a stream in a task of their own,
//! which it does not drop with the stream or the connection: a handler runs to its end, and a
//! body until its next chunk cannot be sent.

use std::future::ready;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use actix_monitor::{BigBrother, Format, Monitor, ResponseSize};
use actix_web::body::BodySize;
use actix_web::rt::task::yield_now;
use actix_web::{HttpResponse, web};
use tokio::sync::Semaphore;

use crate::support::http2::{End, Http2};
use crate::support::page::Page;
use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::{Server, monitor};
use crate::support::services::{
    ControlledBody, Step, controlled_bodies, waits_for, waits_for_ever,
};

fn page(monitor: &Monitor) -> Page {
    Page::parse(&monitor.encode(Format::Text))
}

fn ok(app: &mut web::ServiceConfig) {
    app.route("/ok", web::get().to(async || "ok"));
}

#[test]
fn streams_of_one_connection_are_recorded_one_by_one() {
    let permits = Arc::new(Semaphore::new(0));
    let (begun, begins) = mpsc::channel();
    let given = Arc::clone(&permits);
    let server = Server::http2(monitor(), move |app| {
        waits_for(app, "/slow/{id}", &given, &begun);
        ok(app);
    });
    let mut client = server.connect_http2();
    let slow = [1, 2, 3].map(|id| client.send_request("GET", &format!("/slow/{id}")));
    slow.iter().for_each(|_| begins.recv_timeout(PATIENCE).expect("the handler begins"));
    assert_eq!(client.get("/ok").body, b"ok");
    assert_eq!(client.get("/nowhere").status, 404);
    let expected = ["200 false GET /ok: 1 of 2 bytes", "404 true GET unmatched: 1 of 0 bytes"];
    assert_eq!(server.metrics().recorded(), expected);
    permits.add_permits(3);
    slow.iter().for_each(|id| assert_eq!(client.read_response(*id).body, b"done"));
    let with_slow = [expected[0], "200 false GET /slow/{id}: 3 of 12 bytes", expected[1]];
    assert_eq!(server.metrics().recorded(), with_slow);
    // The page itself as well.
    let id = client.send_request("GET", "/metrics");
    let text = String::from_utf8(client.read_response(id).body).expect("text");
    assert_eq!(Page::parse(&text).recorded(), with_slow);
}

#[test]
fn a_handler_whose_stream_or_connection_is_reset_is_recorded_with_its_response() {
    let resets: [fn(Http2, u32) -> Option<Http2>; 3] = [
        |mut client, id| {
            client.reset_stream(id);
            Some(client)
        },
        |client, _| {
            client.reset();
            None
        },
        |client, _| {
            drop(client);
            None
        },
    ];
    for reset in resets {
        let permits = Arc::new(Semaphore::new(0));
        let (begun, begins) = mpsc::channel();
        let given = Arc::clone(&permits);
        let monitor = BigBrother::builder().isolated().requests_in_flight().build();
        let server = Server::http2(monitor, move |app| {
            waits_for(app, "/slow/{id}", &given, &begun);
            ok(app);
        });
        let mut client = server.connect_http2();
        let id = client.send_request("GET", "/slow/1");
        begins.recv_timeout(PATIENCE).expect("the handler begins");
        let client = reset(client, id);
        let page = server.metrics();
        assert_eq!((page.requests(), page.total("requests_in_flight")), (0.0, 1.0));
        permits.add_permits(1);
        let page = server.metrics_of(1.0);
        assert_eq!(page.recorded(), ["200 false GET /slow/{id}: 1 of 4 bytes"]);
        assert_eq!(page.total("requests_in_flight"), 0.0);
        // Other streams of the connection go on.
        assert!(client.is_none_or(|mut client| client.get("/ok").status == 200));
    }
}

#[test]
fn a_stream_that_is_reset_during_its_body_ends_with_the_next_chunk() {
    for drops_connection in [false, true] {
        for (size, bytes) in [(BodySize::Stream, 0), (BodySize::Sized(1000), 1000)] {
            let (controls, routes) = controlled_bodies(size);
            let server = Server::http2(monitor(), routes);
            let mut client = server.connect_http2();
            let id = client.send_request("GET", "/body/1");
            let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
            control.send(Step::Chunk("beginning")).expect("the body is there");
            client.read_until(id, |response| response.body == b"beginning");
            assert_eq!(server.metrics().requests(), 0.0, "its body goes on");
            let client = if drops_connection {
                client.reset();
                None
            } else {
                client.reset_stream(id);
                Some(client)
            };
            eventually("the body is dropped", || control.send(Step::Chunk("more")).err());
            let expected = format!("200 false GET /body/{{id}}: 1 of {bytes} bytes");
            assert_eq!(server.metrics_of(1.0).recorded(), [expected]);
            drop(client);
        }
    }
}

#[test]
fn a_reset_after_the_response_changes_nothing() {
    let server = Server::http2(monitor(), ok);
    let mut client = server.connect_http2();
    for _ in 0..3 {
        let id = client.send_request("GET", "/ok");
        client.read_until(id, |response| response.end == Some(End::Whole));
        client.reset_stream(id);
    }
    assert_eq!(client.get("/ok").body, b"ok");
    client.reset();
    assert_eq!(server.metrics().recorded(), ["200 false GET /ok: 4 of 8 bytes"]);
}

#[test]
fn a_stream_that_is_reset_during_its_upload_is_recorded_once() {
    let server = Server::http2(monitor(), |app| {
        app.route("/upload", web::post().to(async |_: web::Bytes| "all of it"));
    });
    let mut client = server.connect_http2();
    let cut = client.begin("POST", "/upload", &[], false);
    client.send_data(cut, b"some", false);
    client.reset_stream(cut);
    let whole = client.begin("POST", "/upload", &[], false);
    client.send_data(whole, b"some", false);
    client.send_data(whole, b"more", true);
    assert_eq!(client.read_response(whole).body, b"all of it");
    let page = server.metrics_of(2.0);
    let count = |status| page.sum("request_seconds_count", &[("status", status)]);
    // The handler's extractor fails, and its error is the response that it would have had.
    assert_eq!((page.requests(), count("200"), count("400")), (2.0, 1.0, 1.0), "{}", page.text);
    assert_eq!(page.sum("request_seconds_count", &[("addr", "/upload")]), 2.0);
}

#[test]
fn a_panic_ends_its_stream_only() {
    let server = Server::http2(monitor(), |app| {
        let later = async || -> HttpResponse {
            yield_now().await;
            panic!("a handler's panic, on purpose")
        };
        let body = |size, last: fn() -> Step| {
            web::get().to(move || async move {
                let steps = [Step::Chunk("0123456789"), last()];
                HttpResponse::Created().body(ControlledBody::of(size, steps))
            })
        };
        ok(app);
        app.route("/panics/{id}", web::get().to(later))
            .route("/body/panics", body(BodySize::Sized(100), || Step::Panic))
            .route("/body/fails", body(BodySize::Stream, || Step::Fail));
    });
    let mut client = server.connect_http2();
    assert_eq!(client.get("/panics/1").end, Some(End::Reset));
    for path in ["/body/panics", "/body/fails"] {
        let response = client.get(path);
        assert_eq!((response.status, response.end), (201, Some(End::Reset)), "{path}");
    }
    assert_eq!(client.get("/ok").body, b"ok");
    let expected = [
        "200 false GET /ok: 1 of 2 bytes",
        "201 false GET /body/fails: 1 of 0 bytes",
        "201 false GET /body/panics: 1 of 100 bytes",
        "500 true GET /panics/{id}: 1 of 0 bytes",
    ];
    assert_eq!(server.metrics_of(4.0).recorded(), expected);
}

#[test]
fn a_client_that_does_not_read_keeps_its_request_open_until_it_disconnects() {
    const WINDOW: usize = 1_000;
    const CHUNK: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (size, bytes) in [(ResponseSize::Declared, 0), (ResponseSize::Sent, 16 * 64)] {
        let watched = BigBrother::builder().isolated().response_size(size).build();
        let server = Server::http2(watched, |app| {
            let steps = || (0..1_000).map(|_| Step::Chunk(CHUNK));
            ok(app);
            app.route(
                "/long",
                web::get().to(move || {
                    ready(HttpResponse::Ok().body(ControlledBody::of(BodySize::Stream, steps())))
                }),
            );
        });
        let mut client = server.connect_http2_that_does_not_read(WINDOW as u32);
        let id = client.send_request("GET", "/long");
        client.read_until(id, |response| response.body.len() == WINDOW);
        let page = server.metrics();
        assert_eq!(page.requests(), 0.0, "the body goes on");
        client.reset_stream(id);
        // The chunks that were handed over until the window was full.
        let expected = format!("200 false GET /long: 1 of {bytes} bytes");
        assert_eq!(server.metrics_of(1.0).recorded(), [expected]);
    }
}

#[test]
fn the_stop_of_a_server_ends_its_streams() {
    let watched = monitor();
    let handle = watched.monitor();
    let (begun, begins) = mpsc::channel();
    let (controls, bodies) = controlled_bodies(BodySize::Stream);
    let server = Server::http2(watched, move |app| {
        waits_for_ever(app, "/slow", &begun);
        bodies(app);
    });
    let mut client = server.connect_http2();
    client.send_request("GET", "/slow");
    let id = client.send_request("GET", "/body/1");
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
    control.send(Step::Chunk("beginning")).expect("the body is there");
    client.read_until(id, |response| response.status == 200);
    server.stop().expect("the server stops");
    let recorded = eventually("the worker has let go of both", || {
        Some(page(&handle).recorded()).filter(|recorded| recorded.len() == 2)
    });
    let expected = ["200 false GET /body/{id}: 1 of 0 bytes", "499 true GET /slow: 1 of 0 bytes"];
    assert_eq!(recorded, expected);
}

#[test]
fn a_route_that_blocks_its_worker_is_named_and_the_other_streams_are_not() {
    const BLOCK: Duration = Duration::from_millis(600);
    let threshold = Duration::from_millis(400);
    let watched = BigBrother::builder().isolated().blocking_threshold(threshold).build();
    let (begun, begins) = mpsc::channel();
    let server = Server::http2(watched, move |app| {
        let begun = begun.clone();
        let blocks = move || {
            let begun = begun.clone();
            async move {
                begun.send(()).expect("the test listens");
                yield_now().await;
                thread::sleep(BLOCK);
                yield_now().await;
                "blocked"
            }
        };
        let waits = async || {
            actix_web::rt::time::sleep(BLOCK).await;
            "waited"
        };
        ok(app);
        app.route("/blocks/{id}", web::get().to(blocks)).route("/waits", web::get().to(waits));
    });
    let mut client = server.connect_http2();
    let start = Instant::now();
    // A handler whose stream is reset blocks as well.
    let reset = client.send_request("GET", "/blocks/3");
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    client.reset_stream(reset);
    let ids: Vec<_> = ["/waits", "/blocks/1", "/ok", "/blocks/2", "/waits"]
        .into_iter()
        .map(|path| client.send_request("GET", path))
        .collect();
    ids.into_iter().for_each(|id| assert_eq!(client.read_response(id).status, 200));
    let page = server.metrics_of(6.0);
    let blocks: Vec<_> = page.find("worker_blocked_total", &[]);
    let [blocks] = blocks[..] else { panic!("one route blocks: {}", page.text) };
    assert_eq!((blocks.label("addr"), blocks.value), (Some("/blocks/{id}"), 3.0));
    let seconds = page.total("worker_blocked_seconds_total");
    let all = start.elapsed().as_secs_f64();
    assert!((3.0 * BLOCK.as_secs_f64()..=all).contains(&seconds), "{seconds} of {all} s");
    let expected = [
        "200 false GET /blocks/{id}: 3 of 21 bytes",
        "200 false GET /ok: 1 of 2 bytes",
        "200 false GET /waits: 2 of 12 bytes",
    ];
    assert_eq!(page.recorded(), expected);
}
