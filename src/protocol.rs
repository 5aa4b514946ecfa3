//! The wire protocol of the Big Brother family as constants: label keys and values, and
//! defaults. The families of the page are in `monitor/families.rs`.

use std::time::Duration;

/// Target of all log records, so that filters do not depend on module names.
pub(crate) const LOG: &str = "actix_monitor";

/// Default path of the metrics page.
pub(crate) const ENDPOINT: &str = "/metrics";

/// `version` of an app that does not set one.
pub(crate) const UNKNOWN_VERSION: &str = "unknown";

/// Default upper bounds of both histograms, in seconds.
pub(crate) const BUCKETS: [f64; 4] = [0.1, 0.3, 1.5, 10.5];

/// Default limit of label sets per family.
pub(crate) const SERIES_LIMIT: usize = 2000;

/// Default period of a dependency check.
pub(crate) const CHECK_EVERY: Duration = Duration::from_secs(15);

/// Default timeout of a dependency check.
pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a poll may hold its worker, unless the app sets it.
pub(crate) const BLOCKING_THRESHOLD: Duration = Duration::from_millis(100);

/// Maximum length in characters of text from outside: error messages, raw paths,
/// trace ids.
pub(crate) const TEXT_LENGTH: usize = 120;

/// `type` of the requests that the middleware records.
pub(crate) const HTTP: &str = "http";

/// Default `method` and `addr` of a timer.
pub(crate) const UNKNOWN: &str = "unknown";

/// `status` of a timer that is dropped unfinished.
pub(crate) const UNFINISHED: &str = "unfinished";

/// `status` of an outgoing call whose future is dropped.
#[cfg(any(feature = "awc", feature = "reqwest"))]
pub(crate) const CANCELLED: &str = "cancelled";

/// `addr` of a request that no route handled.
pub(crate) const UNMATCHED: &str = "unmatched";

/// `addr` and `errorMessage` of label sets past the series limit.
pub(crate) const OVERFLOW: &str = "_overflow";

/// Status of a request that was dropped before there was a response: its client
/// disconnected, a timeout elapsed, or the server stopped. nginx logs the same code.
pub(crate) const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The `method` label of a request. Methods that HTTP does not define share one
/// word, because clients choose them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MethodLabel {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Query,
    Other,
}

impl MethodLabel {
    const ALL: [Self; 11] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Delete,
        Self::Connect,
        Self::Options,
        Self::Trace,
        Self::Patch,
        Self::Query,
        Self::Other,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Query => "QUERY",
            Self::Other => "_OTHER",
        }
    }

    /// The label that is written as `text`, if there is one.
    pub(crate) fn from_label(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// The label of a request with this method.
    pub(crate) fn from_method(method: &str) -> Self {
        Self::from_label(method).unwrap_or(Self::Other)
    }
}

/// Label keys.
pub(crate) mod label {
    pub(crate) const NAME: &str = "name";
    pub(crate) const TYPE: &str = "type";
    pub(crate) const STATUS: &str = "status";
    pub(crate) const IS_ERROR: &str = "isError";
    pub(crate) const ERROR_MESSAGE: &str = "errorMessage";
    pub(crate) const METHOD: &str = "method";
    pub(crate) const ADDR: &str = "addr";
    pub(crate) const VERSION: &str = "version";
    pub(crate) const LE: &str = "le";
    pub(crate) const TRACE_ID: &str = "trace_id";

    /// Keys that a constant label cannot have: those of the protocol, and those
    /// that Prometheus sets itself.
    pub(crate) const RESERVED: [&str; 11] =
        [NAME, TYPE, STATUS, IS_ERROR, ERROR_MESSAGE, METHOD, ADDR, VERSION, LE, "job", "instance"];
}

#[cfg(test)]
mod tests {
    use super::MethodLabel;

    #[test]
    fn methods_that_http_does_not_define_share_one_label() {
        for method in MethodLabel::ALL {
            assert_eq!(MethodLabel::from_method(method.as_str()), method);
        }
        for name in ["get", "BREW", "X", "QUERYX", ""] {
            assert_eq!(MethodLabel::from_method(name).as_str(), "_OTHER", "{name}");
        }
    }
}
