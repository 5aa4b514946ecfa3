//! Measures what the middleware costs, side by side with others.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml` runs all sections;
//! `-- --quick scrape pauses` runs two of them, with a tenth of the rounds.

mod heap;
mod output;
mod peers;
mod report;
mod runner;
mod sections;
mod services;
mod stats;
mod subprocess;
mod threads;

use report::Report;
use sections::{compression, counts, memory, native, options, pauses, scrape, sources, time};
#[cfg(feature = "tricks")]
use sections::{reading, tricks};

#[global_allocator]
static ALLOCATOR: heap::CountingAllocator = heap::CountingAllocator;

type Section = fn(&Args, &mut Report);

const SECTIONS: &[(&str, Section)] = &[
    ("middleware", time::middleware),
    ("app", time::app),
    ("server", time::server),
    ("allocations", counts::allocations),
    ("instructions", counts::instructions),
    ("options", options::run),
    #[cfg(feature = "tricks")]
    ("reading", reading::run),
    #[cfg(feature = "tricks")]
    ("tricks", tricks::run),
    ("threads", sections::threads::requests),
    ("timers", sections::threads::timers),
    ("scrape", scrape::run),
    ("compression", compression::run),
    ("sources", sources::run),
    ("pauses", pauses::run),
    ("memory", memory::run),
    ("native", native::run),
];

/// What a process does that another one started: a section and its task.
fn run_child(task: &str) {
    let (section, task) = task.split_once(',').unwrap_or((task, ""));
    match section {
        "time" => subprocess::print(&time::child(task)),
        "instructions" => counts::child(task),
        "native" => native::child(task),
        #[cfg(feature = "tricks")]
        "tricks" => tricks::child(task).iter().for_each(|timings| subprocess::print(timings)),
        _ => panic!("unknown task `{section}`"),
    }
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let child = arguments.first().and_then(|first| first.strip_prefix(subprocess::CHILD));
    if let Some(task) = child {
        return run_child(task);
    }
    let args = Args::new(arguments);
    let machine = output::machine();
    let mut report = Report::default();
    for &(name, run) in SECTIONS {
        if args.selects(name) {
            eprintln!("{name} …");
            run(&args, &mut report);
        }
    }
    print!("{machine}\n\n{}", output::table(&report.rows));
    if args.is_complete() {
        output::write_files(&machine, &report);
    }
}

/// The command line.
pub struct Args {
    is_quick: bool,
    /// All sections if empty.
    sections: Vec<String>,
}

impl Args {
    fn new(arguments: Vec<String>) -> Self {
        let is_flag = |argument: &String| argument.starts_with("--");
        let (flags, sections): (Vec<_>, Vec<_>) = arguments.into_iter().partition(is_flag);
        for flag in &flags {
            assert_eq!(flag, "--quick", "unknown flag `{flag}`; the only one is --quick");
        }
        for section in &sections {
            let known: Vec<_> = SECTIONS.iter().map(|(name, _)| *name).collect();
            assert!(
                known.contains(&&**section),
                "unknown section `{section}`; use one of {known:?}"
            );
        }
        Self { is_quick: !flags.is_empty(), sections }
    }

    fn selects(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|selected| section == selected)
    }

    /// Whether the results may replace those in the repository.
    fn is_complete(&self) -> bool {
        !self.is_quick && self.sections.is_empty()
    }

    /// The number of rounds: a tenth of `full` in a quick run.
    pub fn rounds(&self, full: usize) -> usize {
        if self.is_quick { full.div_ceil(10) } else { full }
    }
}
