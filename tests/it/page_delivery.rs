//! How the page reaches its readers: its headers, its format, and what it costs when they
//! do not read.

use std::sync::mpsc;

use actix_monitor::{BigBrother, BigBrotherBuilder, Exemplars, metrics};
use actix_web::dev::ServiceRequest;
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::{App, HttpResponse, web};

use crate::support::child::in_a_process_of_its_own;
use crate::support::client::{Client, Response};
use crate::support::collectors::Stuck;
use crate::support::journal;
use crate::support::memory::added;
use crate::support::oracle::{is_openmetrics, is_text};
use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::Server;
use crate::support::services::announced;

/// Series of the large page.
const SERIES: usize = 6_000;

fn isolated() -> BigBrotherBuilder {
    BigBrother::builder().isolated()
}

/// A monitor whose page has about 18 MB: more than the sockets between server and client
/// hold.
fn large() -> BigBrother {
    let large = isolated().series_limit(SERIES).const_label("padding", "x".repeat(250)).build();
    let monitor = large.monitor();
    for series in 0..SERIES {
        monitor.start_request("amqp").addr(format!("queue {series}")).finish("ok");
    }
    large
}

fn ok(app: &mut web::ServiceConfig) {
    app.route("/ok", web::get().to(HttpResponse::Ok));
}

/// Sends a scrape that ends with its connection.
fn scrape(server: &Server) -> Client {
    let mut client = server.connect();
    client.send_request("GET", "/metrics", &[("connection", "close")]);
    client
}

#[track_caller]
fn declared_length(head: &Response) -> usize {
    assert_eq!((head.status, head.header("transfer-encoding")), (200, None));
    let length = head.header("content-length").and_then(|length| length.parse().ok());
    length.expect("a declared length")
}

#[test]
fn clients_that_do_not_read_hold_no_copy_of_the_page() {
    const CLIENTS: usize = 100;
    in_a_process_of_its_own(|| {
        let large = large();
        let stuck = Stuck::register(&large.monitor());
        let (begins, begun) = mpsc::channel();
        let server = Server::start(1, move || {
            let begins = begins.clone();
            let announce = from_fn(move |request: ServiceRequest, next: Next<_>| {
                let begins = begins.clone();
                announced(next.call(request), move || begins.send(()).expect("the test listens"))
            });
            App::new().wrap(large.clone()).wrap(announce)
        });
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| scrape(&server)).collect();
        (0..CLIENTS).for_each(|_| begun.recv_timeout(PATIENCE).expect("each scrape begins"));
        // All share two pages: the one that waits now, and the next.
        let (added, length) = added(|| {
            stuck.open();
            clients.iter_mut().map(|client| declared_length(&client.read_head())).max()
        });
        let length = length.expect("there are clients");
        assert!(length > 12_000_000, "{length} bytes may fit into the sockets");
        assert!(added < 8 * length, "{added} bytes for a page of {length}");

        clients.into_iter().for_each(Client::reset);
        let mut reader = scrape(&server);
        let length = declared_length(&reader.read_head());
        let page = reader.read_to_end();
        assert_eq!(page.len(), length);
        let page = String::from_utf8(page).expect("UTF-8");
        let counts = page.lines().filter(|line| line.starts_with("request_seconds_count{"));
        assert_eq!(counts.count(), SERIES);
        assert!(page.lines().last().is_some_and(|line| line.starts_with("stuck{padding=")));
    });
}

#[test]
fn pages_that_nobody_reads_are_limited_in_number_until_their_clients_leave() {
    in_a_process_of_its_own(|| {
        journal::start();
        let server = Server::watched(large(), ok);
        let mut open = Vec::new();
        let refused = loop {
            let mut client = scrape(&server);
            let head = client.read_head();
            if head.status != 200 || open.len() > 50 {
                break head;
            }
            open.push((declared_length(&head), client));
        };
        assert_eq!(refused.status, 503, "{} pages are open", open.len());
        assert_eq!(refused.header("content-length"), Some("0"));
        let is_warning = |line: &String| line.starts_with("WARN") && line.contains("do not read");
        assert!(journal::lines("actix_monitor").iter().any(is_warning));
        assert_eq!(server.connect().get("/ok").status, 200, "nothing but the page is refused");
        assert_eq!(server.connect().head("/metrics").status, 503, "it is still refused");

        // A client that reads to the end makes room, as does one that leaves.
        let (length, reader) = open.pop().expect("some pages are open");
        assert_eq!(reader.read_to_end().len(), length);
        let next = || {
            let mut client = scrape(&server);
            let head = client.read_head();
            (head.status == 200).then_some(client)
        };
        let reader = eventually("there is room after a client has read its page", next);
        open.push((0, reader));
        assert!(next().is_none(), "there is room for one page only");
        open.into_iter().for_each(|(_, client)| client.reset());
        let reader = eventually("there is room after the clients have left", next);
        assert!(reader.read_to_end().len() > 12_000_000);
    });
}

/// The values of the `Vary` headers, in lower case.
fn vary(response: &Response) -> Vec<String> {
    let headers = response.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("vary"));
    let values = headers.flat_map(|(_, value)| value.split(','));
    let mut values: Vec<_> = values.map(|value| value.trim().to_lowercase()).collect();
    values.sort();
    values
}

#[test]
fn no_cache_stores_the_page_and_no_browser_guesses_its_type() {
    for builder in [isolated(), isolated().openmetrics()] {
        let server = Server::watched(builder.build(), |app| {
            app.route("/mounted", web::get().to(metrics));
        });
        let mut client = server.connect();
        let accept = [("accept", "application/openmetrics-text")];
        for response in [
            client.get("/metrics"),
            client.head("/metrics"),
            client.request("GET", "/metrics", &accept),
            client.get("/mounted"),
        ] {
            assert_eq!(response.header("cache-control"), Some("no-store"));
            assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        }
    }
}

#[test]
fn the_page_varies_with_what_is_negotiated_only() {
    let coding = cfg!(feature = "gzip").then_some("accept-encoding");
    for (builder, format) in [
        (isolated(), None),
        (isolated().openmetrics(), Some("accept")),
        (isolated().exemplars(Exemplars::traceparent()), Some("accept")),
    ] {
        let varies: Vec<_> = format.into_iter().chain(coding).collect();
        let watched = builder.build();
        let plain = Server::watched(watched.clone(), |app| {
            app.route("/mounted", web::get().to(metrics));
        });
        let mut client = plain.connect();
        for accept in ["*/*", "application/openmetrics-text"] {
            for (method, path) in [("GET", "/metrics"), ("HEAD", "/metrics"), ("GET", "/mounted")] {
                let response = client.request(method, path, &[("accept", accept)]);
                assert_eq!(vary(&response), varies, "{method} {path} {accept}");
            }
        }
        let compressed =
            Server::start(1, move || App::new().wrap(watched.clone()).wrap(Compress::default()));
        let accept = [("accept", "*/*"), ("accept-encoding", "gzip")];
        let response = compressed.connect().request("GET", "/metrics", &accept);
        assert_eq!(response.header("content-encoding"), Some("gzip"));
        let varies: Vec<_> = format.into_iter().chain(["accept-encoding"]).collect();
        assert_eq!(vary(&response), varies);
    }
}

#[test]
fn openmetrics_is_chosen_by_the_highest_weight_of_its_ranges() {
    let server = Server::watched(isolated().openmetrics().build(), ok);
    let mut client = server.connect();
    for accept in [
        "application/openmetrics-text;Q=0.5, text/plain;Q=0.4",
        "APPLICATION/OPENMETRICS-TEXT;VERSION=1.0.0;Q=0.5,TEXT/PLAIN;Q=0.5",
        "application/openmetrics-text;q=0.1,application/openmetrics-text;q=0.9,text/plain;q=0.5",
        "application/openmetrics-text;q=0.9,application/openmetrics-text;q=0.1,text/plain;q=0.5",
        "application/openmetrics-text;version=0.0.1;q=0,application/openmetrics-text;Q=0.001",
        "text/html, application/openmetrics-text ; Q = 1.000 , text/plain;q=0.999",
    ] {
        is_openmetrics(&client.request("GET", "/metrics", &[("accept", accept)]));
    }
    for accept in [
        "application/openmetrics-text;Q=0.4, text/plain;Q=0.5",
        "application/openmetrics-text;Q=0",
        "application/openmetrics-text;q=0.8,text/plain;q=0.1,text/plain;q=0.9",
        "application/openmetrics-text;q=0.8,text/plain;q=0.9,text/plain;q=0.1",
        "application/openmetrics-text;q=0,application/openmetrics-text;Q=0.000",
        "text/plain, application/openmetrics-text;Q=0.999",
        // Weights that are not valid.
        "application/openmetrics-text;q=0.9999,text/plain;q=0.5",
        "application/openmetrics-text;q=0.+9,text/plain;q=0.5",
        "application/openmetrics-text;q=1.001,text/plain;q=0.5",
        "application/openmetrics-text;q=2,text/plain;q=0.5",
    ] {
        is_text(&client.request("GET", "/metrics", &[("accept", accept)]));
    }
    let lines = [
        ("accept", "text/plain;Q=0.5"),
        ("accept", "application/json"),
        ("accept", "application/openmetrics-text;Q=0.6"),
    ];
    is_openmetrics(&client.request("GET", "/metrics", &lines));
}

#[test]
fn openmetrics_is_offered_only_if_it_is_asked_for_or_exemplars_are_on() {
    let accept = [("accept", "application/openmetrics-text")];
    let server = Server::watched(isolated().build(), ok);
    is_text(&server.connect().request("GET", "/metrics", &accept));
    for builder in [isolated().openmetrics(), isolated().exemplars(Exemplars::traceparent())] {
        let server = Server::watched(builder.build(), ok);
        is_openmetrics(&server.connect().request("GET", "/metrics", &accept));
        is_text(&server.connect().get("/metrics"));
    }
}
