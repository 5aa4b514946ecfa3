//! `requests_in_flight` during a request, and zero after it, however it ends.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use actix_monitor::{
    BigBrother, BigBrotherBuilder, ErrorMessage, Exemplars, Format, Monitor, ObserveAt,
};
use actix_web::body::BodySize;
use actix_web::dev::{Service as _, ServiceRequest};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpResponse, error, web};
use tokio::sync::Semaphore;

use crate::support::oracle::page_of;
use crate::support::page::Page;
use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::Server;
use crate::support::services::{
    ControlledBody, Step, controlled_bodies, waits_for, waits_for_ever,
};

fn builder() -> BigBrotherBuilder {
    BigBrother::builder().isolated().requests_in_flight()
}

/// The value of the gauge, which is the same in both formats.
#[track_caller]
fn in_flight(monitor: &Monitor) -> f64 {
    let page = page_of(monitor);
    assert_eq!(page.types.get("requests_in_flight").map(String::as_str), Some("gauge"));
    page.value("requests_in_flight", &[]).expect("the gauge is on")
}

/// Waits for the end of requests whose clients do not receive it.
#[track_caller]
fn wait_for_none(monitor: &Monitor) {
    eventually("no request is in flight", || {
        let page = Page::parse(&monitor.encode(Format::Text));
        (page.value("requests_in_flight", &[]) == Some(0.0)).then_some(())
    });
}

#[test]
fn requests_are_in_flight_while_their_handlers_wait() {
    let permits = Arc::new(Semaphore::new(0));
    let (begun, begins) = mpsc::channel();
    let (monitor, given) = (builder().build(), Arc::clone(&permits));
    let handle = monitor.monitor();
    let server = Server::watched(monitor, move |app| waits_for(app, "/slow", &given, &begun));
    assert_eq!(in_flight(&handle), 0.0, "before any request");
    let mut clients = Vec::new();
    for number in 1..=3 {
        let mut client = server.connect();
        client.send_request("GET", "/slow", &[]);
        begins.recv_timeout(PATIENCE).expect("the handler begins");
        assert_eq!(in_flight(&handle), f64::from(number));
        clients.push(client);
    }
    let page = server.metrics();
    assert_eq!(page.value("requests_in_flight", &[]), Some(3.0), "a scrape is none of them");
    assert_eq!(page.requests(), 0.0);
    permits.add_permits(3);
    for client in &mut clients {
        assert_eq!(client.read_response().text(), "done");
    }
    assert_eq!(server.metrics().value("requests_in_flight", &[]), Some(0.0));
    assert_eq!(page_of(&handle).requests(), 3.0);
}

#[test]
fn a_connection_that_is_kept_open_is_not_a_request() {
    let monitor = builder().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, |app| {
        app.route("/x", web::get().to(async || "x"));
    });
    let mut client = server.connect();
    client.get("/x");
    client.send("GET /x HTT");
    assert_eq!(server.metrics().value("requests_in_flight", &[]), Some(0.0));
    client.send("P/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(client.read_response().text(), "x");
    assert_eq!(in_flight(&handle), 0.0);
}

#[test]
fn a_request_is_in_flight_until_the_end_of_its_body() {
    let (controls, routes) = controlled_bodies(BodySize::Stream);
    let monitor = builder().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    let mut client = server.connect();
    client.send_request("GET", "/body/1", &[]);
    let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
    assert_eq!(client.read_head().status, 200);
    assert_eq!(in_flight(&handle), 1.0, "its head is sent");
    control.send(Step::Chunk("a chunk")).expect("the body is there");
    assert!(client.read_chunk().is_some());
    assert_eq!(in_flight(&handle), 1.0, "a chunk is sent");
    drop(control);
    assert_eq!(client.read_chunk(), None);
    assert_eq!(server.metrics().value("requests_in_flight", &[]), Some(0.0));
}

#[test]
fn a_request_observed_at_its_head_is_in_flight_until_there() {
    let (controls, routes) = controlled_bodies(BodySize::Stream);
    let monitor = builder().observe_at(ObserveAt::Head).build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    let mut client = server.connect();
    client.send_request("GET", "/body/1", &[]);
    let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
    assert_eq!(client.read_head().status, 200);
    assert_eq!(in_flight(&handle), 0.0, "its body goes on");
    drop(control);
    assert_eq!(client.read_chunk(), None);
    assert_eq!(in_flight(&handle), 0.0, "its body has ended");
}

#[test]
fn an_upgraded_connection_is_in_flight_until_its_head() {
    let (controls, receiver) = mpsc::channel();
    let monitor = builder().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, move |app| {
        let controls = controls.clone();
        app.route(
            "/socket",
            web::get().to(move || {
                let (control, body) = ControlledBody::new(BodySize::Stream);
                controls.send(control).expect("the test listens");
                async { HttpResponse::SwitchingProtocols().upgrade("websocket").body(body) }
            }),
        );
    });
    let mut client = server.connect();
    client.send_request("GET", "/socket", &[("connection", "upgrade"), ("upgrade", "websocket")]);
    assert_eq!(client.read_head().status, 101);
    assert_eq!(in_flight(&handle), 0.0, "while the socket lives");
    drop(receiver.recv_timeout(PATIENCE).expect("the handler begins"));
    client.finish_sending();
    client.read_to_end();
    assert_eq!(in_flight(&handle), 0.0, "after the socket's end");
}

#[test]
fn a_client_that_resets_while_a_handler_waits_leaves_none_in_flight() {
    let (begun, begins) = mpsc::channel();
    let monitor = builder().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, move |app| waits_for_ever(app, "/slow", &begun));
    for _ in 0..3 {
        let mut client = server.connect();
        client.send_request("GET", "/slow", &[]);
        begins.recv_timeout(PATIENCE).expect("the handler begins");
        assert_eq!(in_flight(&handle), 1.0);
        client.reset();
        wait_for_none(&handle);
    }
}

#[test]
fn a_client_that_resets_during_a_body_leaves_none_in_flight() {
    let (controls, routes) = controlled_bodies(BodySize::Stream);
    let monitor = builder().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    let mut client = server.connect();
    client.send_request("GET", "/body/1", &[]);
    let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
    client.read_head();
    assert_eq!(in_flight(&handle), 1.0);
    client.reset();
    eventually("the body is dropped", || control.send(Step::Chunk("more")).err());
    wait_for_none(&handle);
}

#[test]
fn requests_that_panic_or_fail_leave_none_in_flight() {
    let monitor = builder().build();
    let handle = monitor.monitor();
    let server = Server::start(1, move || {
        let body = |step: fn() -> Step| {
            web::get().to(move || async move {
                HttpResponse::Ok().body(ControlledBody::of(BodySize::Stream, [step()]))
            })
        };
        App::new()
            .route(
                "/handler/panics",
                web::get().to(async || -> HttpResponse { panic!("on purpose") }),
            )
            .route(
                "/handler/fails",
                web::get().to(async || Err::<HttpResponse, _>(error::ErrorConflict("no"))),
            )
            .route("/body/panics", body(|| Step::Panic))
            .route("/body/fails", body(|| Step::Fail))
            .wrap(from_fn(async |request: ServiceRequest, next: Next<_>| {
                if request.path() == "/middleware/fails" {
                    return Err(error::ErrorConflict("no"));
                }
                next.call(request).await
            }))
            .wrap_fn(|request, service| {
                assert!(request.path() != "/middleware/panics", "on purpose");
                service.call(request)
            })
            .wrap(monitor.clone())
    });
    let paths = [
        "/handler/panics",
        "/handler/fails",
        "/body/panics",
        "/body/fails",
        "/middleware/fails",
        "/middleware/panics",
        "/nowhere",
    ];
    for (ended, path) in (1_u32..).zip(paths) {
        let mut client = server.connect();
        client.send_request("GET", path, &[("connection", "close")]);
        client.read_to_end();
        server.metrics_of(f64::from(ended));
        wait_for_none(&handle);
    }
    assert_eq!(page_of(&handle).requests(), paths.len() as f64);
}

#[test]
fn closures_of_the_app_that_panic_leave_none_in_flight() {
    let is_broken = Arc::new(AtomicBool::new(true));
    let panics = Arc::clone(&is_broken);
    let trace = Exemplars::from_fn(move |_| {
        assert!(!panics.load(Ordering::SeqCst), "on purpose");
        None
    });
    let message = ErrorMessage::from_fn(|head| {
        assert!(head.status != StatusCode::CONFLICT, "on purpose");
        None
    });
    let monitor = builder().exemplars(trace).error_message(message).build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, |app| {
        app.route("/ok", web::get().to(HttpResponse::Ok))
            .route("/conflict", web::get().to(HttpResponse::Conflict));
    });
    for path in ["/ok", "/conflict"] {
        let mut client = server.connect();
        client.send_request("GET", path, &[]);
        client.read_to_end();
        is_broken.store(false, Ordering::SeqCst);
        assert_eq!(server.connect().get("/ok").status, 200, "the worker goes on");
        assert_eq!(in_flight(&handle), 0.0, "{path}");
    }
    let page = page_of(&handle);
    let of_status = |status| page.sum("request_seconds_count", &[("status", status)]);
    assert_eq!([of_status("500"), of_status("200")], [2.0, 2.0], "none is lost");
}

#[test]
fn the_stop_of_a_server_leaves_none_in_flight() {
    let (begun, begins) = mpsc::channel();
    let (controls, bodies) = controlled_bodies(BodySize::Stream);
    let monitor = builder().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, move |app| {
        waits_for_ever(app, "/slow", &begun);
        bodies(app);
    });
    let mut waiting = server.connect();
    waiting.send_request("GET", "/slow", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    let mut reading = server.connect();
    reading.send_request("GET", "/body/1", &[]);
    let _control = controls.recv_timeout(PATIENCE).expect("the handler begins");
    reading.read_head();
    assert_eq!(in_flight(&handle), 2.0);
    server.stop().expect("the server stops");
    wait_for_none(&handle);
    assert_eq!(page_of(&handle).requests(), 2.0);
}

#[test]
fn a_graceful_stop_counts_requests_down_as_they_end() {
    let permits = Arc::new(Semaphore::new(0));
    let (begun, begins) = mpsc::channel();
    let (monitor, given) = (builder().build(), Arc::clone(&permits));
    let handle = monitor.monitor();
    let server = Server::watched(monitor, move |app| waits_for(app, "/slow", &given, &begun));
    let mut client = server.connect();
    client.send_request("GET", "/slow", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    let stopping = std::thread::spawn(move || server.stop_gracefully());
    assert_eq!(in_flight(&handle), 1.0);
    permits.add_permits(1);
    assert_eq!(client.read_response().text(), "done");
    stopping.join().expect("no panic").expect("the server stops");
    assert_eq!(in_flight(&handle), 0.0);
}

#[test]
fn after_a_restart_of_the_server_the_gauge_starts_at_zero() {
    let monitor = builder().build();
    let handle = monitor.monitor();
    for _ in 0..3 {
        let (begun, begins) = mpsc::channel();
        let server =
            Server::watched(monitor.clone(), move |app| waits_for_ever(app, "/slow", &begun));
        let mut client = server.connect();
        client.send_request("GET", "/slow", &[]);
        begins.recv_timeout(PATIENCE).expect("the handler begins");
        assert_eq!(in_flight(&handle), 1.0);
        server.stop().expect("the server stops");
        wait_for_none(&handle);
    }
}

#[test]
fn requests_of_all_workers_are_in_flight_together() {
    let permits = Arc::new(Semaphore::new(0));
    let (begun, begins) = mpsc::channel();
    let (monitor, given) = (builder().build(), Arc::clone(&permits));
    let handle = monitor.monitor();
    let server = Server::start(4, move || {
        let (given, begun) = (Arc::clone(&given), begun.clone());
        let answer = move || {
            begun.send(std::thread::current().id()).expect("the test listens");
            let given = Arc::clone(&given);
            async move { given.acquire().await.map_or("never", |_| "done") }
        };
        App::new().route("/slow", web::get().to(answer)).wrap(monitor.clone())
    });
    let mut clients = Vec::new();
    let mut workers = HashSet::new();
    for number in 1..=12 {
        let mut client = server.connect();
        client.send_request("GET", "/slow", &[]);
        workers.insert(begins.recv_timeout(PATIENCE).expect("the handler begins"));
        assert_eq!(in_flight(&handle), f64::from(number));
        clients.push(client);
    }
    assert!(workers.len() > 1, "one worker had them all");
    permits.add_permits(clients.len());
    clients.iter_mut().for_each(|client| assert_eq!(client.read_response().text(), "done"));
    wait_for_none(&handle);
}

#[test]
fn a_request_that_passes_a_monitor_twice_is_in_flight_once() {
    let permits = Arc::new(Semaphore::new(0));
    let (begun, begins) = mpsc::channel();
    let (monitor, given) = (builder().build(), Arc::clone(&permits));
    let handle = monitor.monitor();
    let server = Server::start(1, move || {
        let scope = web::scope("/api").configure(|app| waits_for(app, "/slow", &given, &begun));
        App::new().service(scope.wrap(monitor.clone())).wrap(monitor.clone())
    });
    let mut client = server.connect();
    client.send_request("GET", "/api/slow", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    assert_eq!(in_flight(&handle), 1.0);
    permits.add_permits(1);
    assert_eq!(client.read_response().text(), "done");
    assert_eq!(server.metrics().value("requests_in_flight", &[]), Some(0.0));
}

#[test]
fn the_gauge_is_never_negative_nor_above_the_number_of_clients() {
    const CLIENTS: u32 = 4;
    let monitor = builder().build();
    let handle = monitor.monitor();
    let server = Server::start(2, move || {
        App::new().route("/x", web::get().to(async || "x")).wrap(monitor.clone())
    });
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.connect();
                    for _ in 0..500 {
                        assert_eq!(client.get("/x").text(), "x");
                    }
                })
            })
            .collect();
        let (is_over, handle) = (&is_over, &handle);
        let reader = scope.spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                let page = handle.encode(Format::Text);
                let page = Page::parse(&page);
                let gauge = page.value("requests_in_flight", &[]).expect("the gauge is on");
                assert!((0.0..=f64::from(CLIENTS)).contains(&gauge), "{gauge}");
            }
        });
        let sent: Vec<_> = senders.into_iter().map(|sender| sender.join()).collect();
        is_over.store(true, Ordering::SeqCst);
        reader.join().expect("the gauge is right");
        sent.into_iter().for_each(|sent| sent.expect("all are answered"));
    });
    wait_for_none(&handle);
    assert_eq!(page_of(&handle).requests(), f64::from(CLIENTS * 500));
}
