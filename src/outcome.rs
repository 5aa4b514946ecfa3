//! Pure: what a request and its end mean as labels and as a size. When a request
//! ends is the middleware's business, what is counted for it the recorder's.

use actix_web::HttpRequest;
use actix_web::body::BodySize;
use actix_web::dev::ResourceMap;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::http::{Method, StatusCode};

use crate::labels::{LabelSet, Status};
use crate::protocol;

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
    /// The raw path without its query, as long as the series limit allows.
    Path,
}

/// For each status code, whether it counts as an error: the predicate's answers,
/// asked for once when the middleware is built.
#[derive(Clone, Debug)]
pub(crate) struct ErrorTable(Box<[bool]>);

/// The status codes that HTTP allows.
const CODES: std::ops::Range<u16> = 100..1000;

impl ErrorTable {
    pub(crate) fn new(is_error: impl Fn(StatusCode) -> bool) -> Self {
        Self(CODES.map(|code| StatusCode::from_u16(code).is_ok_and(&is_error)).collect())
    }

    #[inline]
    pub(crate) fn is_error(&self, status: StatusCode) -> bool {
        let place = usize::from(status.as_u16() - CODES.start);
        self.0.get(place).copied().unwrap_or(false)
    }
}

impl Default for ErrorTable {
    fn default() -> Self {
        Self::new(|status| status.is_client_error() || status.is_server_error())
    }
}

/// The `method` label. Extension methods are whatever a client makes up, so they
/// share one word.
#[inline]
pub(crate) fn method(method: &Method) -> &'static str {
    // In the order of their frequency: this is asked for each request.
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ if method.as_str() == "QUERY" => "QUERY",
        _ => protocol::OTHER_METHOD,
    }
}

/// The pattern of the route that took `request`, asked after routing so that
/// guards have decided. `None` where no route did. `has_empty_prefix` tells whether
/// the app has a service on the empty prefix.
#[inline]
pub(crate) fn pattern(request: &HttpRequest, has_empty_prefix: bool) -> Option<String> {
    let path = request.match_info();
    let (whole, rest) = (path.as_str(), path.unprocessed());
    // Nothing was consumed, so nothing matched: actix would scan all routes to
    // find that out. Only a service on the empty prefix matches without consuming.
    if rest.len() == whole.len() && !rest.is_empty() && !has_empty_prefix {
        return None;
    }
    let pattern = request.match_pattern()?;
    if rest.is_empty() || took(&pattern, &whole[..whole.len() - rest.len()]) {
        return Some(if pattern.is_empty() { "/".to_owned() } else { pattern });
    }
    None
}

/// Whether the service at `pattern` consumed `consumed` and left a rest, as a
/// file server does. A scope leaves a rest too, when none of its routes takes the
/// request; actix then names the first route whose guard might have refused it,
/// and that one has more segments than what was consumed.
fn took(pattern: &str, consumed: &str) -> bool {
    let segments =
        |path: &str| memchr::memchr_iter(b'/', path.trim_end_matches('/').as_bytes()).count();
    segments(pattern) <= segments(consumed)
}

/// The pattern of a request that is gone: what routing would most likely have
/// found, guards aside.
pub(crate) fn lost_pattern(routes: &ResourceMap, path: &str) -> Option<String> {
    let pattern = routes.match_pattern(path)?;
    Some(if pattern.is_empty() { "/".to_owned() } else { pattern })
}

/// The label set of an HTTP request.
#[inline]
pub(crate) fn labels<'a>(
    status: StatusCode,
    is_error: bool,
    method: &'a str,
    addr: &'a str,
) -> LabelSet<'a> {
    LabelSet {
        addr,
        status: Status::Code(status.as_u16()),
        method,
        is_error,
        kind: protocol::HTTP,
        name: None,
        message: None,
    }
}

/// The declared length of a body: what becomes its `Content-Length`. Answers that
/// are sent without their body declare nothing that is sent.
#[inline]
pub(crate) fn declared_size(
    body: BodySize,
    status: StatusCode,
    headers: &HeaderMap,
    is_head: bool,
) -> u64 {
    if !has_body(status, is_head) {
        return 0;
    }
    match body {
        BodySize::None => 0,
        BodySize::Sized(length) => length,
        // A handler may declare the length of a stream itself (`no_chunking`).
        BodySize::Stream => headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.trim().parse().ok())
            .unwrap_or(0),
    }
}

/// Whether an answer's body is sent (RFC 9110, 6.4.1).
#[inline]
pub(crate) fn has_body(status: StatusCode, is_head: bool) -> bool {
    !is_head
        && !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

#[cfg(test)]
mod tests {
    use super::{ErrorTable, Method, StatusCode, method, took};
    use crate::protocol;

    #[test]
    fn errors_are_4xx_and_5xx_unless_told_otherwise() {
        let table = ErrorTable::default();
        for code in 100..1000 {
            let status = StatusCode::from_u16(code).expect("a status code");
            assert_eq!(table.is_error(status), (400..600).contains(&code), "{code}");
        }
        let table = ErrorTable::new(|status| status == StatusCode::OK);
        assert!(table.is_error(StatusCode::OK) && !table.is_error(StatusCode::NOT_FOUND));
    }

    #[test]
    fn methods_that_http_does_not_define_share_one_word() {
        for name in protocol::METHODS {
            assert_eq!(method(&Method::from_bytes(name.as_bytes()).expect("a token")), name);
        }
        for name in ["get", "BREW", "X", "QUERYX"] {
            let token = Method::from_bytes(name.as_bytes()).expect("a token");
            assert_eq!(method(&token), protocol::OTHER_METHOD);
        }
    }

    #[test]
    fn a_prefix_service_took_what_it_consumed() {
        for (pattern, consumed) in
            [("/static", "/static"), ("/{tenant}/files", "/acme/files"), ("", ""), ("/", "")]
        {
            assert!(took(pattern, consumed), "{pattern} {consumed}");
        }
        for (pattern, consumed) in [("/api/x", "/api"), ("/api/{id}", "/api"), ("/x", "")] {
            assert!(!took(pattern, consumed), "{pattern} {consumed}");
        }
    }
}
