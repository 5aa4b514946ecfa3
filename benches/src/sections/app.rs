//! Time over bare in an app of 50 routes: a matched route in the middle, and a
//! path that no route matches.

use actix_web::App;

use super::alone::{cell, named, note, over_bare};
use crate::measure::paired;
use crate::peers::{OURS, PROM, contenders};
use crate::plan::Plan;
use crate::report::{Cell, Report};
use crate::settings::{BoxedLane, app};

const MATCHED: &str = "/api/v1/resource_25/42";
const UNMATCHED: &str = "/wp-login.php";

pub fn run(plan: &Plan, report: &mut Report) {
    matched(plan, report);
    unmatched(plan, report);
}

fn matched(plan: &Plan, report: &mut Report) {
    let mut lanes: Vec<BoxedLane> = contenders!(app, App::new(), MATCHED);
    let timings = paired(&mut lanes, plan.rounds(500));
    note("ns over bare, app of 50 routes", &timings, report);
    let what = "time over bare, matched route of 50";
    report.beside(what, cell(&timings, OURS), named(&timings, PROM));
}

fn unmatched(plan: &Plan, report: &mut Report) {
    let mut lanes: Vec<BoxedLane> = contenders!(app, App::new(), UNMATCHED);
    let timings = paired(&mut lanes, plan.rounds(500));
    note("ns over bare, unmatched path", &timings, report);
    let what = "time over bare, unmatched path, app of 50 routes";
    report.ratio(what, cell(&timings, OURS), named(&timings, PROM), 0.5);
    let ours = Cell::new(over_bare(&timings, OURS), " ns");
    report.limit(what, ours, "if avoided exactly".to_owned(), 100.0, " ns");
}
