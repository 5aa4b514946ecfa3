//! The response's body: hands its chunks on, and reports when it has ended.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

use super::report::Answered;

pin_project! {
    #[doc(hidden)]
    /// A body that reports its request when it ends, fails or is dropped.
    pub struct BigBrotherBody<B> {
        #[pin]
        body: B,
        answered: Option<Answered>,
    }
}

impl<B: MessageBody> BigBrotherBody<B> {
    #[inline]
    pub(super) fn new(body: B, answered: Option<Answered>) -> Self {
        Self { body, answered }
    }
}

impl<B: MessageBody> MessageBody for BigBrotherBody<B> {
    type Error = B::Error;

    #[inline]
    fn size(&self) -> BodySize {
        self.body.size()
    }

    #[inline]
    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let chunk = this.body.poll_next(cx);
        let is_over = match &chunk {
            // A client has all it waits for once the last byte is sent, and may ask
            // for the page before this body is polled again.
            Poll::Ready(Some(Ok(bytes))) => {
                this.answered.as_mut().is_some_and(|body| body.sent(bytes.len()))
            }
            Poll::Ready(_) => true,
            Poll::Pending => false,
        };
        if is_over {
            *this.answered = None;
        }
        chunk
    }

    #[inline]
    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, mut answered } = self;
        match body.try_into_bytes() {
            Ok(bytes) => {
                if let Some(answered) = &mut answered {
                    answered.sent(bytes.len());
                }
                Ok(bytes)
            }
            Err(body) => Err(Self { body, answered }),
        }
    }
}
