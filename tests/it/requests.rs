//! How requests end: each is recorded once, with the labels and the size of its end.

use std::fmt;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use actix_monitor::{BigBrother, Exemplars, Format, Unmatched};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Service as _, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpResponse, ResponseError, error, web};
use futures_util::future::{Either, FutureExt as _, select};
use tokio::sync::Semaphore;

use crate::support::page::Page;
use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::{Server, monitor};
use crate::support::services::{ControlledBody, Step, announced, waits_for, waits_for_ever};

#[test]
fn a_response_is_recorded_with_its_pattern_and_declared_size() {
    let server = Server::watched(monitor(), |app| {
        app.route("/users/{id}", web::get().to(async || "hello"));
    });
    let mut client = server.connect();
    for path in ["/users/1", "/users/2", "/users/%2F?x=/users/3"] {
        assert_eq!(client.get(path).text(), "hello");
    }
    assert_eq!(server.metrics().recorded(), ["200 false GET /users/{id}: 3 of 15 bytes"]);
}

#[test]
fn a_response_is_on_the_page_before_the_client_has_all_of_it() {
    let server = Server::watched(monitor(), |app| {
        app.route("/sized", web::get().to(async || "x"))
            .route("/empty", web::get().to(HttpResponse::NoContent))
            .route(
                "/stream",
                web::get().to(async || {
                    let steps = ["one", "two"].map(Step::Chunk);
                    HttpResponse::Ok().body(ControlledBody::of(BodySize::Stream, steps))
                }),
            );
    });
    let mut client = server.connect();
    for round in 1..=200 {
        for (path, place) in [("/sized", 1), ("/empty", 2), ("/stream", 3)] {
            assert!(client.get(path).is_complete);
            let page = Page::parse(&client.get("/metrics").text());
            assert_eq!(page.requests(), f64::from((round - 1) * 3 + place), "after {path}");
        }
    }
}

#[test]
fn pipelined_requests_are_recorded_one_by_one() {
    let server = Server::watched(monitor(), |app| {
        app.route("/a", web::get().to(async || "a"));
    });
    let mut client = server.connect();
    client.send(
        "GET /a HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3) + "GET /b HTTP/1.1\r\nhost: x\r\n\r\n",
    );
    let statuses = [(); 4].map(|()| client.read_response().status);
    assert_eq!(statuses, [200, 200, 200, 404]);
    let expected = ["200 false GET /a: 3 of 3 bytes", "404 true GET unmatched: 1 of 0 bytes"];
    assert_eq!(server.metrics().recorded(), expected);
}

#[test]
fn errors_of_handlers_and_extractors_are_recorded_with_their_responses() {
    let server = Server::watched(monitor(), |app| {
        app.route(
            "/fails",
            web::get()
                .to(async || Err::<HttpResponse, _>(error::ErrorImATeapot("short and stout"))),
        )
        .route("/numbers/{n}", web::get().to(async |n: web::Path<u32>| n.to_string()))
        .route("/json", web::post().to(async |_: web::Json<u32>| "a number"));
    });
    let mut client = server.connect();
    let failed = client.get("/fails");
    assert_eq!((failed.status, failed.text().as_str()), (418, "short and stout"));
    let no_number = client.get("/numbers/seven");
    assert_eq!(no_number.status, 404);
    let json = [("content-type", "application/json"), ("content-length", "1")];
    client.send_request("POST", "/json", &json);
    client.send("{");
    let no_json = client.read_response();
    assert_eq!(no_json.status, 400);
    assert_eq!(
        server.metrics().recorded(),
        [
            format!("400 true POST /json: 1 of {} bytes", no_json.body.len()),
            format!("404 true GET /numbers/{{n}}: 1 of {} bytes", no_number.body.len()),
            "418 true GET /fails: 1 of 15 bytes".to_owned(),
        ]
    );
}

/// An error that an outer middleware can recognize.
#[derive(Debug)]
struct Locked(u32);

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "locked for {} s", self.0)
    }
}

impl ResponseError for Locked {
    fn status_code(&self) -> StatusCode {
        StatusCode::LOCKED
    }
}

#[test]
fn an_error_of_an_inner_middleware_is_recorded_and_passed_on_unchanged() {
    let (passed_on, errors) = mpsc::channel();
    let inner = monitor();
    let server = Server::start(1, move || {
        let passed_on = passed_on.clone();
        App::new()
            .route("/vaults/{id}", web::to(HttpResponse::Ok))
            .wrap_fn(|_, _| async { Err::<ServiceResponse, _>(Error::from(Locked(7))) })
            .wrap(inner.clone())
            .wrap_fn(move |request, service| {
                let (answer, passed_on) = (service.call(request), passed_on.clone());
                async move {
                    let answer = answer.await;
                    let locked = answer.as_ref().err().and_then(|error| error.as_error::<Locked>());
                    passed_on.send(locked.map(|locked| locked.0)).expect("the test listens");
                    answer
                }
            })
    });
    let mut client = server.connect();
    let answer = client.get("/vaults/1");
    assert_eq!((answer.status, answer.text().as_str()), (423, "locked for 7 s"));
    assert_eq!(client.head("/vaults/2").status, 423);
    assert_eq!(client.get("/nowhere").status, 423);
    assert_eq!(errors.iter().take(3).collect::<Vec<_>>(), [Some(7); 3]);
    assert_eq!(
        server.metrics().recorded(),
        [
            "423 true GET /vaults/{id}: 1 of 14 bytes",
            "423 true GET unmatched: 1 of 14 bytes",
            "423 true HEAD /vaults/{id}: 1 of 0 bytes",
        ]
    );
}

#[test]
fn a_client_that_resets_is_a_499_and_the_worker_continues() {
    let (begun, begins) = mpsc::channel();
    let server = Server::watched(monitor(), move |app| {
        waits_for_ever(app, "/api/slow/{id}", &begun);
        app.route("/ok", web::get().to(async || "ok"));
    });
    for _ in 0..3 {
        let mut client = server.connect();
        client.send_request("GET", "/api/slow/1", &[]);
        begins.recv_timeout(PATIENCE).expect("the handler begins");
        client.reset();
    }
    server.metrics_of(3.0);
    assert_eq!(server.connect().get("/ok").text(), "ok");
    let expected = ["200 false GET /ok: 1 of 2 bytes", "499 true GET /api/slow/{id}: 3 of 0 bytes"];
    assert_eq!(server.metrics().recorded(), expected);
}

#[test]
fn a_dropped_request_that_no_route_matches_is_unmatched() {
    for (unmatched, addr) in [(Unmatched::Label, "unmatched"), (Unmatched::Path, "/no/where")] {
        let (begun, begins) = mpsc::channel();
        let monitor = BigBrother::builder().isolated().unmatched(unmatched).build();
        let server = Server::watched(monitor, move |app| {
            let begun = begun.clone();
            app.default_service(web::to(move || {
                let begun = begun.clone();
                announced(pending::<HttpResponse>(), move || {
                    begun.send(()).expect("the test listens");
                })
            }));
        });
        let mut client = server.connect();
        client.send_request("GET", "/no/where?x=1", &[]);
        begins.recv_timeout(PATIENCE).expect("the default service begins");
        client.reset();
        let expected = format!("499 true GET {addr}: 1 of 0 bytes");
        assert_eq!(server.metrics_of(1.0).recorded(), [expected]);
    }
}

#[test]
fn a_client_that_only_stops_sending_is_recorded_with_the_response_it_gets() {
    let permits = Arc::new(Semaphore::new(0));
    let (begun, begins) = mpsc::channel();
    let given = Arc::clone(&permits);
    let server = Server::watched(monitor(), move |app| waits_for(app, "/slow", &given, &begun));
    let mut client = server.connect();
    client.send_request("GET", "/slow", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    client.finish_sending();
    permits.add_permits(1);
    assert_eq!(client.read_response().text(), "done");
    assert_eq!(server.metrics().recorded(), ["200 false GET /slow: 1 of 4 bytes"]);
}

#[test]
fn without_half_closed_connections_a_client_that_disconnects_is_a_499() {
    let (begun, begins) = mpsc::channel();
    let watched = monitor();
    let handle = watched.monitor();
    let server = Server::start_without_half_closed(move || {
        App::new().configure(|app| waits_for_ever(app, "/slow", &begun)).wrap(watched.clone())
    });
    let mut client = server.connect();
    client.send_request("GET", "/slow", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    client.finish_sending();
    let recorded = eventually("the request is dropped", || {
        let page = Page::parse(&handle.encode(Format::Text));
        Some(page.recorded()).filter(|recorded| !recorded.is_empty())
    });
    assert_eq!(recorded, ["499 true GET /slow: 1 of 0 bytes"]);
}

#[test]
fn a_request_during_a_graceful_stop_is_recorded_with_its_response() {
    let permits = Arc::new(Semaphore::new(0));
    let (begun, begins) = mpsc::channel();
    let (monitor, given) = (monitor(), Arc::clone(&permits));
    let handle = monitor.monitor();
    let server = Server::watched(monitor, move |app| waits_for(app, "/slow", &given, &begun));
    let mut client = server.connect();
    client.send_request("GET", "/slow", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    let stopping = std::thread::spawn(move || server.stop_gracefully());
    permits.add_permits(1);
    assert_eq!(client.read_response().text(), "done");
    stopping.join().expect("no panic").expect("the server stops");
    let page = Page::parse(&handle.encode(Format::Text));
    assert_eq!(page.recorded(), ["200 false GET /slow: 1 of 4 bytes"]);
}

#[test]
fn a_request_dropped_by_a_timeout_around_the_middleware_is_a_499() {
    let strike = Arc::new(Semaphore::new(0));
    let (watched, strikes) = (monitor(), Arc::clone(&strike));
    let (begun, begins) = mpsc::channel();
    let server = Server::start(1, move || {
        let (begun, strikes) = (begun.clone(), Arc::clone(&strikes));
        App::new().configure(|app| waits_for_ever(app, "/slow", &begun)).wrap(watched.clone()).wrap(
            from_fn(move |request: ServiceRequest, next: Next<_>| {
                let strikes = Arc::clone(&strikes);
                async move {
                    if request.path() == "/metrics" {
                        return next.call(request).await;
                    }
                    let (call, strike) = (next.call(request), strikes.acquire());
                    match select(Box::pin(call), Box::pin(strike)).await {
                        Either::Left((answer, _)) => answer,
                        Either::Right(_) => Err(error::ErrorGatewayTimeout("too late")),
                    }
                }
            }),
        )
    });
    let mut client = server.connect();
    client.send_request("GET", "/slow", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    assert_eq!(server.metrics().requests(), 0.0);
    strike.add_permits(1);
    assert_eq!(client.read_response().status, 504);
    assert_eq!(server.metrics().recorded(), ["499 true GET /slow: 1 of 0 bytes"]);
}

#[test]
fn a_request_dropped_by_the_stop_of_its_server_is_a_499() {
    let monitor = monitor();
    let handle = monitor.monitor();
    let (begun, begins) = mpsc::channel();
    let server = Server::watched(monitor, move |app| waits_for_ever(app, "/slow/{id}", &begun));
    let mut client = server.connect();
    client.send_request("GET", "/slow/1", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    server.stop().expect("the server stops");
    let recorded = eventually("the worker has let go of the request", || {
        let page = Page::parse(&handle.encode(Format::Text));
        Some(page.recorded()).filter(|recorded| !recorded.is_empty())
    });
    assert_eq!(recorded, ["499 true GET /slow/{id}: 1 of 0 bytes"]);
}

async fn panics_at_once() -> HttpResponse {
    panic!("a handler's panic, on purpose")
}

async fn panics_later() -> HttpResponse {
    actix_web::rt::task::yield_now().await;
    panic!("a handler's later panic, on purpose")
}

#[test]
fn a_handler_that_panics_is_a_500_and_the_worker_continues() {
    let server = Server::watched(monitor(), |app| {
        app.service(
            web::scope("/api")
                .route("/at-once/{id}", web::get().to(panics_at_once))
                .route("/later", web::get().to(panics_later)),
        )
        .route("/ok", web::get().to(async || "ok"));
    });
    for path in ["/api/at-once/1", "/api/at-once/2", "/api/later"] {
        let mut client = server.connect();
        client.send_request("GET", path, &[]);
        client.try_read_response().expect_err("a panic has no answer");
        assert_eq!(server.connect().get("/ok").text(), "ok");
    }
    assert_eq!(
        server.metrics_of(6.0).recorded(),
        [
            "200 false GET /ok: 3 of 6 bytes",
            "500 true GET /api/at-once/{id}: 2 of 0 bytes",
            "500 true GET /api/later: 1 of 0 bytes",
        ]
    );
}

#[test]
fn a_middleware_that_panics_before_its_future_exists_is_a_500() {
    let watched = monitor();
    let server = Server::start(1, move || {
        App::new()
            .route("/gate/{id}", web::get().to(HttpResponse::Ok))
            .wrap_fn(|request, service| {
                assert!(request.query_string() != "panic", "a middleware's panic, on purpose");
                service.call(request)
            })
            .wrap(watched.clone())
    });
    let mut client = server.connect();
    client.send_request("GET", "/gate/1?panic", &[]);
    client.try_read_response().expect_err("a panic has no answer");
    assert_eq!(server.connect().get("/gate/1").status, 200);
    let expected =
        ["200 false GET /gate/{id}: 1 of 0 bytes", "500 true GET /gate/{id}: 1 of 0 bytes"];
    assert_eq!(server.metrics_of(2.0).recorded(), expected);
}

#[test]
fn a_panic_that_is_caught_around_the_middleware_is_a_500() {
    let watched = monitor();
    let server = Server::start(1, move || {
        App::new()
            .route("/at-once", web::get().to(panics_at_once))
            .route("/later", web::get().to(panics_later))
            .wrap(watched.clone())
            .wrap_fn(|request, service| {
                let answer = AssertUnwindSafe(service.call(request)).catch_unwind();
                let caught = |_| Err(error::ErrorInternalServerError("caught"));
                answer.map(move |answer| answer.unwrap_or_else(caught))
            })
    });
    let mut client = server.connect();
    for path in ["/at-once", "/later"] {
        assert_eq!(client.get(path).status, 500);
    }
    let expected = ["500 true GET /at-once: 1 of 0 bytes", "500 true GET /later: 1 of 0 bytes"];
    assert_eq!(server.metrics_of(2.0).recorded(), expected);
}

#[test]
fn an_exemplar_closure_that_panics_is_a_500() {
    let traces = Exemplars::from_fn(|request| {
        assert!(request.path() != "/panic", "a closure's panic, on purpose");
        None
    });
    let builder = BigBrother::builder().isolated().requests_in_flight().exemplars(traces);
    let server = Server::watched(builder.build(), |app| {
        app.route("/panic", web::get().to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    client.send_request("GET", "/panic", &[]);
    client.try_read_response().expect_err("a panic has no answer");
    let page = server.metrics_of(1.0);
    assert_eq!(page.recorded(), ["500 true GET /panic: 1 of 0 bytes"]);
    assert_eq!(page.sum("requests_in_flight", &[]), 0.0);
}

#[test]
fn requests_that_actix_answers_before_the_app_are_not_recorded() {
    let server = Server::watched(monitor(), |app| {
        app.route("/x", web::get().to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    client.send("no HTTP at all\r\n\r\n");
    assert_eq!(client.read_response().status, 400);
    assert_eq!(server.metrics().requests(), 0.0);
    assert_eq!(server.connect().get("/x").status, 200);
    assert_eq!(server.metrics().requests(), 1.0);
}

/// An error that counts how often its response is created.
#[derive(Debug)]
struct Counting(Arc<AtomicUsize>);

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("counted")
    }
}

impl ResponseError for Counting {
    fn error_response(&self) -> HttpResponse<BoxBody> {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "a response's panic, on purpose");
        HttpResponse::BadGateway().body("counted")
    }
}

#[test]
fn an_error_whose_response_panics_is_a_500() {
    let watched = monitor();
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Server::start(1, move || {
        let asked = Arc::clone(&asked);
        App::new()
            .route("/x", web::get().to(HttpResponse::Ok))
            .wrap_fn(move |_, _| {
                let asked = Arc::clone(&asked);
                async move { Err::<ServiceResponse, _>(Error::from(Counting(asked))) }
            })
            .wrap(watched.clone())
    });
    let mut client = server.connect();
    client.send_request("GET", "/x", &[]);
    client.try_read_response().expect_err("a panic has no answer");
    assert_eq!(server.connect().get("/x").status, 502);
    let expected = ["500 true GET /x: 1 of 0 bytes", "502 true GET /x: 1 of 7 bytes"];
    assert_eq!(server.metrics_of(2.0).recorded(), expected);
}

#[test]
fn the_response_of_an_excluded_error_is_created_by_actix_only() {
    let asked = Arc::new(AtomicUsize::new(1));
    let counted = Arc::clone(&asked);
    let watched = BigBrother::builder().isolated().exclude("/x").build();
    let server = Server::start(1, move || {
        let asked = Arc::clone(&counted);
        App::new()
            .wrap_fn(move |_, _| {
                let asked = Arc::clone(&asked);
                async move { Err::<ServiceResponse, _>(Error::from(Counting(asked))) }
            })
            .wrap(watched.clone())
    });
    assert_eq!(server.connect().get("/x").status, 502);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn bodies_of_any_type_are_recorded() {
    let watched = monitor();
    let server = Server::start(1, move || {
        App::new()
            .route("/x", web::get().to(async || "hello"))
            .wrap(from_fn(async |request: ServiceRequest, next: Next<BoxBody>| {
                let answer = next.call(request).await?;
                Ok::<_, Error>(answer.map_body(|_, body| body.try_into_bytes().unwrap_or_default()))
            }))
            .wrap(watched.clone())
            .wrap(from_fn(async |request: ServiceRequest, next: Next<_>| {
                let answer: ServiceResponse<_> = next.call(request).await?;
                Ok::<_, Error>(answer.map_into_boxed_body())
            }))
    });
    assert_eq!(server.connect().get("/x").text(), "hello");
    assert_eq!(server.metrics().recorded(), ["200 false GET /x: 1 of 5 bytes"]);
}
