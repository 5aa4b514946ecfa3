//! The wire contract of the Big Brother family as constants: names, label keys,
//! help texts and defaults. What they mean is decided elsewhere; what they are
//! called is decided only here, and never changes.

use std::time::Duration;

/// The target of all log records, so that a filter for it outlives our modules.
pub(crate) const LOG: &str = "actix_monitor";

/// Where the page stands unless the app says otherwise.
pub(crate) const ENDPOINT: &str = "/metrics";

/// The version shown by an app that never told its own.
pub(crate) const UNKNOWN_VERSION: &str = "unknown";

/// Upper bounds in seconds, the same for every member of the family.
pub(crate) const BUCKETS: [f64; 4] = [0.1, 0.3, 1.5, 10.5];

/// Label sets a family may hold before `addr` gives way.
pub(crate) const SERIES_LIMIT: usize = 2000;

/// How often a dependency is checked.
pub(crate) const CHECK_EVERY: Duration = Duration::from_secs(15);

/// How long a check may take.
pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Characters of an error message, a raw path or a trace id.
pub(crate) const TEXT_LENGTH: usize = 120;

/// `type` of everything that the middleware sees.
pub(crate) const HTTP: &str = "http";

/// `method` and `addr` of a call that does not tell its own.
pub(crate) const UNKNOWN: &str = "unknown";

/// `status` of a call whose timer was dropped before it was finished.
pub(crate) const UNFINISHED: &str = "unfinished";

/// `status` of an outgoing call whose future was dropped.
#[cfg(any(feature = "awc", feature = "reqwest"))]
pub(crate) const CANCELLED: &str = "cancelled";

/// `addr` of a request that no route took.
pub(crate) const UNMATCHED: &str = "unmatched";

/// `addr` (and `errorMessage`) of a label set past the series limit.
pub(crate) const OVERFLOW: &str = "_overflow";

/// `method` of every token that HTTP does not define.
pub(crate) const OTHER_METHOD: &str = "_OTHER";

/// The methods that appear under their own name, and the word for the others.
pub(crate) const METHODS: [&str; 11] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "QUERY",
    OTHER_METHOD,
];

/// The `method` label of a request, as its place among the methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Method(u8);

impl Method {
    pub(crate) const GET: Self = Self(0);
    pub(crate) const HEAD: Self = Self(1);
    pub(crate) const POST: Self = Self(2);
    const OTHER: Self = Self(10);

    /// Extension methods are whatever a client makes up, so they share one word.
    pub(crate) fn of(token: &str) -> Self {
        (0..)
            .zip(METHODS)
            .find(|(_, word)| *word == token)
            .map_or(Self::OTHER, |(place, _)| Self(place))
    }

    pub(crate) fn at(place: u8) -> Self {
        Self(place)
    }

    pub(crate) fn word(self) -> &'static str {
        METHODS.get(usize::from(self.0)).copied().unwrap_or(OTHER_METHOD)
    }

    /// A number of its own for each method.
    #[inline]
    pub(crate) const fn place(self) -> u8 {
        self.0
    }
}

/// Label keys, spelled as existing dashboards spell them.
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

    /// Keys that a constant label may not take.
    pub(crate) const RESERVED: [&str; 9] =
        [NAME, TYPE, STATUS, IS_ERROR, ERROR_MESSAGE, METHOD, ADDR, VERSION, LE];
}

/// A family's name without its unit, as prometheus-client composes it, and its help text.
pub(crate) mod family {
    pub(crate) const REQUEST: &str = "request";
    pub(crate) const REQUEST_HELP: &str = "How long requests take, in seconds.";

    pub(crate) const RESPONSE_SIZE: &str = "response_size";
    pub(crate) const RESPONSE_SIZE_BYTES: &str = "response_size_bytes";
    pub(crate) const RESPONSE_SIZE_HELP: &str = "How much is sent back, in bytes.";

    pub(crate) const DEPENDENCY_REQUEST: &str = "dependency_request";
    pub(crate) const DEPENDENCY_REQUEST_HELP: &str =
        "How long calls to dependencies take, in seconds.";

    pub(crate) const DEPENDENCY_UP: &str = "dependency_up";
    pub(crate) const DEPENDENCY_UP_HELP: &str = "Whether a dependency is up (1) or down (0).";

    pub(crate) const IN_FLIGHT: &str = "requests_in_flight";
    pub(crate) const IN_FLIGHT_HELP: &str = "How many requests are being answered.";

    pub(crate) const APPLICATION: &str = "application";
    pub(crate) const APPLICATION_HELP: &str = "The running version of the application.";
}

#[cfg(test)]
mod tests {
    use super::{METHODS, Method, OTHER_METHOD};

    #[test]
    fn methods_that_http_does_not_define_share_one_word() {
        for name in METHODS {
            assert_eq!(Method::of(name).word(), name);
        }
        for name in ["get", "BREW", "X", "QUERYX", ""] {
            assert_eq!(Method::of(name).word(), OTHER_METHOD);
        }
    }

    #[test]
    fn the_methods_with_a_name_here_have_their_own_word() {
        let words = [Method::GET, Method::HEAD, Method::POST, Method::OTHER].map(Method::word);
        assert_eq!(words, ["GET", "HEAD", "POST", OTHER_METHOD]);
    }
}
