//! The size of a response and of a request.

use actix_web::body::BodySize;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};

/// The declared length of a body in bytes: what becomes its `Content-Length`, zero
/// if there is none.
#[inline]
pub(crate) fn declared<'a>(body: BodySize, headers: impl FnOnce() -> &'a HeaderMap) -> u64 {
    match body {
        BodySize::None => 0,
        BodySize::Sized(length) => length,
        BodySize::Stream => content_length(headers()),
    }
}

/// The length that headers declare: that of a request, or of a stream whose handler declares
/// it itself (`no_chunking`).
#[cold]
pub(crate) fn content_length(headers: &HeaderMap) -> u64 {
    headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.trim().parse().ok())
        .unwrap_or(0)
}
