//! The figure: what each middleware adds to a request, as horizontal bars.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::peers::{CLOCKS, FLOOR, NOOP, OURS, PROM};
use crate::sections::ALONE;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 300.0;
const ROOM: f64 = 310.0;
const ROW: f64 = 34.0;
const TOP: f64 = 66.0;

/// Greys that hold on white and on black; one colour, for ours.
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

pub fn svg(numbers: &Map<String, Value>) -> String {
    let bars = bars(numbers);
    let scale = bars.iter().map(|(_, nanos)| *nanos).fold(1.0, f64::max);
    let unit = bars.iter().find(|(name, _)| name == PROM).map_or(1.0, |(_, nanos)| *nanos);
    let height = TOP + ROW * bars.len() as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"Time a request spends in each middleware\">\n\
         <style>\n{STYLE}</style>\n\
         <text class=\"title\" x=\"16\" y=\"28\">Time added to a request</text>\n\
         <text x=\"16\" y=\"48\">middleware alone, over the bare service; {PROM} = 1</text>\n"
    );
    for (index, (name, nanos)) in bars.iter().enumerate() {
        let y = TOP + ROW * index as f64;
        svg += &bar(y, name, *nanos, nanos / scale * ROOM, nanos / unit);
    }
    svg + "</svg>\n"
}

fn bar(y: f64, name: &str, nanos: f64, length: f64, ratio: f64) -> String {
    let class = if name == OURS { "ours" } else { "bar" };
    let (text, end) = (y + 19.0, LEFT + length + 8.0);
    let right = LEFT - 12.0;
    let mut bar = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        bar,
        "<text class=\"{class}\" x=\"{right}\" y=\"{text:.0}\" text-anchor=\"end\">{name}</text>\n\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.0}\" width=\"{length:.1}\" height=\"26\" rx=\"3\"/>\n\
         <text class=\"{class}\" x=\"{end:.1}\" y=\"{text:.0}\">{ratio:.2} × ({nanos:.0} ns)</text>"
    );
    bar
}

/// Cheapest first; the floor's lowest steps would only crowd it.
fn bars(numbers: &Map<String, Value>) -> Vec<(String, f64)> {
    let timed = numbers.get(ALONE).and_then(Value::as_object).into_iter().flatten();
    let timed = timed.filter_map(|(name, nanos)| Some((label(name)?, nanos.as_f64()?)));
    let mut bars: Vec<_> = timed.collect();
    bars.sort_by(|one, other| one.1.total_cmp(&other.1));
    bars
}

fn label(name: &str) -> Option<String> {
    match name {
        "bare" | NOOP | CLOCKS => None,
        FLOOR => Some("clock and match_pattern alone".to_owned()),
        other => Some(other.to_owned()),
    }
}
