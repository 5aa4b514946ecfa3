//! What each option adds to a request. Each row is compared with the middleware with
//! every option off, which serves the same requests.

use std::sync::Arc;

use actix_monitor::{
    BigBrother, ErrorMessage, Exemplars, Label, ObserveAt, RequestSize, ResponseSize, Unmatched,
};
use actix_web::http::StatusCode;
use actix_web::rt::System;
use actix_web::test::TestRequest;

use super::time::over_bare;
use crate::Args;
use crate::peers::floor::bare;
use crate::peers::peer::{Peer, count_in};
use crate::peers::published::{BUCKETS, with_options};
use crate::report::{Cell, Report};
use crate::runner::{Timing, paired_timings};
use crate::services::{MESSAGE_HEADER, Middleware, Router, WITH_MESSAGE, minimal, path};
use crate::threads::Worker;

const SECTION: &str = "ns over bare, options";
const OFF: &str = "every option off";
const BLOCKED: &str = "blocked_workers, request that completes in one poll";

/// A request and its response.
#[derive(Clone, Copy)]
enum Exchange {
    Plain,
    /// The response has an error message in its head.
    Message,
    /// The request is part of a sampled trace.
    Traced,
    /// The request has a header with a tenant.
    Tenant,
}

const TENANT: (&str, &str) = ("x-tenant", "acme");

const LABEL: &str = "label, of a header, known value";

const TRACEPARENT: (&str, &str) =
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

impl Exchange {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Message => "message in the response",
            Self::Traced => "sampled traceparent",
            Self::Tenant => "header with a tenant",
        }
    }

    fn request(self) -> TestRequest {
        match self {
            Self::Plain => TestRequest::with_uri(&path(0)),
            Self::Message => TestRequest::with_uri(&format!("{}?{WITH_MESSAGE}", path(0))),
            Self::Traced => TestRequest::with_uri(&path(0)).insert_header(TRACEPARENT),
            Self::Tenant => TestRequest::with_uri(&path(0)).insert_header(TENANT),
        }
    }
}

pub fn run(args: &Args, report: &mut Report) {
    let exchanges = [
        (Exchange::Plain, plain()),
        (Exchange::Message, vec![error_message("error_message, header present")]),
        (Exchange::Traced, vec![exemplars("exemplars, traceparent sampled")]),
        (Exchange::Tenant, vec![label()]),
    ];
    for (exchange, options) in exchanges {
        let mut workers = vec![worker(bare(), exchange), worker(with(OFF), exchange)];
        workers.extend(options.into_iter().map(|peer| worker(peer, exchange)));
        if let Exchange::Plain = exchange {
            let peer = with_options(BLOCKED, |builder| builder.blocked_workers());
            workers.push(worker_in_a_runtime(peer, exchange));
        }
        let timings = paired_timings(&mut workers, args.rounds(600));
        report_rows(exchange, &timings, report);
    }
}

fn report_rows(exchange: Exchange, timings: &[Timing], report: &mut Report) {
    let off = over_bare(timings, OFF);
    report.number(SECTION, &format!("{OFF}, {}", exchange.name()), off);
    for timing in &timings[2..] {
        report.number(SECTION, &timing.name, timing.over_bare);
        let what = format!("time over bare, option {}", timing.name);
        report.compare(&what, Cell::new(timing.over_bare, " ns"), Cell::named(OFF, off, " ns"));
        let limit = match timing.name.as_str() {
            BLOCKED => 30.0,
            LABEL => 60.0,
            _ => continue,
        };
        let what = format!("time added by option {}", timing.name);
        let added = Cell::new(timing.over_bare - off, " ns");
        report.limit(&what, added, "–".to_owned(), limit, " ns");
    }
}

/// Options that a plain exchange is enough for.
fn plain() -> Vec<Peer<BigBrother>> {
    vec![
        with("none (the noise of the measurement)"),
        error_message("error_message, header absent"),
        exemplars("exemplars, traceparent absent"),
        with_options("dashboard", |builder| builder.dashboard("/status")),
        with_options("requests_in_flight", |builder| builder.requests_in_flight()),
        with_options("exclude, 1 path that does not match", |builder| {
            builder.exclude(other_path(0))
        }),
        with_options("exclude, 10 paths that do not match", |builder| {
            (0..10).fold(builder, |builder, other| builder.exclude(other_path(other)))
        }),
        excluded("exclude, an excluded request"),
        with_options("exclude_status, another status", |builder| {
            builder.exclude_status(StatusCode::NOT_MODIFIED)
        }),
        with_options("const_label, 3 of them", |builder| {
            let builder = builder.const_label("region", "eu-west-1").const_label("zone", "a");
            builder.const_label("team", "x")
        }),
        with_options("response_size(Sent)", |builder| builder.response_size(ResponseSize::Sent)),
        with_options("request_size(Declared)", |builder| {
            builder.request_size(RequestSize::Declared)
        }),
        with_options("request_head_seconds, 4 buckets", |builder| {
            builder.request_head_seconds(BUCKETS)
        }),
        with_options("observe_route_at, another route", |builder| {
            builder.observe_route_at("/events", ObserveAt::Head)
        }),
        with_options("unmatched(Path), path that a route matches", |builder| {
            builder.unmatched(Unmatched::Path)
        }),
        with_options("buckets, 20, the last one hit", |builder| builder.buckets(tiny_buckets())),
    ]
}

/// Every option off.
fn with(name: &'static str) -> Peer<BigBrother> {
    with_options(name, |builder| builder)
}

fn error_message(name: &'static str) -> Peer<BigBrother> {
    with_options(name, |builder| builder.error_message(ErrorMessage::header(MESSAGE_HEADER)))
}

fn label() -> Peer<BigBrother> {
    with_options(LABEL, |builder| builder.label("tenant", Label::header(TENANT.0)))
}

fn exemplars(name: &'static str) -> Peer<BigBrother> {
    with_options(name, |builder| builder.exemplars(Exemplars::traceparent()))
}

fn excluded(name: &'static str) -> Peer<BigBrother> {
    let peer = with_options(name, |builder| builder.exclude(path(0)));
    let page = Arc::clone(&peer.page);
    let recorded = Arc::new(move || {
        assert_eq!(count_in(&page(), "request_seconds"), 0, "excluded requests are not recorded");
        None
    });
    Peer { recorded, ..peer }
}

/// As long as the path that is requested, with another end: the longest comparison.
fn other_path(other: usize) -> String {
    let path = path(0);
    format!("{}{}", &path[..path.len() - 2], 50 + other)
}

/// Bounds so low that each observation is compared with all of them.
fn tiny_buckets() -> Vec<f64> {
    (1..=20).map(|nanos| f64::from(nanos) * 1e-9).collect()
}

/// As in a server: the option reads a counter of the worker's runtime.
fn worker_in_a_runtime(peer: Peer<BigBrother>, exchange: Exchange) -> Worker {
    Worker::new(peer.name, move || {
        let router = Router::new(1);
        let runtime = System::new();
        runtime.block_on(async { minimal(&peer, move || router.route(exchange.request())) })
    })
}

fn worker<M: Middleware + Send + 'static>(peer: Peer<M>, exchange: Exchange) -> Worker {
    Worker::new(peer.name, move || {
        let router = Router::new(1);
        minimal(&peer, move || router.route(exchange.request()))
    })
}
