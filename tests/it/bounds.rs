//! Bounded cardinality: no client can create series or break the page.

use std::collections::BTreeMap;

use actix_monitor::{BigBrother, BigBrotherBuilder, Unmatched};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use crate::support::client::Client;
use crate::support::oracle;
use crate::support::page::Page;
use crate::support::server::Server;

fn builder() -> BigBrotherBuilder {
    BigBrother::builder().isolated().openmetrics()
}

fn monitor() -> BigBrother {
    builder().build()
}

/// A monitor that records unmatched requests by their path.
fn by_path() -> BigBrother {
    builder().unmatched(Unmatched::Path).build()
}

/// The page, read in both formats by both parsers.
#[track_caller]
fn whole_page(server: &Server) -> Page {
    let text = server.metrics();
    oracle::read_text(&text.text);
    let accept = [("accept", "application/openmetrics-text")];
    let openmetrics = server.connect().request("GET", "/metrics", &accept).text();
    oracle::read_openmetrics(&openmetrics);
    assert_eq!(text.lasting(), Page::parse(&openmetrics).lasting());
    text
}

/// Routes whose status the client chooses.
fn chosen_status(app: &mut web::ServiceConfig) {
    for path in ["/a/{status}", "/b/{status}", "/c/{status}", "/d/{status}", "/e/{status}"] {
        app.route(
            path,
            web::to(async |status: web::Path<u16>| {
                HttpResponse::build(StatusCode::from_u16(*status).expect("a status")).body("12345")
            }),
        );
    }
}

#[test]
fn past_the_limit_addr_is_overflow_and_all_other_labels_stay_exact() {
    let monitor = builder().series_limit(3).build();
    let server = Server::watched(monitor, chosen_status);
    let mut client = server.connect();
    for path in ["/a/200", "/b/200", "/c/200"] {
        client.get(path);
    }
    for path in ["/d/200", "/e/200", "/d/500", "/a/500", "/e/503", "/a/200"] {
        client.get(path);
    }
    client.request("PUT", "/a/200", &[]);
    client.request("PUT", "/b/200", &[]);
    client.get("/nowhere");
    assert_eq!(
        whole_page(&server).recorded(),
        [
            "200 false GET /a/{status}: 2 of 10 bytes",
            "200 false GET /b/{status}: 1 of 5 bytes",
            "200 false GET /c/{status}: 1 of 5 bytes",
            "200 false GET _overflow: 2 of 10 bytes",
            "200 false PUT _overflow: 2 of 10 bytes",
            "404 true GET _overflow: 1 of 0 bytes",
            "500 true GET _overflow: 2 of 10 bytes",
            "503 true GET _overflow: 1 of 5 bytes",
        ]
    );
}

#[test]
fn the_limit_holds_for_all_workers_together() {
    const LIMIT: usize = 20;
    let monitor = builder().series_limit(LIMIT).build();
    let watched = monitor.clone();
    let server = Server::start(4, move || {
        actix_web::App::new()
            .route(
                "/{status}",
                web::to(async |status: web::Path<u16>| {
                    HttpResponse::build(StatusCode::from_u16(*status).expect("a status")).finish()
                }),
            )
            .wrap(watched.clone())
    });
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for turn in 0..200 {
                    let status = 200 + (turn + 25 * thread) % 200;
                    assert_eq!(client.head(&format!("/{status}")).status, status);
                }
            });
        }
    });
    let page = whole_page(&server);
    assert_eq!(page.requests(), 1600.0);
    let count = "request_seconds_count";
    assert_eq!(page.find(count, &[("addr", "/{status}")]).len(), LIMIT);
    assert_eq!(page.find(count, &[("addr", "_overflow")]).len(), 200 - LIMIT);
    for status in 200..400 {
        assert_eq!(page.sum(count, &[("status", &status.to_string())]), 8.0, "{status}");
    }
}

#[test]
fn standard_methods_have_their_own_label_and_all_others_share_one() {
    let server = Server::watched(monitor(), |app| {
        app.default_service(web::to(HttpResponse::Ok));
    });
    let standard =
        ["GET", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY", "HEAD"];
    for method in standard {
        let mut client = server.connect();
        client.send_request(method, "/x", &[]);
        assert_eq!(client.read_head().status, 200, "{method}");
    }
    let page = whole_page(&server);
    for method in standard {
        let count = page.value("request_seconds_count", &[("method", method)]);
        assert_eq!(count, Some(1.0), "{method}");
    }
    assert_eq!(page.requests(), standard.len() as f64);

    let mut client = server.connect();
    for method in ["get", "Post", "PROPFIND", "M-SEARCH", "_OTHER", "G", "queryY"] {
        assert_eq!(client.request(method, "/x", &[]).status, 200, "{method}");
    }
    for number in 0..2_000 {
        assert_eq!(client.request(&format!("TOKEN{number}"), "/x", &[]).status, 200);
    }
    let page = whole_page(&server);
    let others = page.value("request_seconds_count", &[("method", "_OTHER")]);
    assert_eq!(others, Some(2_007.0));
    assert_eq!(page.find("request_seconds_count", &[]).len(), standard.len() + 1);
}

/// Paths that could break a page.
fn hostile_paths() -> Vec<Vec<u8>> {
    let mut paths: Vec<Vec<u8>> = (0x21..=0xff).map(|byte| vec![b'/', byte, b'x']).collect();
    let long = "/".to_owned() + &"long".repeat(15_000);
    let texts = [
        "/\"",
        "/\\",
        "/\\\"",
        "/\\n",
        "/\",addr=\"forged",
        "/\"}1\\n#",
        "/%0A#%20EOF",
        "/%0Aforged_total%201",
        "/%",
        "/%zz",
        "/%f",
        "/%ff%fe",
        "/%00",
        "/%22%5C%0D%0A",
        "/{id}",
        "/_overflow",
        "/é\u{1F980}",
        "/..",
        "/./../x",
        "///",
        "/#EOF",
        &long,
    ];
    paths.extend(texts.map(|text| text.as_bytes().to_vec()));
    paths
}

/// Requests `path` on a connection of its own. `None` if the server refused it before the
/// app was called.
fn ask(server: &Server, path: &[u8]) -> Option<u16> {
    let mut client = server.connect();
    let request = [&b"GET "[..], path, b" HTTP/1.1\r\nhost: test\r\n\r\n"].concat();
    client.send(request);
    let status = client.try_read_response().ok()?.status;
    (status != 400).then_some(status)
}

#[test]
fn hostile_paths_share_one_addr() {
    let server = Server::watched(monitor(), |app| {
        app.route("/a/b", web::get().to(HttpResponse::Ok));
    });
    let paths = hostile_paths();
    let seen = paths.iter().filter(|path| ask(&server, path) == Some(404)).count();
    assert!(seen > 100, "only {seen} of {} reached the app", paths.len());
    let page = whole_page(&server);
    let expected = format!("404 true GET unmatched: {seen} of 0 bytes");
    assert_eq!(page.recorded(), [expected]);
    assert!(page.text.len() < 6_000, "{}", page.text);
}

#[test]
fn hostile_values_of_a_path_parameter_share_its_pattern() {
    let server = Server::watched(monitor(), |app| {
        app.route(
            "/{tail:.*}",
            web::get().to(async |tail: Option<web::Path<String>>| {
                tail.map_or(0, |tail| tail.len()).to_string()
            }),
        );
    });
    let seen = hostile_paths().iter().filter(|path| ask(&server, path).is_some()).count();
    let page = whole_page(&server);
    assert_eq!(page.requests(), seen as f64);
    let addrs = page.sum("request_seconds_count", &[("addr", "/{tail:.*}")]);
    assert_eq!(addrs, seen as f64, "{:?}", page.recorded());
}

#[test]
fn hostile_paths_are_escaped_if_unmatched_paths_are_recorded() {
    let server = Server::watched(by_path(), |app| {
        app.route("/a/b", web::get().to(HttpResponse::Ok));
    });
    let mut sent = BTreeMap::new();
    for path in hostile_paths() {
        if ask(&server, &path) == Some(404) {
            // The query and the fragment are not part of a path.
            let path = path.split(|byte| *byte == b'#' || *byte == b'?').next().unwrap_or_default();
            let path = &path[..path.len().min(120)];
            *sent.entry(String::from_utf8(path.to_vec()).expect("UTF-8")).or_insert(0.0) += 1.0;
        }
    }
    let page = whole_page(&server);
    let shown = page.find("request_seconds_count", &[]);
    let shown: BTreeMap<_, _> =
        shown.iter().map(|s| (s.label("addr").unwrap_or_default().to_owned(), s.value)).collect();
    assert_eq!(shown, sent);
}

#[test]
fn a_path_of_64_kb_is_truncated_on_the_page() {
    for (monitor, addr_length) in [(monitor(), "unmatched".len()), (by_path(), 120)] {
        let server = Server::watched(monitor, |app| {
            app.route("/a/b", web::get().to(HttpResponse::Ok));
        });
        let path = "/".to_owned() + &"y".repeat(64_000);
        assert_eq!(server.connect().get(&path).status, 404);
        let page = whole_page(&server);
        let count = page.find("request_seconds_count", &[]);
        assert_eq!(count[0].label("addr").map(str::len), Some(addr_length));
        assert_eq!(page.requests(), 1.0);
    }
}

/// Sends `count` requests for different paths, and reads all responses.
fn flood(client: &mut Client, name: &str, count: usize) {
    for batch in 0..count.div_ceil(100) {
        let requests = (batch * 100..count.min((batch + 1) * 100))
            .map(|number| format!("GET /{name}/{number} HTTP/1.1\r\nhost: x\r\n\r\n"));
        let requests: Vec<_> = requests.collect();
        client.send(requests.concat());
        for _ in requests {
            assert_eq!(client.read_response().status, 404);
        }
    }
}

#[test]
fn twenty_thousand_unique_paths_are_one_series() {
    let watched = monitor();
    let server = Server::start(2, move || {
        actix_web::App::new().route("/a/b", web::get().to(HttpResponse::Ok)).wrap(watched.clone())
    });
    std::thread::scope(|scope| {
        for name in ["w", "x", "y", "z"] {
            let server = &server;
            scope.spawn(move || flood(&mut server.connect(), name, 5_000));
        }
    });
    let page = whole_page(&server);
    assert_eq!(page.recorded(), ["404 true GET unmatched: 20000 of 0 bytes"]);
    assert!(page.text.len() < 6_000, "{}", page.text);
}

#[test]
fn raw_paths_stop_at_the_limit_and_no_request_is_lost() {
    const LIMIT: usize = 50;
    let monitor = builder().unmatched(Unmatched::Path).series_limit(LIMIT);
    let server = Server::watched(monitor.build(), |app| {
        app.route("/a/b", web::get().to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    flood(&mut client, "x", 2_000);
    assert_eq!(client.get("/a/b").status, 200);
    let page = whole_page(&server);
    let series = page.recorded();
    assert_eq!(series.len(), LIMIT + 2);
    let left = 2_000 - LIMIT;
    assert!(series.contains(&format!("404 true GET _overflow: {left} of 0 bytes")), "{series:?}");
    assert!(series.contains(&"200 false GET _overflow: 1 of 0 bytes".to_owned()), "{series:?}");
    assert_eq!(page.requests(), 2_001.0);
}

#[test]
fn a_query_is_not_part_of_a_raw_path() {
    let server = Server::watched(by_path(), |app| {
        app.route("/a/b", web::get().to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    for number in 0..10 {
        assert_eq!(client.get(&format!("/nowhere?token={number}")).status, 404);
    }
    assert_eq!(whole_page(&server).recorded(), ["404 true GET /nowhere: 10 of 0 bytes"]);
}
