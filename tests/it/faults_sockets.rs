//! Faults on HTTP/1 sockets: clients that disconnect around the head, during an upload, or do
//! not read, and panics around the middleware.

use std::future::{pending, ready};
use std::sync::mpsc;

use actix_monitor::{BigBrother, ResponseSize};
use actix_web::body::{BodySize, BodyStream};
use actix_web::dev::Service as _;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::Bytes;
use actix_web::{App, Error, HttpResponse, dev::ServiceRequest, web};
use futures_util::{StreamExt as _, stream};

use crate::support::client::Client;
use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::{Server, monitor};
use crate::support::services::{ControlledBody, Step, controlled_bodies};

fn ok(app: &mut web::ServiceConfig) {
    app.route("/ok", web::get().to(async || "ok"));
}

fn leave_by_reset(client: Client) {
    client.reset();
}

fn leave_by_close(client: Client) {
    drop(client);
}

const LEAVES: [fn(Client); 2] = [leave_by_reset, leave_by_close];

#[test]
fn a_connection_that_ends_before_its_head_is_whole_is_not_a_request() {
    let server = Server::watched(monitor(), ok);
    for leave in LEAVES {
        for beginning in ["", "GET", "GET /ok HTTP/1.1\r\nhost: x\r\n", "\0\0\0", "no HTTP\r\n\r\n"]
        {
            let mut client = server.connect();
            client.send(beginning);
            leave(client);
            assert_eq!(server.metrics().requests(), 0.0, "after {beginning:?}");
        }
    }
    assert_eq!(server.connect().get("/ok").text(), "ok");
    assert_eq!(server.metrics().recorded(), ["200 false GET /ok: 1 of 2 bytes"]);
}

#[test]
fn a_connection_that_ends_after_its_response_changes_nothing() {
    let server = Server::watched(monitor(), ok);
    for leave in LEAVES {
        let mut client = server.connect();
        assert_eq!(client.get("/ok").text(), "ok");
        // The next request has begun and is not whole.
        client.send("GET /ok HT");
        leave(client);
    }
    // The worker has closed both once it responds to a later connection.
    assert_eq!(server.connect().get("/ok").text(), "ok");
    assert_eq!(server.metrics().recorded(), ["200 false GET /ok: 3 of 6 bytes"]);
}

#[test]
fn of_pipelined_requests_only_those_that_began_are_recorded() {
    let (begun, begins) = mpsc::channel();
    let server = Server::watched(monitor(), move |app| {
        let begun = begun.clone();
        ok(app);
        app.route(
            "/hangs",
            web::get().to(move || {
                begun.send(()).expect("the test listens");
                pending::<HttpResponse>()
            }),
        );
    });
    let mut client = server.connect();
    let requests = ["/ok", "/hangs", "/ok", "/ok"]
        .map(|path| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"));
    client.send(requests.concat());
    begins.recv_timeout(PATIENCE).expect("the second handler begins");
    client.reset();
    let page = server.metrics_of(2.0);
    let expected = ["200 false GET /ok: 1 of 2 bytes", "499 true GET /hangs: 1 of 0 bytes"];
    assert_eq!(page.recorded(), expected);
}

/// An upload that breaks off after its first bytes is an error of the handler that reads it,
/// which responds although nobody receives the response; if it does not read, nothing else
/// happens than without an upload.
#[test]
fn an_upload_that_breaks_off_is_recorded_once() {
    for leave in LEAVES {
        let (begun, begins) = mpsc::channel();
        let server = Server::watched(monitor(), move |app| {
            let begun = begun.clone();
            app.route(
                "/upload",
                web::post().to(move |mut payload: web::Payload| {
                    let begun = begun.clone();
                    async move {
                        while let Some(chunk) = payload.next().await {
                            if chunk.is_err() {
                                return HttpResponse::BadRequest().finish();
                            }
                            begun.send(()).expect("the test listens");
                        }
                        HttpResponse::Ok().finish()
                    }
                }),
            );
        });
        let mut client = server.connect();
        client.send_request("POST", "/upload", &[("content-length", "100")]);
        client.send("some");
        begins.recv_timeout(PATIENCE).expect("the handler has the first bytes");
        leave(client);
        let page = server.metrics_of(1.0);
        let recorded = page.recorded();
        let [line] = &recorded[..] else { panic!("once: {recorded:?}") };
        assert!(
            ["400 true POST /upload: 1 of 0 bytes", "499 true POST /upload: 1 of 0 bytes"]
                .contains(&line.as_str()),
            "{line}"
        );
    }
}

#[test]
fn a_client_that_does_not_read_keeps_its_request_open_until_it_disconnects() {
    const CHUNK: usize = 64 * 1024;
    let (handed_over, chunks) = mpsc::channel();
    let watched = BigBrother::builder().isolated().response_size(ResponseSize::Sent).build();
    let server = Server::watched(watched, move |app| {
        let handed_over = handed_over.clone();
        app.route(
            "/endless",
            web::get().to(move || {
                let handed_over = handed_over.clone();
                let chunks = stream::repeat_with(move || {
                    handed_over.send(()).expect("the test listens");
                    Ok::<_, Error>(Bytes::from_static(&[b'x'; CHUNK]))
                });
                ready(HttpResponse::Ok().body(BodyStream::new(chunks)))
            }),
        );
    });
    let mut absent = server.connect();
    absent.send_request("GET", "/endless", &[]);
    let mut count = 0;
    // Until the buffers of both sides are full, which no event announces: a scrape is
    // answered while the body waits, and another chunk would come before it.
    eventually("the body is not polled any more", || {
        let before = count;
        assert_eq!(server.metrics().requests(), 0.0, "the body goes on");
        count += chunks.try_iter().count();
        (count > 0 && count == before).then_some(())
    });
    absent.reset();
    let page = server.metrics_of(1.0);
    count += chunks.try_iter().count();
    let expected = format!("200 false GET /endless: 1 of {} bytes", count * CHUNK);
    assert_eq!(page.recorded(), [expected]);
}

#[test]
fn a_body_that_never_ends_is_recorded_when_its_client_disconnects() {
    for leave in LEAVES {
        let (controls, routes) = controlled_bodies(BodySize::Stream);
        let watched = monitor();
        let server = Server::start_without_half_closed(move || {
            App::new().configure(routes.clone()).wrap(watched.clone())
        });
        let mut client = server.connect();
        client.send_request("GET", "/body/1", &[]);
        let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
        control.send(Step::Chunk("beginning")).expect("the body is there");
        client.read_head();
        assert_eq!(client.read_chunk().as_deref(), Some(&b"beginning"[..]));
        assert_eq!(server.metrics().requests(), 0.0);
        // The body hands over nothing more.
        leave(client);
        let page = server.metrics_of(1.0);
        assert_eq!(page.recorded(), ["200 false GET /body/{id}: 1 of 0 bytes"]);
        drop(control);
    }
}

#[test]
fn a_middleware_around_the_monitor_that_panics_takes_no_request_from_it() {
    let watched = monitor();
    let server = Server::start(1, move || {
        App::new().configure(ok).wrap(watched.clone()).wrap_fn(|request, service| {
            let query = request.query_string().to_owned();
            assert!(query != "before", "a middleware's panic, on purpose");
            let response = service.call(request);
            async move {
                let response = response.await;
                assert!(query != "after", "a middleware's later panic, on purpose");
                response
            }
        })
    });
    for query in ["before", "after", "neither"] {
        let mut client = server.connect();
        client.send_request("GET", &format!("/ok?{query}"), &[]);
        assert_eq!(client.try_read_response().is_ok(), query == "neither", "{query}");
    }
    // Before it, the monitor never had the request; after it, there was a response.
    assert_eq!(server.metrics_of(2.0).recorded(), ["200 false GET /ok: 2 of 4 bytes"]);
}

#[test]
fn middlewares_of_scopes_and_resources_that_panic_are_500s_with_their_pattern() {
    let watched = monitor();
    let server = Server::start(1, move || {
        let panics = || {
            from_fn(async |request: ServiceRequest, next: Next<_>| {
                let is_before = request.query_string() == "before";
                assert!(!is_before, "a middleware's panic, on purpose");
                let response = next.call(request).await;
                assert!(is_before, "a middleware's later panic, on purpose");
                response
            })
        };
        let ok = || web::get().to(async || "ok");
        let resource = web::resource("/resource/{id}").wrap(panics()).route(ok());
        let scope = web::scope("/scope").wrap(panics()).route("/{id}", ok());
        App::new().service(scope).service(resource).wrap(watched.clone())
    });
    for path in ["/scope/1?before", "/scope/1?after", "/resource/1?before", "/resource/1?after"] {
        let mut client = server.connect();
        client.send_request("GET", path, &[]);
        client.try_read_response().expect_err("a panic has no answer");
    }
    let expected =
        ["500 true GET /resource/{id}: 2 of 0 bytes", "500 true GET /scope/{id}: 2 of 0 bytes"];
    assert_eq!(server.metrics_of(4.0).recorded(), expected);
}

#[test]
fn scrapes_during_faults_have_the_requests_that_have_ended() {
    let (controls, bodies) = controlled_bodies(BodySize::Sized(20));
    let server = Server::watched(monitor(), move |app| {
        bodies(app);
        let steps = || [Step::Chunk("0123456789"), Step::Panic];
        app.route(
            "/panics",
            web::get().to(move || {
                ready(HttpResponse::Ok().body(ControlledBody::of(BodySize::Sized(20), steps())))
            }),
        );
    });
    let mut open = server.connect();
    open.send_request("GET", "/body/1", &[]);
    let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
    control.send(Step::Chunk("0123456789")).expect("the body is there");
    open.read_head();
    for ended in 1..=20_u32 {
        let mut client = server.connect();
        client.send_request("GET", "/panics", &[]);
        drop(client.try_read_response());
        let expected = format!("200 false GET /panics: {ended} of {} bytes", 20 * ended);
        assert_eq!(server.metrics_of(f64::from(ended)).recorded(), [expected]);
    }
    control.send(Step::Chunk("0123456789")).expect("the body is there");
    let page = server.metrics_of(21.0);
    assert_eq!(page.recorded()[0], "200 false GET /body/{id}: 1 of 20 bytes");
}
