//! Timings taken in several processes, one after the other. Where the system puts a
//! process's code, stack and heap moves the time of a request by as much as a
//! middleware costs, for the whole life of the process. So the medians over
//! processes are told.

use std::env::current_exe;
use std::process::{Command, Stdio};

use crate::measure::Timing;
use crate::plan::Plan;
use crate::stats::median_of;

const PROCESSES: usize = 15;

/// What processes say that are given `task`.
pub fn timings(task: &str, plan: &Plan) -> Vec<Timing> {
    let processes: Vec<_> = (0..plan.rounds(PROCESSES)).map(|_| of_a_process(task)).collect();
    medians(&processes)
}

/// The median of each contender's timings.
pub fn medians(parts: &[Vec<Timing>]) -> Vec<Timing> {
    let of = |place: usize| Timing {
        name: parts[0][place].name.clone(),
        total: median_of(parts, |timings| timings[place].total),
        over_bare: median_of(parts, |timings| timings[place].over_bare),
    };
    (0..parts[0].len()).map(of).collect()
}

/// Hands timings to the process that asked for them.
pub fn tell(timings: &[Timing]) {
    for Timing { name, total, over_bare } in timings {
        println!("{total} {over_bare} {name}");
    }
}

fn of_a_process(task: &str) -> Vec<Timing> {
    let mut child = Command::new(current_exe().expect("a running program has a path"));
    let child = child.arg(format!("--child={task}")).stderr(Stdio::inherit()).output();
    let child = child.expect("this program can be run again");
    assert!(child.status.success(), "{task} failed: {}", child.status);
    String::from_utf8_lossy(&child.stdout).lines().map(read).collect()
}

fn read(line: &str) -> Timing {
    let mut words = line.splitn(3, ' ');
    let mut word = || words.next().expect("three words a line");
    let mut number = || word().parse().expect("a number of nanoseconds");
    let (total, over_bare) = (number(), number());
    Timing { name: word().to_owned(), total, over_bare }
}
