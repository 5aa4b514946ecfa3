//! How much is sent back.

use actix_web::body::BodySize;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};

/// The declared length of a body: what becomes its `Content-Length`.
#[inline]
pub(crate) fn declared<'a>(body: BodySize, headers: impl FnOnce() -> &'a HeaderMap) -> u64 {
    match body {
        BodySize::None => 0,
        BodySize::Sized(length) => length,
        BodySize::Stream => declared_by_hand(headers()),
    }
}

/// A handler may declare the length of a stream itself (`no_chunking`).
#[cold]
fn declared_by_hand(headers: &HeaderMap) -> u64 {
    headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.trim().parse().ok())
        .unwrap_or(0)
}
