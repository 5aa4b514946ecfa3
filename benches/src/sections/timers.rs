//! What a timer in the app's hands costs: calls to dependencies and requests
//! that actix does not see, beside what the middleware adds to a request.

use std::sync::Arc;

use actix_monitor::{BigBrother, Format, Monitor};

use crate::crew::{Crew, Round, growth, rounds};
use crate::lane::Lane;
use crate::peers::{self, OURS, count_in};
use crate::plan::Plan;
use crate::report::{Cell, Report};
use crate::settings::BoxedLane;
use crate::stats::median_of;

const SECTION: &str = "timers, ns a call";

/// Where each crew stands in a round.
const BARE: usize = 0;
const REQUEST: usize = 1;
const TIMERS: [(usize, Timer); 2] = [(2, CALL), (3, UNSEEN)];

#[derive(Clone, Copy)]
struct Timer {
    name: &'static str,
    histogram: &'static str,
    time: fn(&Monitor),
}

const CALL: Timer = Timer {
    name: "dependency_request(…).finish(…)",
    histogram: "dependency_request_seconds",
    time: |monitor| {
        let timer = monitor.dependency_request("postgres").kind("sql");
        timer.method("SELECT").addr("note by id").finish("ok", false);
    },
};

const UNSEEN: Timer = Timer {
    name: "record_request(…).finish(…)",
    histogram: "request_seconds",
    time: |monitor| {
        let timer = monitor.record_request("amqp").method("CONSUME").addr("orders");
        timer.bytes(120).finish("ack", false);
    },
};

pub fn run(plan: &Plan, report: &mut Report) {
    let crews = [
        Crew::sharing(peers::bare()),
        Crew::sharing(peers::ours()),
        crew(TIMERS[0].1),
        crew(TIMERS[1].1),
    ];
    let timed = rounds(&crews, plan.rounds(400));
    let request = median_of(&timed, |crews| crews[REQUEST].one - crews[BARE].one);
    let request_growth = growth(&timed, REQUEST, Some(BARE));
    report.number(SECTION, "what a request costs over bare", request);
    for (index, timer) in TIMERS {
        let nanos = median_of(&timed, |crews: &Vec<Round>| crews[index].one);
        let growth = growth(&timed, index, None);
        report.number(SECTION, timer.name, nanos);
        report.number(SECTION, &format!("{}, 2 threads : 1 thread", timer.name), growth);
        let beside = Cell::of(&format!("{OURS}'s own over bare, a request"), request, " ns");
        report.beside(&format!("`{}`, a call", timer.name), Cell::new(nanos, " ns"), beside);
        let beside = Cell::of("a request", request_growth, " ×").text;
        let what = format!("`{}`, 2 threads on one series : 1 thread", timer.name);
        report.remark(&what, &Cell::new(growth, " ×").text, beside, "–".to_owned());
    }
}

/// Two threads with one monitor, as everybody has in a server.
fn crew(timer: Timer) -> Crew {
    let monitor = BigBrother::builder().isolated().build().handle();
    let lane = || {
        let monitor = monitor.clone().into_inner();
        move || -> BoxedLane { Box::new(Timed { timer, monitor, ready: 0, sent: 0 }) }
    };
    Crew::new(timer.name, [lane(), lane()], true)
}

/// A timer in the place of a service.
struct Timed {
    timer: Timer,
    monitor: Arc<Monitor>,
    ready: usize,
    sent: u64,
}

impl Lane for Timed {
    fn name(&self) -> &'static str {
        self.timer.name
    }

    fn prepare(&mut self, requests: usize) {
        self.ready += requests;
    }

    fn run(&mut self) {
        let calls = std::mem::take(&mut self.ready);
        self.sent += calls as u64;
        for _ in 0..calls {
            (self.timer.time)(&self.monitor);
        }
    }

    fn sent(&self) -> u64 {
        self.sent
    }

    fn recorded(&self) -> Option<u64> {
        let page = self.monitor.encode(Format::Text).expect("the page encodes");
        Some(count_in(&page, self.timer.histogram))
    }
}
