//! What a middleware may be told about how a request is measured.

/// When a request's duration ends.
///
/// ```
/// use actix_monitor::{BigBrother, ObserveAt};
///
/// let monitor = BigBrother::builder().isolated().observe_at(ObserveAt::Head).build();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObserveAt {
    /// At the end of the response's body, or when its reader went away: the
    /// default, and what the sibling monitors do.
    #[default]
    BodyEnd,
    /// When the response's head is ready: for services whose bodies are endless
    /// streams, which would otherwise be counted only when they break.
    Head,
}

/// What `response_size_bytes` adds up.
///
/// ```
/// use actix_monitor::{BigBrother, ResponseSize};
///
/// let monitor = BigBrother::builder().isolated().response_size(ResponseSize::Sent).build();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseSize {
    /// The declared length of the body, zero where none is declared: the
    /// protocol's rule and the default.
    #[default]
    Declared,
    /// The bytes really handed over to the server, streams included. Together
    /// with [`ObserveAt::Head`] nothing has been handed over yet: zero.
    Sent,
}

/// What `addr` says for a request that no route took.
///
/// ```
/// use actix_monitor::{BigBrother, Unmatched};
///
/// let monitor = BigBrother::builder().isolated().unmatched(Unmatched::Path).build();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unmatched {
    /// The one constant `unmatched`: the default, because whoever sends requests
    /// chooses their paths and could make any number of series.
    #[default]
    Label,
    /// The first 120 characters of the raw path, without its query, as long as the
    /// series limit allows.
    Path,
}
