//! Time over bare in an app of 50 routes: a matched route in the middle, and a
//! path that no route matches.
//!
//! The routes of an app lie elsewhere each time that it is built, and that moves its
//! time as well: so apps are built several times in each process.

use actix_web::App;

use super::alone::{cell, named, note};
use crate::apart;
use crate::measure::{Timing, paired};
use crate::peers::{CLOCKS, NOOP, OURS, PROM, contenders};
use crate::plan::Plan;
use crate::report::Report;
use crate::settings::{BoxedLane, app};

const MATCHED: &str = "/api/v1/resource_25/42";
const UNMATCHED: &str = "/wp-login.php";

const BUILDINGS: usize = 4;
const ROUNDS: usize = 10;

pub fn run(plan: &Plan, report: &mut Report) {
    matched(plan, report);
    unmatched(plan, report);
}

/// What a process of its own times.
pub fn child(task: &str) -> Vec<Timing> {
    let uri = if task == "matched" { MATCHED } else { UNMATCHED };
    let building = |_| {
        let mut lanes: Vec<BoxedLane> = contenders!(app, App::new(), uri);
        paired(&mut lanes, ROUNDS)
    };
    apart::medians(&(0..BUILDINGS).map(building).collect::<Vec<_>>())
}

fn matched(plan: &Plan, report: &mut Report) {
    let timings = apart::timings("app,matched", plan);
    note("ns over bare, app of 50 routes", &timings, report);
    let what = "time over bare, matched route of 50";
    report.beside(what, cell(&timings, OURS), named(&timings, PROM));
}

fn unmatched(plan: &Plan, report: &mut Report) {
    let timings = apart::timings("app,unmatched", plan);
    note("ns over bare, unmatched path", &timings, report);
    let what = "time over the bare app of 50 routes, all answering an unmatched path";
    report.ratio(what, cell(&timings, OURS), named(&timings, PROM), 0.5);
    // The bar is for a second routing avoided exactly, as it is; what a wrapper
    // and its clock add on this machine stands beside it.
    let floor = [NOOP, CLOCKS].map(|floor| named(&timings, floor).text);
    report.limit(what, cell(&timings, OURS), floor.join(", "), 100.0, " ns");
}
