//! One file for each question the table answers.

mod allocations;
mod alone;
mod app;
mod instructions;
mod memory;
mod options;
mod pauses;
mod scrape;
mod server;
mod threads;
mod timers;

pub use alone::ALONE;

use crate::apart;
use crate::plan::Plan;
use crate::report::Report;

type Section = fn(&Plan, &mut Report);

pub const SECTIONS: [(&str, Section); 11] = [
    ("alone", alone::run),
    ("app", app::run),
    ("allocations", allocations::run),
    ("instructions", instructions::run),
    ("options", options::run),
    ("threads", threads::run),
    ("timers", timers::run),
    ("scrape", scrape::run),
    ("pauses", pauses::run),
    ("memory", memory::run),
    ("server", server::run),
];

/// What this program does in a process that another one of it started.
pub fn child(task: &str) {
    let (section, task) = task.split_once(',').unwrap_or((task, ""));
    match section {
        "alone" => apart::tell(&alone::child()),
        "app" => apart::tell(&app::child(task)),
        _ => instructions::child(task),
    }
}
