//! How a request is measured.

/// When the duration of a request ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObserveAt {
    /// At the end of the response's body, or when its client disconnects. The
    /// default, as in the sibling monitors. It also ends when an outer middleware takes a
    /// body that is in memory as a whole (`MessageBody::try_into_bytes`).
    #[default]
    BodyEnd,
    /// When the response's head is ready.
    Head,
}

/// What `response_size_bytes` counts.
///
/// # Examples
///
/// ```
/// use actix_monitor::{BigBrother, ResponseSize};
/// use actix_web::{App, middleware::Compress};
///
/// // A compressed body has no declared length.
/// let app = App::new()
///     .wrap(Compress::default())
///     .wrap(BigBrother::builder().isolated().response_size(ResponseSize::Sent).build());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseSize {
    /// The declared length of the body, in bytes: what becomes `Content-Length`, zero
    /// if there is none. The protocol's rule and the default.
    #[default]
    Declared,
    /// The bytes passed to the server, streams included. Zero with
    /// [`ObserveAt::Head`], because no byte has been passed by then.
    Sent,
}

/// What `request_size_bytes` counts.
///
/// # Examples
///
/// ```
/// use actix_monitor::{BigBrother, RequestSize};
///
/// let middleware = BigBrother::builder().isolated().request_size(RequestSize::Declared).build();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestSize {
    /// The declared length of the body, in bytes: its `Content-Length`, zero if there is none.
    Declared,
    /// The bytes of the body that the app has read when the request ends, as they were sent:
    /// compressed ones are counted compressed.
    Received,
}

/// The `addr` label of a request that no route handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unmatched {
    /// The constant `unmatched`. The default: clients choose the paths that they
    /// request, and so could create any number of series.
    #[default]
    Label,
    /// The first 120 characters of the raw path, without its query, within the
    /// series limit.
    Path,
}
