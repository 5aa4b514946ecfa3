//! `cargo run --release --manifest-path benches/Cargo.toml` prints what the
//! middleware costs beside its peers; `-- --quick scrape pauses` only some.

mod apart;
mod crew;
mod figure;
mod heap;
mod lane;
mod machine;
mod measure;
mod member;
mod minimal;
mod peers;
mod plan;
mod report;
mod results;
mod run_queue;
mod sections;
mod settings;
mod stats;
mod table;

use plan::Plan;
use report::Report;

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let Some(task) = arguments.first().and_then(|first| first.strip_prefix("--child=")) {
        return sections::child(task);
    }
    let plan = Plan::new(arguments.into_iter(), &sections::SECTIONS.map(|(name, _)| name));
    let machine = machine::describe();
    let report = measure_all(&plan);
    print!("{machine}\n\n{}", table::markdown(&report.rows));
    if plan.is_complete() {
        results::write(&machine, &report);
    }
}

fn measure_all(plan: &Plan) -> Report {
    let mut report = Report::default();
    for (name, run) in sections::SECTIONS {
        if plan.wants(name) {
            eprintln!("{name} …");
            run(plan, &mut report);
        }
    }
    report
}
