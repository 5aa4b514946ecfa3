//! Instructions over bare, counted by callgrind on this very program.

use std::env::current_exe;
use std::process::Command;

use super::allocations::beside;
use crate::lane::Lane;
use crate::measure::BATCH;
use crate::peers::{OURS, contenders};
use crate::plan::Plan;
use crate::report::{Cell, Report};
use crate::settings::{BoxedLane, alone};

const SECTION: &str = "instructions over bare";

/// Two runs of different length: their difference is free of the start-up.
const FEW: u64 = 50;
const MANY: u64 = 250;

pub fn run(_: &Plan, report: &mut Report) {
    if !is_installed() {
        let why = "not counted: valgrind is not installed".to_owned();
        return report.remark("instructions over bare", "–", why, "–".to_owned());
    }
    let lanes: Vec<BoxedLane> = contenders!(alone);
    let counts: Vec<_> = lanes.iter().map(|lane| lane.name()).enumerate().map(count).collect();
    let (_, bare) = counts[0];
    let counts: Vec<_> = counts.iter().map(|(name, count)| (*name, count - bare)).collect();
    for (name, count) in &counts {
        report.number(SECTION, name, *count);
    }
    let ours = counts.iter().find(|(name, _)| *name == OURS).map_or(f64::NAN, |(_, count)| *count);
    report.limit("instructions over bare", Cell::new(ours, ""), beside(&counts), 1150.0, "");
}

fn is_installed() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|version| version.status.success())
}

fn count((index, name): (usize, &'static str)) -> (&'static str, f64) {
    let extra = collected(index, MANY) - collected(index, FEW);
    (name, extra / ((MANY - FEW) * BATCH as u64) as f64)
}

fn collected(lane: usize, batches: u64) -> f64 {
    let child = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", "--toggle-collect=*run_counted*"])
        .arg(current_exe().expect("a running program has a path"))
        .arg(format!("--child=counted,{lane},{batches}"))
        .output();
    let said =
        String::from_utf8_lossy(&child.expect("valgrind was just there").stderr).into_owned();
    let total = said.lines().find_map(|line| line.split("Collected :").nth(1));
    let total = total.and_then(|total| total.trim().parse().ok());
    total.unwrap_or_else(|| panic!("callgrind counted nothing:\n{said}"))
}

/// What this program does when it finds itself under callgrind.
pub fn child(task: &str) {
    let (lane, batches) = task.split_once(',').expect("--child=counted,LANE,BATCHES");
    let (lane, batches): (usize, u64) = (number(lane) as usize, number(batches));
    let mut lanes: Vec<BoxedLane> = contenders!(alone);
    for _ in 0..batches {
        lanes[lane].prepare(BATCH);
        run_counted(lanes[lane].as_mut());
    }
}

/// Callgrind counts in here only: what prepares a request varies more from run
/// to run than a middleware costs.
#[inline(never)]
fn run_counted(lane: &mut dyn Lane) {
    lane.run();
}

fn number(text: &str) -> u64 {
    text.parse().expect("--child=counted,LANE,BATCHES takes two numbers")
}
