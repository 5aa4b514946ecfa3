//! What a run prints and writes: the table, and after a complete run every number as
//! JSON and a chart.

use std::fmt::Write as _;
use std::fs::{self, read_to_string};
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use serde_json::{Map, Value, json};

use crate::peers::floor::{CLOCKS, FLOOR, WRAPPER};
use crate::peers::peer::{BARE, OURS};
use crate::peers::published::PROM;
use crate::report::{Report, Row};
use crate::sections::time::MIDDLEWARE;

/// The machine, and its load by other programs.
pub fn machine() -> String {
    let cores = available_parallelism().map_or(1, NonZero::get);
    let linux = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    // Without the name of the build.
    let linux = linux.trim().split('-').next().unwrap_or_default();
    let (cpu, rustc) = (cpu(), rustc());
    format!("{cpu}, {cores} cores, Linux {linux}, {rustc}, load {load} at the start")
}

fn cpu() -> String {
    let cpus = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    model.unwrap_or(std::env::consts::ARCH).to_owned()
}

/// Asked at run time: cargo, which runs this program, finds the same one.
fn rustc() -> String {
    let version = Command::new("rustc").arg("--version").output();
    let version = version.map_or_else(|_| Vec::new(), |version| version.stdout);
    String::from_utf8_lossy(&version).trim().to_owned()
}

const TABLE_HEAD: &str = "\
| what | actix-monitor | compared with | ratio | threshold | |
|---|---|---|---|---|---|
";

/// The rows as a markdown table.
pub fn table(rows: &[Row]) -> String {
    rows.iter().fold(TABLE_HEAD.to_owned(), |mut table, row| {
        let Row { what, ours, others, ratio, threshold, is_met } = row;
        let result = match is_met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "–",
        };
        // Writing to a String cannot fail.
        let _ =
            writeln!(table, "| {what} | {ours} | {others} | {ratio} | {threshold} | {result} |");
        table
    })
}

/// Writes `results.json` and `cost.svg` beside this package's manifest.
pub fn write_files(machine: &str, report: &Report) {
    let results = json!({
        "machine": machine,
        "rows": report.rows.iter().map(json_row).collect::<Vec<_>>(),
        "numbers": report.numbers,
    });
    let results = serde_json::to_string_pretty(&results).expect("only numbers and text");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, text) in [("results.json", results + "\n"), ("cost.svg", chart(&report.numbers))] {
        let path = folder.join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        eprintln!("wrote {name}");
    }
}

fn json_row(row: &Row) -> Value {
    let Row { what, ours, others, ratio, threshold, is_met } = row;
    json!({
        "what": what,
        "actix-monitor": ours,
        "compared with": others,
        "ratio": ratio,
        "threshold": threshold,
        "met": is_met,
    })
}

const WIDTH: f64 = 760.0;
/// Where bars begin, and the length of the longest.
const LEFT: f64 = 300.0;
const LONGEST: f64 = 310.0;
const ROW: f64 = 34.0;
const TOP: f64 = 66.0;

/// Greys that are legible on white and on black, and one colour for this crate.
const STYLE: &str = "\
text { font: 14px system-ui, sans-serif; fill: #57606a }
.title { font-size: 16px; font-weight: 600 }
rect.bar { fill: #8c959f }
.ours { fill: #0a7ea4 }
text.ours { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #9ea7b3 }
  rect.bar { fill: #6e7781 }
  .ours { fill: #3fb6dc }
}
";

/// The time that each middleware adds to a request, as horizontal bars.
fn chart(numbers: &Map<String, Value>) -> String {
    let bars = bars(numbers);
    let longest = bars.iter().map(|(_, nanos)| *nanos).fold(1.0, f64::max);
    let unit = bars.iter().find(|(name, _)| name == PROM).map_or(1.0, |(_, nanos)| *nanos);
    let height = TOP + ROW * bars.len() as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"Bar chart: time added to a request by each middleware\">\n\
         <style>\n{STYLE}</style>\n\
         <text class=\"title\" x=\"16\" y=\"28\">Time added to a request</text>\n\
         <text x=\"16\" y=\"48\">by the middleware around a minimal service; {PROM} = 1</text>\n"
    );
    for (index, (name, nanos)) in bars.iter().enumerate() {
        let y = TOP + ROW * index as f64;
        svg += &bar(y, name, *nanos, nanos / longest * LONGEST, nanos / unit);
    }
    svg + "</svg>\n"
}

fn bar(y: f64, name: &str, nanos: f64, length: f64, ratio: f64) -> String {
    let class = if name == OURS { "ours" } else { "bar" };
    let (text, end) = (y + 19.0, LEFT + length + 8.0);
    let right = LEFT - 12.0;
    format!(
        "<text class=\"{class}\" x=\"{right}\" y=\"{text:.0}\" text-anchor=\"end\">{name}</text>\n\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.0}\" width=\"{length:.1}\" height=\"26\" rx=\"3\"/>\n\
         <text class=\"{class}\" x=\"{end:.1}\" y=\"{text:.0}\">{ratio:.2} × ({nanos:.0} ns)</text>\n"
    )
}

/// Names and nanoseconds, shortest first.
fn bars(numbers: &Map<String, Value>) -> Vec<(String, f64)> {
    let timed = numbers.get(MIDDLEWARE).and_then(Value::as_object).into_iter().flatten();
    let timed = timed.filter_map(|(name, nanos)| Some((label(name)?, nanos.as_f64()?)));
    let mut bars: Vec<_> = timed.collect();
    bars.sort_by(|one, other| one.1.total_cmp(&other.1));
    bars
}

/// `None` for what the chart leaves out.
fn label(name: &str) -> Option<String> {
    match name {
        BARE | WRAPPER | CLOCKS => None,
        FLOOR => Some("two clock reads and match_pattern".to_owned()),
        other => Some(other.to_owned()),
    }
}
