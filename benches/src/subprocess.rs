//! Measurements in processes of their own: this program runs itself, as is or under
//! callgrind.

use std::env::current_exe;
use std::process::{Command, Stdio};

use crate::Args;
use crate::runner::{BATCH, Timing, Workload};
use crate::stats::median_of;

/// The flag of a process that measures for another one; its value is the task.
pub const CHILD: &str = "--child=";

/// Where the system places the code, stack and heap of a process changes the time of a
/// request by as much as a middleware costs, for the whole life of the process. The
/// timings are therefore medians over this number of processes.
const PROCESSES: usize = 15;

/// The timings of a task.
pub fn timings(task: &str, args: &Args) -> Vec<Timing> {
    medians(&timings_by_process(task, args))
}

/// The timings of a task in each process.
pub fn timings_by_process(task: &str, args: &Args) -> Vec<Vec<Timing>> {
    (0..args.rounds(PROCESSES)).map(|_| timings_of_one(task)).collect()
}

/// The median of each contender's timings.
pub fn medians(parts: &[Vec<Timing>]) -> Vec<Timing> {
    let median = |index: usize| Timing {
        name: parts[0][index].name.clone(),
        total: median_of(parts, |timings| timings[index].total),
        over_bare: median_of(parts, |timings| timings[index].over_bare),
    };
    (0..parts[0].len()).map(median).collect()
}

fn timings_of_one(task: &str) -> Vec<Timing> {
    let mut command = Command::new(current_exe().expect("a running program has a path"));
    let child = command.arg(format!("{CHILD}{task}")).stderr(Stdio::inherit()).output();
    let child = child.expect("this program can be run again");
    assert!(child.status.success(), "{task} failed: {}", child.status);
    String::from_utf8_lossy(&child.stdout).lines().map(parse).collect()
}

/// Passes timings to the process that asked for them.
pub fn print(timings: &[Timing]) {
    for Timing { name, total, over_bare } in timings {
        println!("{total} {over_bare} {name}");
    }
}

fn parse(line: &str) -> Timing {
    let mut words = line.splitn(3, ' ');
    let mut word = || words.next().expect("three words per line");
    let mut number = || word().parse().expect("a number of nanoseconds");
    let (total, over_bare) = (number(), number());
    Timing { name: word().to_owned(), total, over_bare }
}

pub fn has_callgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|version| version.status.success())
}

/// Instructions per request of a task that calls [`run_counted`].
pub fn instructions(task: &str) -> f64 {
    let child = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", "--toggle-collect=*count_instructions*"])
        .arg(current_exe().expect("a running program has a path"))
        .arg(format!("{CHILD}{task}"))
        .output()
        .expect("valgrind is installed");
    let printed = String::from_utf8_lossy(&child.stderr);
    let total = printed.lines().find_map(|line| line.split("Collected :").nth(1));
    let total = total.and_then(|total| total.trim().parse::<f64>().ok());
    let total = total.unwrap_or_else(|| panic!("callgrind counted nothing:\n{printed}"));
    total / (COUNTED * BATCH) as f64
}

/// Batches whose instructions are counted, after as many to warm up. A multiple of each
/// number of label sets that is measured, so that all are requested equally often.
const COUNTED: usize = 125;

/// Runs a workload so that callgrind counts the instructions of its requests, but not
/// those that create the requests.
pub fn run_counted(workload: &mut dyn Workload) {
    for _ in 0..COUNTED {
        workload.prepare(BATCH);
        workload.run();
    }
    for _ in 0..COUNTED {
        workload.prepare(BATCH);
        count_instructions(workload);
    }
}

/// Callgrind counts while this function runs.
#[inline(never)]
fn count_instructions(workload: &mut dyn Workload) {
    workload.run();
}
