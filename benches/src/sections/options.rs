//! What each option adds to the middleware alone. Every row stands on its own
//! exchange's ground: the bare service and the middleware with everything off,
//! driven with the same requests and answering the same.

use std::sync::Arc;

use actix_monitor::{BigBrother, ErrorMessage, Exemplars, ResponseSize, Unmatched};
use actix_web::http::StatusCode;
use actix_web::test::TestRequest;

use super::alone::over_bare;
use crate::measure::{Timing, paired};
use crate::member::Member;
use crate::minimal::{MESSAGE_HEADER, Routing, WITH_MESSAGE, path};
use crate::peers::{self, Peer, count_in, optioned};
use crate::plan::Plan;
use crate::report::{Cell, Report};
use crate::settings::{Alone, around_minimal};

const SECTION: &str = "ns over bare, options";
const OFF: &str = "everything off";

/// What is asked and answered.
#[derive(Clone, Copy)]
enum Exchange {
    Plain,
    /// The answer's head has an error message.
    Message,
    /// The request is part of a sampled trace.
    Traced,
}

impl Exchange {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Message => "with a message in the answer",
            Self::Traced => "with a traceparent",
        }
    }

    fn request(self) -> TestRequest {
        match self {
            Self::Plain => TestRequest::with_uri(&path(0)),
            Self::Message => TestRequest::with_uri(&format!("{}?{WITH_MESSAGE}", path(0))),
            Self::Traced => TestRequest::with_uri(&path(0)).insert_header(TRACEPARENT),
        }
    }
}

const TRACEPARENT: (&str, &str) =
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

pub fn run(plan: &Plan, report: &mut Report) {
    let exchanges = [
        (Exchange::Plain, plain()),
        (Exchange::Message, vec![error_message("error_message, header present")]),
        (Exchange::Traced, vec![exemplars("exemplars, traceparent sampled")]),
    ];
    for (exchange, options) in exchanges {
        let mut lanes = vec![member(peers::bare(), exchange), member(off(), exchange)];
        lanes.extend(options.into_iter().map(|peer| member(peer, exchange)));
        let timings = paired(&mut lanes, plan.rounds(600));
        rows(exchange, &timings, report);
    }
}

fn rows(exchange: Exchange, timings: &[Timing], report: &mut Report) {
    let off = over_bare(timings, OFF);
    report.number(SECTION, &format!("{OFF}, {}", exchange.name()), off);
    for timing in &timings[2..] {
        report.number(SECTION, &timing.name, timing.over_bare);
        let what = format!("option {}: time over bare", timing.name);
        report.beside(&what, Cell::new(timing.over_bare, " ns"), Cell::of(OFF, off, " ns"));
    }
}

/// Options that the ordinary exchange shows.
fn plain() -> Vec<Peer<BigBrother>> {
    vec![
        Peer { name: "none (what noise makes of it)", ..peers::ours() },
        error_message("error_message, header absent"),
        exemplars("exemplars, traceparent absent"),
        optioned("requests_in_flight", |on| on.requests_in_flight()),
        optioned("exclude, 1 path that does not match", |on| on.exclude(other_path(0))),
        optioned("exclude, 10 paths that do not match", |on| {
            (0..10).fold(on, |on, other| on.exclude(other_path(other)))
        }),
        excluded("exclude, an excluded request"),
        optioned("exclude_status, another status", |on| {
            on.exclude_status(StatusCode::NOT_MODIFIED)
        }),
        optioned("const_label, 3 of them", |on| {
            on.const_label("region", "eu-west-1").const_label("zone", "a").const_label("team", "x")
        }),
        optioned("response_size(Sent)", |on| on.response_size(ResponseSize::Sent)),
        optioned("unmatched(Path), known path", |on| on.unmatched(Unmatched::Path)),
        optioned("buckets, 20, the last one hit", |on| on.buckets(tiny_buckets())),
    ]
}

fn off() -> Peer<BigBrother> {
    Peer { name: OFF, ..peers::ours() }
}

fn error_message(name: &'static str) -> Peer<BigBrother> {
    optioned(name, |on| on.error_message(ErrorMessage::header(MESSAGE_HEADER)))
}

fn exemplars(name: &'static str) -> Peer<BigBrother> {
    optioned(name, |on| on.exemplars(Exemplars::traceparent()))
}

/// It must record nothing at all.
fn excluded(name: &'static str) -> Peer<BigBrother> {
    let peer = optioned(name, |on| on.exclude(path(0)));
    let page = Arc::clone(&peer.page);
    let recorded = Arc::new(move || {
        assert_eq!(count_in(&page(), "request_seconds"), 0, "it is excluded");
        None
    });
    Peer { recorded, ..peer }
}

/// Of the length of the path that is asked for and different in its end only:
/// the dearest to compare.
fn other_path(other: usize) -> String {
    let path = path(0);
    format!("{}{}", &path[..path.len() - 2], 50 + other)
}

/// So low that each observation is compared with all of them.
fn tiny_buckets() -> Vec<f64> {
    (1..=20).map(|nanos| f64::from(nanos) * 1e-9).collect()
}

fn member<M: Alone + Send + 'static>(peer: Peer<M>, exchange: Exchange) -> Member {
    Member::new(peer.name, move || {
        let routing = Routing::new(1);
        around_minimal(&peer, move || routing.route(exchange.request()))
    })
}
