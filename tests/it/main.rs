//! What users can rely on, a file for each promise.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod bodies;
mod bounds;
mod composition;
mod page;
mod protocol;
mod requests;
mod routes;
mod scrapes;
mod support;
