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
pub use instructions::child;

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
