//! The page compressed with gzip, for scrapers that ask for it.

use std::io::Read as _;
use std::sync::mpsc;

use actix_monitor::{BigBrother, Format, metrics};
use actix_web::dev::ServiceRequest;
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::{App, web};

use crate::support::client::{Client, Response};
use crate::support::collectors::Stuck;
use crate::support::oracle::{is_openmetrics, is_text};
use crate::support::page::Page;
use crate::support::patience::PATIENCE;
use crate::support::server::Server;
use crate::support::services::announced;

const OPENMETRICS: &str = "application/openmetrics-text";

/// A monitor whose page has about 50 kB.
fn watched() -> BigBrother {
    let watched = BigBrother::builder().isolated().openmetrics().build();
    for queue in 0..50 {
        let timer = watched.monitor().start_request("amqp").addr(format!("queue {queue}"));
        timer.finish("ack");
    }
    watched
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/mounted", web::get().to(metrics));
}

fn get(client: &mut Client, path: &str, accept: &str, coding: &str) -> Response {
    client.request("GET", path, &[("accept", accept), ("accept-encoding", coding)])
}

/// The response with its page decompressed, once.
#[track_caller]
fn decoded(response: &Response) -> Response {
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    let mut body = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(response.body.as_slice());
    decoder.read_to_end(&mut body).expect("a page that is compressed once");
    let rest = decoder.into_inner();
    assert!(rest.is_empty(), "{} bytes follow the page", rest.len());
    Response { status: response.status, headers: response.headers.clone(), body, is_complete: true }
}

/// The page of a response in this format.
#[track_caller]
fn page(response: &Response, format: Format) -> Page {
    if format == Format::Text { is_text(response) } else { is_openmetrics(response) }
}

#[test]
fn a_compressed_page_has_the_content_of_the_plain_one() {
    let watched = watched();
    let server = Server::watched(watched.clone(), routes);
    let mut client = server.connect();
    for path in ["/metrics", "/mounted"] {
        for (accept, format) in [("*/*", Format::Text), (OPENMETRICS, Format::OpenMetrics)] {
            let compressed = get(&mut client, path, accept, "gzip");
            assert!(compressed.body.len() < 10_000, "{} bytes", compressed.body.len());
            let length = compressed.body.len().to_string();
            assert_eq!(compressed.header("content-length"), Some(length.as_str()));
            let plain = get(&mut client, path, accept, "identity");
            assert_eq!(plain.header("content-encoding"), None);
            let expected = Page::parse(&watched.monitor().encode(format));
            for page in [page(&plain, format), page(&decoded(&compressed), format)] {
                assert_eq!(page.lasting(), expected.lasting(), "{path}");
            }
            for name in ["content-type", "cache-control", "x-content-type-options"] {
                assert_eq!(compressed.header(name), plain.header(name));
            }
        }
    }
}

#[test]
fn the_page_is_compressed_if_gzip_is_accepted_and_not_below_identity() {
    let server = Server::watched(watched(), routes);
    let mut client = server.connect();
    let mut coding = |accepted: &[&str]| {
        let headers: Vec<_> = accepted.iter().map(|value| ("accept-encoding", *value)).collect();
        let response = client.request("GET", "/metrics", &headers);
        assert_eq!(response.status, 200, "{accepted:?}");
        response.header("content-encoding").map(str::to_owned)
    };
    for accepted in [
        "gzip",
        "GZip",
        "x-gzip",
        "gzip, deflate, br, zstd",
        "br;q=1.0, gzip;q=0.001",
        "gzip;q=0.5, identity;q=0.5",
        "gzip, identity;q=0.9",
        "identity;q=0, gzip;q=0.1",
        "*",
        "*;q=0.1",
        "*;q=0, gzip",
        "deflate, *;q=0.5",
    ] {
        assert_eq!(coding(&[accepted]).as_deref(), Some("gzip"), "{accepted}");
    }
    for accepted in [
        "",
        "identity",
        "br, deflate, zstd",
        "gzip;q=0",
        "gzip;q=0.000",
        "gzip;q=0.5, identity",
        "gzip;q=0.1, *;q=0.5",
        "*;q=0",
        "*, gzip;q=0",
        "gzip;q=2",
        "gzip;q=",
        "gzipped",
        ",;=,;q",
    ] {
        assert_eq!(coding(&[accepted]), None, "{accepted}");
    }
    assert_eq!(coding(&[]), None, "not without the header");
    assert_eq!(coding(&["br", "gzip"]).as_deref(), Some("gzip"), "two headers");
}

#[test]
fn head_has_the_headers_of_the_compressed_page() {
    let server = Server::watched(watched(), routes);
    let mut client = server.connect();
    let headers = [("accept-encoding", "gzip")];
    let get = client.request("GET", "/metrics", &headers);
    let head = client.request("HEAD", "/metrics", &headers);
    for name in ["content-encoding", "content-type", "vary"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    let length = head.header("content-length").and_then(|length| length.parse().ok());
    assert!(length.is_some_and(|length: usize| length.abs_diff(get.body.len()) < 100));
}

#[test]
fn a_compressor_around_the_page_does_not_compress_it_again() {
    let watched = watched();
    let expected = Page::parse(&watched.monitor().encode(Format::Text));
    let server = Server::start(1, move || {
        App::new().configure(routes).wrap(watched.clone()).wrap(Compress::default())
    });
    let mut client = server.connect();
    for path in ["/metrics", "/mounted"] {
        let page = is_text(&decoded(&get(&mut client, path, "*/*", "gzip")));
        assert_eq!(page.lasting(), expected.lasting(), "{path}");
    }
}

#[test]
fn scrapes_that_overlap_share_a_page_for_each_coding() {
    // More than the number of pages that may be open at a time.
    const CLIENTS: usize = 30;
    let watched = watched();
    let stuck = Stuck::register(&watched.monitor());
    let (begins, begun) = mpsc::channel();
    let server = Server::start(1, move || {
        let begins = begins.clone();
        let announce = from_fn(move |request: ServiceRequest, next: Next<_>| {
            let begins = begins.clone();
            announced(next.call(request), move || begins.send(()).expect("the test listens"))
        });
        App::new().wrap(watched.clone()).wrap(announce)
    });
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| server.connect()).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        let coding = if index % 2 == 0 { "gzip" } else { "identity" };
        client.send_request("GET", "/metrics", &[("accept-encoding", coding)]);
        if index == 0 {
            stuck.wait_for(1);
        }
    }
    (0..CLIENTS).for_each(|_| begun.recv_timeout(PATIENCE).expect("each scrape begins"));
    stuck.open();
    let pages = clients.iter_mut().enumerate().map(|(index, client)| {
        let response = client.read_response();
        if index % 2 == 0 { decoded(&response).text() } else { response.text() }
    });
    let pages: Vec<_> = pages.skip(1).collect();
    assert!(pages.iter().all(|page| *page == pages[0]), "one page for all that waited");
    assert_eq!(stuck.begun(), 2);
}
