//! The route that took a request.

use actix_web::HttpRequest;
use actix_web::dev::ResourceMap;
use actix_web::http::{Method, StatusCode};

use crate::protocol;

/// The `method` label.
#[inline]
pub(crate) fn method(method: &Method) -> protocol::Method {
    // What most requests have is told without comparing strings.
    if *method == Method::GET {
        protocol::Method::GET
    } else if *method == Method::POST {
        protocol::Method::POST
    } else {
        method_by_name(method)
    }
}

#[inline(never)]
fn method_by_name(method: &Method) -> protocol::Method {
    protocol::Method::of(method.as_str())
}

/// The pattern of the route that took `request`, asked after routing so that
/// guards have decided. `None` where no route did. `has_empty_prefix` tells whether
/// the app has a service on the empty prefix.
#[inline]
pub(crate) fn pattern(
    request: &HttpRequest,
    status: StatusCode,
    has_empty_prefix: impl FnOnce() -> bool,
) -> Option<String> {
    let path = request.match_info();
    let rest = path.unprocessed().len();
    if rest == 0 {
        return request.match_pattern();
    }
    // No route has consumed anything: none matched, and actix would scan all of
    // them to find that out. Another status than 404 is the answer of a middleware
    // that did not ask the routes, and only a service on the empty prefix matches
    // without consuming.
    let consumed = path.as_str().len() - rest;
    if consumed == 0 && status == StatusCode::NOT_FOUND && !has_empty_prefix() {
        return None;
    }
    pattern_before(consumed, request)
}

/// The same where routing has left a rest of the path.
fn pattern_before(consumed: usize, request: &HttpRequest) -> Option<String> {
    let consumed = &request.match_info().as_str()[..consumed];
    let did_take = |pattern: &String| consumed.is_empty() || took(pattern, consumed);
    request.match_pattern().filter(did_take)
}

/// Whether the service at `pattern` consumed `consumed` and left a rest, as a
/// file server does. A scope leaves a rest too, when none of its routes takes the
/// request; actix then names the first route that its path fits, whose guard must
/// have refused it, and that one has more segments than what was consumed.
fn took(pattern: &str, consumed: &str) -> bool {
    let segments = |path: &str| memchr::memchr_iter(b'/', path.as_bytes()).count();
    segments(pattern) <= segments(consumed)
}

/// A pattern as `addr` shows it: a service on the empty prefix is at the root.
#[inline]
pub(crate) fn shown(pattern: &str) -> &str {
    if pattern.is_empty() { "/" } else { pattern }
}

/// The pattern of a request that is gone: what routing would most likely have
/// found, guards aside.
pub(crate) fn lost_pattern(routes: &ResourceMap, path: &str) -> Option<String> {
    routes.match_pattern(path)
}

#[cfg(test)]
mod tests {
    use super::took;

    #[test]
    fn a_prefix_service_took_what_it_consumed() {
        for (pattern, consumed) in
            [("/static", "/static"), ("/static/", "/static/"), ("/{tenant}/files", "/acme/files")]
        {
            assert!(took(pattern, consumed), "{pattern} {consumed}");
        }
        for (pattern, consumed) in [("/api/x", "/api"), ("/api/", "/api"), ("/api/{id}", "/api")] {
            assert!(!took(pattern, consumed), "{pattern} {consumed}");
        }
    }
}
