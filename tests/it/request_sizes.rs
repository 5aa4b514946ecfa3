//! The optional families of requests: sizes of requests, and durations until the response
//! head.

use std::sync::mpsc;

use actix_monitor::{BigBrother, BigBrotherBuilder, Label, RequestSize};
use actix_web::body::BodySize;
use actix_web::{HttpResponse, error, web};

use crate::support::child::in_a_process_of_its_own;
use crate::support::client::Client;
use crate::support::oracle::page_of;
use crate::support::page::Page;
use crate::support::patience::PATIENCE;
use crate::support::server::Server;
use crate::support::services::{controlled_bodies, waits_for_ever};

fn with_size(size: RequestSize) -> BigBrotherBuilder {
    BigBrother::builder().isolated().request_size(size)
}

/// A sorted line for each series of sizes, such as `200 /upload: 5`. They must be those of
/// the responses.
#[track_caller]
fn sizes(page: &Page) -> Vec<String> {
    let samples = page.find("request_size_bytes", &[]);
    let mut lines: Vec<_> = samples
        .iter()
        .map(|sample| {
            let labels: Vec<_> =
                sample.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            assert!(page.value("response_size_bytes", &labels).is_some(), "{labels:?}");
            let [status, addr] = ["status", "addr"].map(|key| sample.label(key).expect("a label"));
            format!("{status} {addr}: {}", sample.value)
        })
        .collect();
    assert_eq!(lines.len(), page.find("response_size_bytes", &[]).len());
    lines.sort();
    lines
}

fn uploads(app: &mut web::ServiceConfig) {
    app.route("/read", web::post().to(async |body: web::Bytes| body.len().to_string()))
        .route("/unread", web::post().to(HttpResponse::Ok))
        .route(
            "/fails",
            web::post().to(async || Err::<HttpResponse, _>(error::ErrorConflict("x"))),
        );
}

#[track_caller]
fn post(client: &mut Client, path: &str, body: &str) {
    client.send_request("POST", path, &[("content-length", &body.len().to_string())]);
    client.send(body);
    assert!(client.read_response().is_complete);
}

#[track_caller]
fn post_in_chunks(client: &mut Client, path: &str) {
    client.send_request("POST", path, &[("transfer-encoding", "chunked")]);
    client.send("3\r\none\r\n5\r\nthree\r\n0\r\n\r\n");
    assert!(client.read_response().is_complete);
}

#[test]
fn declared_sizes_are_those_of_the_head() {
    let server = Server::watched(with_size(RequestSize::Declared).build(), uploads);
    let mut client = server.connect();
    for _ in 0..2 {
        post(&mut client, "/read", "hello");
    }
    post_in_chunks(&mut client, "/read");
    let mut client = server.connect();
    post(&mut client, "/fails", "abc");
    let mut client = server.connect();
    post(&mut client, "/unread", "abcdefg");
    server.connect().get("/nobody");
    let expected = ["200 /read: 10", "200 /unread: 7", "404 unmatched: 0", "409 /fails: 3"];
    assert_eq!(sizes(&server.metrics()), expected);
}

#[test]
fn received_bytes_are_those_that_the_app_has_read() {
    let server = Server::watched(with_size(RequestSize::Received).build(), uploads);
    let mut client = server.connect();
    for _ in 0..2 {
        post(&mut client, "/read", "hello");
        post_in_chunks(&mut client, "/read");
    }
    let mut client = server.connect();
    post(&mut client, "/unread", "abcdefg");
    server.connect().get("/nobody");
    let expected = ["200 /read: 26", "200 /unread: 0", "404 unmatched: 0"];
    assert_eq!(sizes(&server.metrics()), expected);
}

#[test]
fn a_request_that_is_gone_has_a_size_and_a_duration_to_its_end() {
    let (begun, begins) = mpsc::channel();
    let monitor = with_size(RequestSize::Declared).request_head_seconds([60.0]).build();
    let server = Server::watched(monitor, move |app| {
        waits_for_ever(app, "/waits", &begun);
        let panics = async || -> HttpResponse { panic!("a panic of the handler, on purpose") };
        app.route("/panics", web::get().to(panics));
    });
    let mut client = server.connect();
    client.send_request("GET", "/waits", &[("content-length", "3")]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    client.reset();
    let mut client = server.connect();
    client.send_request("GET", "/panics", &[]);
    let _ = client.try_read_response();
    let page = server.metrics_of(2.0);
    assert_eq!(sizes(&page), ["499 /waits: 3", "500 /panics: 0"]);
    for status in ["499", "500"] {
        let labels = [("status", status), ("le", "60.0")];
        assert_eq!(page.value("request_head_seconds_bucket", &labels), Some(1.0));
    }
}

#[test]
fn both_families_are_off_by_default() {
    let monitor = BigBrother::builder().isolated().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, uploads);
    post(&mut server.connect(), "/read", "hello");
    let page = page_of(&handle).text;
    assert!(
        !page.contains("request_head_seconds") && !page.contains("request_size_bytes"),
        "{page}"
    );
}

#[test]
fn durations_until_the_head_do_not_contain_the_body() {
    let (controls, routes) = controlled_bodies(BodySize::Stream);
    let monitor = BigBrother::builder()
        .isolated()
        .request_head_seconds([0.5, 60.0])
        .label("tenant", Label::header("x-tenant"))
        .build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    let mut client = server.connect();
    client.send_request("GET", "/body/1", &[("x-tenant", "acme")]);
    client.read_head();
    let control = controls.recv_timeout(PATIENCE).expect("a body");
    // The head is recorded, the request is not.
    let labels = [("status", "200"), ("addr", "/body/{id}"), ("tenant", "acme")];
    let page = page_of(&handle);
    assert_eq!(page.value("request_head_seconds_count", &labels), Some(1.0));
    assert_eq!(page.value("request_seconds_count", &labels), None);
    let bounds: Vec<_> = page
        .find("request_head_seconds_bucket", &labels)
        .iter()
        .map(|bucket| bucket.label("le").expect("a bound").to_owned())
        .collect();
    assert_eq!(bounds, ["0.5", "60.0", "+Inf"]);
    drop(control);
    let page = server.metrics_of(1.0);
    let [head, whole] = ["request_head_seconds_sum", "request_seconds_sum"]
        .map(|name| page.value(name, &labels).expect("a sum"));
    assert!(head < whole, "{head} {whole}");
    assert_eq!(page.value("request_head_seconds_count", &labels), Some(1.0));
}

#[test]
fn whether_the_families_exist_is_shared_and_what_is_counted_is_not() {
    in_a_process_of_its_own(|| {
        let builder = BigBrother::builder;
        let first = builder().request_size(RequestSize::Declared).request_head_seconds([0.1]);
        let _first = first.build();
        assert!(builder().try_build().is_ok());
        assert!(builder().request_size(RequestSize::Received).try_build().is_ok());
        let error = builder().request_head_seconds([0.2]).try_build().expect_err("a contradiction");
        let both =
            "request_head_seconds: the monitor of this process has [0.1], this build sets [0.2];";
        assert!(error.to_string().starts_with(both), "{error}");
    });
}

#[test]
fn a_later_build_cannot_add_a_family() {
    in_a_process_of_its_own(|| {
        let _first = BigBrother::builder().build();
        for (builder, option) in [
            (BigBrother::builder().request_size(RequestSize::Declared), "request_size"),
            (BigBrother::builder().request_head_seconds([0.1]), "request_head_seconds"),
        ] {
            let error = builder.try_build().expect_err("a contradiction").to_string();
            assert!(
                error.starts_with(&format!("{option}: the monitor of this process has ")),
                "{error}"
            );
        }
    });
}
