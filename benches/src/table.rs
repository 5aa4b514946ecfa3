//! The rows as one markdown table.

use std::fmt::Write;

use crate::report::Row;

const HEAD: &str = "\
| what | ours | beside it | ratio | bar | |
|---|---|---|---|---|---|
";

pub fn markdown(rows: &[Row]) -> String {
    rows.iter().fold(HEAD.to_owned(), |mut table, row| {
        let Row { what, ours, peers, ratio, bar, met } = row;
        let met = match met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "–",
        };
        let line = format_args!("| {what} | {ours} | {peers} | {ratio} | {bar} | {met} |");
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{line}");
        table
    })
}
