//! How much is sent back.

use actix_web::body::BodySize;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};

use super::status::has_body;

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
