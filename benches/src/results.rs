//! The files a complete run leaves beside this package: every number as JSON,
//! and the figure.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::figure;
use crate::report::{Report, Row};

pub fn write(machine: &str, report: &Report) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let json =
        serde_json::to_string_pretty(&as_json(machine, report)).expect("only numbers and text");
    let files = [("results.json", json + "\n"), ("cost.svg", figure::svg(&report.numbers))];
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        eprintln!("wrote {name}");
    }
}

fn as_json(machine: &str, report: &Report) -> Value {
    json!({
        "machine": machine,
        "rows": report.rows.iter().map(row).collect::<Vec<_>>(),
        "numbers": report.numbers,
    })
}

fn row(row: &Row) -> Value {
    let Row { what, ours, peers, ratio, bar, met } = row;
    json!({ "what": what, "ours": ours, "beside": peers, "ratio": ratio, "bar": bar, "met": met })
}
