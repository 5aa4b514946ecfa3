//! Exemplars: the trace of a request beside its bucket, in OpenMetrics.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_monitor::{BigBrother, BigBrotherBuilder, Exemplars, Format, Monitor};
use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, web};

use crate::support::oracle;
use crate::support::page::Page;
use crate::support::server::Server;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Shorter than any request, and longer than any request of a test.
const NEVER: f64 = 1e-9;
const ALWAYS: f64 = 3_600.0;

fn traced() -> BigBrotherBuilder {
    BigBrother::builder().isolated().exemplars(Exemplars::traceparent())
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/a", web::get().to(HttpResponse::Ok))
        .route("/b", web::get().to(HttpResponse::Ok))
        .route("/panic", web::get().to(async || -> HttpResponse { panic!("on purpose") }));
}

/// A parsed exemplar.
#[derive(Debug)]
struct Shown {
    addr: String,
    le: String,
    trace_id: String,
    seconds: f64,
    at: f64,
}

/// All exemplars of the OpenMetrics page, which must be on buckets of requests.
#[track_caller]
fn shown(monitor: &Monitor) -> Vec<Shown> {
    let text = monitor.encode(Format::OpenMetrics);
    oracle::read_openmetrics(&text);
    let samples = Page::parse(&text).samples;
    let exemplars = samples.iter().filter_map(|sample| Some((sample, sample.exemplar.as_ref()?)));
    exemplars
        .map(|(sample, exemplar)| {
            assert_eq!(sample.name, "request_seconds_bucket");
            let inside = exemplar.strip_prefix("{trace_id=\"").expect("one label");
            let (trace_id, numbers) = inside.rsplit_once("\"} ").expect("its end");
            let (seconds, at) = numbers.split_once(' ').expect("a value and a time");
            Shown {
                addr: sample.label("addr").expect("an addr").to_owned(),
                le: sample.label("le").expect("a bound").to_owned(),
                trace_id: trace_id.to_owned(),
                seconds: seconds.parse().expect("seconds"),
                at: at.parse().expect("a time"),
            }
        })
        .collect()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

#[test]
fn a_sampled_trace_is_on_the_one_bucket_of_its_request() {
    for (bounds, le, lower, upper) in [
        (vec![ALWAYS], "3600.0", 0.0, ALWAYS),
        (vec![NEVER, ALWAYS], "3600.0", NEVER, ALWAYS),
        (vec![NEVER, ALWAYS, 2.0 * ALWAYS], "3600.0", NEVER, ALWAYS),
        (vec![NEVER], "+Inf", NEVER, f64::INFINITY),
        (vec![NEVER, 2.0 * NEVER], "+Inf", 2.0 * NEVER, f64::INFINITY),
    ] {
        let monitor = traced().buckets(bounds.clone()).build();
        let handle = monitor.monitor();
        let server = Server::watched(monitor, routes);
        let before = now();
        server.connect().request("GET", "/a", &[("traceparent", SAMPLED)]);
        let after = now();
        let exemplars = shown(&handle);
        let [exemplar] = &exemplars[..] else { panic!("{bounds:?}: {exemplars:?}") };
        assert_eq!((exemplar.trace_id.as_str(), exemplar.le.as_str()), (TRACE, le), "{bounds:?}");
        assert!(lower < exemplar.seconds && exemplar.seconds <= upper, "{exemplar:?}");
        // The clocks may differ by a thousandth.
        assert!(exemplar.seconds <= (after - before) * 1.001 + 0.001, "{exemplar:?}");
        // Written in whole milliseconds.
        assert!(before - 0.001 <= exemplar.at && exemplar.at <= after, "{before} {exemplar:?}");
        let page = Page::parse(&handle.encode(Format::OpenMetrics));
        assert_eq!(page.total("request_seconds_sum"), exemplar.seconds, "it is the observation");
    }
}

#[test]
fn the_duration_of_a_trace_lies_within_its_bucket_however_narrow_that_is() {
    let bounds: Vec<f64> =
        (0..120).scan(1e-6, |bound, _| Some(std::mem::replace(bound, *bound * 1.2))).collect();
    let monitor = traced().buckets(bounds.clone()).build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    server.connect().request("GET", "/a", &[("traceparent", SAMPLED)]);
    let exemplars = shown(&handle);
    let [exemplar] = &exemplars[..] else { panic!("{exemplars:?}") };
    let upper: f64 = exemplar.le.parse().expect("a number");
    let place = bounds.iter().position(|bound| *bound == upper).expect("one of the bounds");
    let lower = place.checked_sub(1).map_or(0.0, |before| bounds[before]);
    assert!(lower < exemplar.seconds && exemplar.seconds <= upper, "{lower} {exemplar:?}");
}

#[test]
fn traces_that_are_not_sampled_or_not_valid_are_ignored() {
    let monitor = traced().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    let mut client = server.connect();
    let headers = [
        "",
        "00",
        TRACE,
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319\"-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-+1",
        "00-\u{e9}af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ];
    for header in headers {
        client.request("GET", "/a", &[("traceparent", header)]);
        let exemplars = shown(&handle);
        assert!(exemplars.is_empty(), "{header}: {exemplars:?}");
    }
    client.get("/a");
    assert!(shown(&handle).is_empty(), "no header at all");
    client.request("GET", "/a", &[("TraceParent", SAMPLED)]);
    assert_eq!(shown(&handle).len(), 1, "that there are none is not for another reason");
    assert_eq!(server.metrics().requests(), headers.len() as f64 + 2.0, "all are recorded");
}

#[test]
fn the_latest_trace_of_a_bucket_is_shown_until_there_is_another() {
    let monitor = traced().buckets([ALWAYS]).build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    let mut client = server.connect();
    for digit in ["1", "2", "3"] {
        let trace_id = digit.repeat(32);
        let header = format!("00-{trace_id}-b7ad6b7169203331-01");
        client.request("GET", "/a", &[("traceparent", &header)]);
        client.get("/a");
        let exemplars = shown(&handle);
        assert_eq!(exemplars.len(), 1);
        assert_eq!(exemplars[0].trace_id, trace_id);
    }
}

#[test]
fn each_series_has_exemplars_of_its_own() {
    let monitor = traced().buckets([ALWAYS]).build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    for (path, digit) in [("/a", "1"), ("/b", "2"), ("/nowhere", "3")] {
        let header = format!("00-{}-b7ad6b7169203331-01", digit.repeat(32));
        server.connect().request("GET", path, &[("traceparent", &header)]);
    }
    let mut traces: Vec<_> =
        shown(&handle).into_iter().map(|shown| (shown.addr, shown.trace_id)).collect();
    traces.sort();
    let expected = [("/a", "1"), ("/b", "2"), ("unmatched", "3")];
    assert_eq!(traces, expected.map(|(addr, digit)| (addr.to_owned(), digit.repeat(32))));
}

#[test]
fn a_request_without_a_response_has_its_trace_too() {
    let monitor = traced().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    let mut client = server.connect();
    client.send_request("GET", "/panic", &[("traceparent", SAMPLED)]);
    client.read_to_end();
    server.metrics_of(1.0);
    let exemplars = shown(&handle);
    assert_eq!(exemplars.len(), 1);
    assert_eq!((exemplars[0].addr.as_str(), exemplars[0].trace_id.as_str()), ("/panic", TRACE));
}

#[test]
fn the_trace_of_an_excluded_request_is_not_shown() {
    let builder = traced().exclude("/a").exclude_status(StatusCode::NOT_FOUND);
    let monitor = builder.build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    let mut client = server.connect();
    for path in ["/a", "/nowhere"] {
        client.request("GET", path, &[("traceparent", SAMPLED)]);
    }
    // Nor is its trace used for the next request.
    client.get("/b");
    assert_eq!(server.metrics().requests(), 1.0);
    let exemplars = shown(&handle);
    assert!(exemplars.is_empty(), "{exemplars:?}");
}

#[test]
fn the_trace_of_one_request_is_not_shown_for_another() {
    let source = Exemplars::from_fn(|request| match request.path() {
        "/nowhere" => Some("of another".to_owned()),
        path => panic!("{path} has no trace, on purpose"),
    });
    let builder = BigBrother::builder().isolated().buckets([ALWAYS]).exemplars(source);
    let monitor = builder.exclude_status(StatusCode::NOT_FOUND).build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    assert_eq!(server.connect().get("/nowhere").status, 404);
    let mut client = server.connect();
    client.send_request("GET", "/a", &[]);
    client.read_to_end();
    assert_eq!(server.metrics_of(1.0).recorded(), ["500 true GET /a: 1 of 0 bytes"]);
    let exemplars = shown(&handle);
    assert!(exemplars.is_empty(), "{exemplars:?}");
}

/// A monitor with these trace ids, chosen by a number in a header.
fn chosen(ids: Vec<String>) -> BigBrother {
    let choose = move |number: &str| ids.get(number.parse::<usize>().ok()?).cloned();
    let source =
        Exemplars::from_fn(move |request| choose(request.headers().get("x-id")?.to_str().ok()?));
    BigBrother::builder().isolated().exemplars(source).buckets([ALWAYS]).build()
}

#[test]
fn a_closure_returns_the_trace_id_of_a_request_or_none() {
    let monitor = chosen(vec!["one".into(), "two".into()]);
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    for (path, number) in [("/a", "1"), ("/b", "2")] {
        server.connect().request("GET", path, &[("x-id", number)]);
    }
    let exemplars = shown(&handle);
    assert_eq!(exemplars.len(), 1, "{exemplars:?}");
    assert_eq!((exemplars[0].addr.as_str(), exemplars[0].trace_id.as_str()), ("/a", "two"));
}

#[test]
fn no_trace_id_can_break_the_page() {
    let ids = [
        ("\"", "\\\""),
        ("\\", "\\\\"),
        ("\\\"", "\\\\\\\""),
        ("\n", "\\n"),
        ("\n# EOF\nforged 1\n", "\\n# EOF\\nforged 1\\n"),
        ("\"} 1 1\nforged_total 7 # {x=\"", "\\\"} 1 1\\nforged_total 7 # {x=\\\""),
        (" # {trace_id=\"\"} 1 1", " # {trace_id=\\\"\\\"} 1 1"),
        ("\r\0\u{7f}", "\r\0\u{7f}"),
        ("\u{1F980}é\u{2028}", "\u{1F980}é\u{2028}"),
        (" ", " "),
    ];
    for (id, escaped) in ids {
        let monitor = chosen(vec![id.to_owned()]);
        let handle = monitor.monitor();
        let server = Server::watched(monitor, routes);
        server.connect().request("GET", "/a", &[("x-id", "0")]);
        let exemplars = shown(&handle);
        assert_eq!(exemplars.len(), 1, "{id:?}");
        assert_eq!(exemplars[0].trace_id, escaped);
        assert_eq!(server.metrics().recorded(), ["200 false GET /a: 1 of 0 bytes"]);
    }
}

#[test]
fn a_trace_id_that_is_empty_or_too_long_for_openmetrics_is_ignored() {
    for (length, is_shown) in [(0, false), (1, true), (120, true), (121, false), (10_000, false)] {
        for character in ["x", "é", "\n"] {
            let monitor = chosen(vec![character.repeat(length)]);
            let handle = monitor.monitor();
            let server = Server::watched(monitor, routes);
            server.connect().request("GET", "/a", &[("x-id", "0")]);
            assert_eq!(shown(&handle).len(), usize::from(is_shown), "{length} times {character:?}");
            assert_eq!(server.metrics().requests(), 1.0);
        }
    }
}

#[test]
fn the_text_format_has_no_exemplars() {
    let monitor = traced().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    server.connect().request("GET", "/a", &[("traceparent", SAMPLED)]);
    assert_eq!(shown(&handle).len(), 1);
    let text = oracle::is_text(&server.connect().get("/metrics"));
    assert!(text.samples.iter().all(|sample| sample.exemplar.is_none()));
    assert!(!text.text.contains(TRACE), "{}", text.text);
    let accept = [("accept", "application/openmetrics-text")];
    let openmetrics = oracle::is_openmetrics(&server.connect().request("GET", "/metrics", &accept));
    assert!(openmetrics.text.contains(TRACE));
    let values = |page: &Page| page.lasting().iter().map(|sample| sample.value).collect::<Vec<_>>();
    assert_eq!(values(&text), values(&openmetrics));
}

#[test]
fn there_are_no_exemplars_by_default() {
    let monitor = BigBrother::builder().isolated().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, routes);
    server.connect().request("GET", "/a", &[("traceparent", SAMPLED)]);
    assert_eq!(server.metrics().requests(), 1.0);
    assert!(shown(&handle).is_empty());
}

#[test]
fn calls_and_requests_of_the_app_have_no_exemplars() {
    let handle = traced().build().monitor();
    handle.start_request("amqp").duration(Duration::from_millis(5)).finish("ack");
    handle.start_dependency_request("db").finish("ok");
    assert!(shown(&handle).is_empty());
}

#[test]
fn pages_read_while_traces_are_recorded_are_valid() {
    let monitor = traced().build();
    let handle = monitor.monitor();
    let server = Server::start(2, move || App::new().configure(routes).wrap(monitor.clone()));
    std::thread::scope(|scope| {
        let senders: Vec<_> = ["/a", "/b"]
            .map(|path| {
                let server = &server;
                scope.spawn(move || {
                    let mut client = server.connect();
                    for number in 1..=300 {
                        let header = format!("00-{number:032x}-b7ad6b7169203331-01");
                        client.request("GET", path, &[("traceparent", &header)]);
                    }
                })
            })
            .into_iter()
            .collect();
        while senders.iter().any(|sender| !sender.is_finished()) {
            let exemplars = shown(&handle);
            assert!(exemplars.len() <= 10, "{exemplars:?}");
        }
    });
    let exemplars = shown(&handle);
    for path in ["/a", "/b"] {
        assert!(exemplars.iter().any(|shown| shown.addr == path), "{exemplars:?}");
    }
}
