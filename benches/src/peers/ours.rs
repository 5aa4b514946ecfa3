//! This crate, with its defaults; the page in either format.

use actix_monitor::{BigBrother, BigBrotherBuilder, Format};

use super::Peer;

pub const OURS: &str = "actix-monitor";

pub fn ours() -> Peer<BigBrother> {
    peer(builder(), Format::Text)
}

/// The limit out of the way, so that 10 000 label sets can be had at all.
pub fn unlimited() -> Peer<BigBrother> {
    peer(builder().series_limit(1_000_000), Format::Text)
}

/// The same, asked for the other format.
pub fn openmetrics() -> Peer<BigBrother> {
    peer(builder().series_limit(1_000_000), Format::OpenMetrics)
}

/// With more than the defaults.
pub fn optioned(
    name: &'static str,
    options: impl FnOnce(BigBrotherBuilder) -> BigBrotherBuilder,
) -> Peer<BigBrother> {
    Peer { name, ..peer(options(builder()), Format::Text) }
}

/// Isolated, because each measurement starts from nothing.
fn builder() -> BigBrotherBuilder {
    BigBrother::builder().isolated()
}

fn peer(builder: BigBrotherBuilder, format: Format) -> Peer<BigBrother> {
    let middleware = builder.build();
    let monitor = middleware.handle();
    let page = move || monitor.encode(format).expect("the page encodes");
    Peer::with_page(OURS, middleware, "request_seconds", page)
}
