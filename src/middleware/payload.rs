//! The payload of a request whose received bytes are counted.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;

/// A payload that counts the bytes that the app reads.
pub(super) struct CountedPayload {
    payload: Payload,
    bytes: Rc<Cell<u64>>,
}

impl CountedPayload {
    /// Returns a payload that adds to `bytes` what is read of it.
    pub(super) fn wrap(payload: Payload, bytes: Rc<Cell<u64>>) -> Payload {
        Payload::Stream { payload: Box::pin(Self { payload, bytes }) }
    }
}

impl Stream for CountedPayload {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let chunk = Pin::new(&mut self.payload).poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &chunk {
            self.bytes.set(self.bytes.get().saturating_add(bytes.len() as u64));
        }
        chunk
    }
}
