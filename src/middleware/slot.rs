//! The slot of a request: where it is recorded.

use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};

use super::extras::{Ending, ExtraState};
use super::state::MiddlewareState;
use crate::clock::Start;
use crate::labels::{RequestKey, truncate};
use crate::options::measurement::Unmatched;
use crate::protocol::{self, MethodLabel};
use crate::request::route;
use crate::request::status::StatusRule;
use crate::store::slots::Slot;

/// The `addr` label of a request with this pattern or this path.
#[inline]
pub(super) fn addr<'a>(
    middleware: &MiddlewareState,
    pattern: Option<&'a str>,
    path: impl FnOnce() -> &'a str,
) -> &'a str {
    match (pattern, middleware.options.unmatched) {
        (Some(pattern), _) => route::addr_label(pattern),
        (None, Unmatched::Path) => truncate(path()),
        (None, _) => protocol::UNMATCHED,
    }
}

/// The labels of a request but `addr`; `None` if it is excluded.
#[inline]
pub(super) fn find_key(
    middleware: &MiddlewareState,
    method: MethodLabel,
    (status, rule): (StatusCode, &StatusRule),
    addr: &str,
) -> Option<RequestKey> {
    if rule.is_excluded || middleware.excludes_route(addr) {
        return None;
    }
    Some(RequestKey { status: status.as_u16(), method, is_error: rule.is_error })
}

/// Not inlined, so that requests without such options take the short way.
#[inline(never)]
pub(super) fn slot_with_extras<B: MessageBody>(
    middleware: &MiddlewareState,
    state: &mut ExtraState,
    labels: (RequestKey, &str),
    request: &HttpRequest,
    response: &HttpResponse<B>,
    (started, pattern): (Start, Option<&str>),
) -> Option<Slot> {
    // May panic: the response head is not recorded then.
    let _ = response.body().size();
    let ending = Ending {
        started,
        status: response.status(),
        request: Ok(request),
        response: Some(response.head()),
        pattern,
        message: middleware.extras.message(|source| source.extract(response, None)),
    };
    middleware.extras.slot(state, middleware.writer(), labels, &ending)
}
