//! Properties of the crate: `requests` of the counts, `routes` of the `addr` label, `texts` of
//! what passes through the page.

#![cfg(test)]

mod app;
mod cases;
mod model;
mod options;
mod parsers;
mod request;
mod requests;
mod routes;
mod scraped;
mod support;
mod texts;
mod tree;
