//! What users can rely on, a file for each promise.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod bodies;
mod bounds;
mod builder;
mod composition;
mod concurrency;
mod dependencies;
mod layers;
mod page;
mod protocol;
mod requests;
mod routes;
mod scrapes;
mod sharing;
mod support;
