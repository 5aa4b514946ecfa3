//! What users can rely on, a file for each promise.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod bodies;
mod bounds;
mod builder;
mod check_lifetime;
mod check_threads;
#[cfg(all(feature = "awc", feature = "reqwest"))]
mod clients;
mod composition;
mod concurrency;
mod dependencies;
mod exclusions;
mod exemplars;
mod in_flight;
mod labels;
mod layers;
mod messages;
mod page;
#[cfg(all(feature = "process", target_os = "linux"))]
mod process;
mod protocol;
mod readiness;
mod reentrancy;
mod requests;
mod routes;
mod scrapes;
mod sharing;
mod support;
mod timers;
