//! What each trick of reading an attached registry gains: a page with 1,000 series of
//! prometheus-client, with the trick and without it.

use std::sync::Arc;

use super::sources::{self, own_registry};
use crate::Args;
use crate::report::{Cell, Report};

/// What each trick does, in the order of [`pages`], whose first page has all of them.
const TRICKS: [&str; 4] = [
    "attached lines compared with the line before instead of taken apart",
    "attached lines compared a word at a time instead of a byte",
    "short whole numbers read here instead of by std",
    "attached registries encoded into a buffer for small parts instead of a string",
];

/// A gain below it, of the 160 µs of such a page, is not worth the code.
const LEAST_MICROS: f64 = 2.0;

/// The pages of copies of the crate.
macro_rules! pages {
    ($($name:ident),*) => {
        [$({
            use actix_monitor_variants::$name::{BigBrother, Format};
            let builder = BigBrother::builder().isolated().openmetrics();
            let monitor = builder.attach("source", Arc::clone(&own_registry())).build().monitor();
            Box::new(move || monitor.encode(Format::Text)) as Box<dyn Fn() -> String>
        }),*]
    };
}

pub fn run(args: &Args, report: &mut Report) {
    let pages = pages!(unchanged, no_templates, bytewise_prefix, std_numbers, string);
    let micros = sources::time(pages.each_ref().map(|page| &**page), args.rounds(1000));
    for (trick, without) in TRICKS.iter().zip(&micros[1..]) {
        let (with, gain) = (micros[0], without - micros[0]);
        report.number("attached, µs, tricks", &format!("{trick}: with it"), with);
        report.number("attached, µs, tricks", &format!("{trick}: without it"), *without);
        let without = format!("without: {}", Cell::new(*without, " µs").text);
        let gained = Cell::new(gain, " µs gained").text;
        report.row(&format!("trick: {trick}"), &Cell::new(with, " µs").text, without, gained);
        report.set_threshold(format!("≥ {LEAST_MICROS} µs"), Some(gain >= LEAST_MICROS));
    }
}
