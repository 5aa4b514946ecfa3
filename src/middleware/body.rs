//! The response's body: hands its chunks on, and reports when it has ended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

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
        left: Option<u64>,
        answered: Option<Answered>,
    }
}

impl<B: MessageBody> BigBrotherBody<B> {
    pub(super) fn new(body: B, answered: Option<Answered>) -> Self {
        let left = match body.size() {
            BodySize::Sized(length) => Some(length),
            _ => None,
        };
        Self { body, left, answered }
    }
}

impl<B: MessageBody> MessageBody for BigBrotherBody<B> {
    type Error = B::Error;

    #[inline]
    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let chunk = ready!(this.body.poll_next(cx));
        match &chunk {
            Some(Ok(bytes)) => {
                if let Some(answered) = this.answered {
                    answered.sent(bytes.len());
                }
                // A client has all it waits for once the last byte is sent, and
                // may ask for the page before this body is polled again.
                *this.left = this.left.map(|left| left.saturating_sub(bytes.len() as u64));
                if *this.left == Some(0) {
                    *this.answered = None;
                }
            }
            Some(Err(_)) | None => *this.answered = None,
        }
        Poll::Ready(chunk)
    }

    #[inline]
    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, left, mut answered } = self;
        match body.try_into_bytes() {
            Ok(bytes) => {
                if let Some(answered) = &mut answered {
                    answered.sent(bytes.len());
                }
                Ok(bytes)
            }
            Err(body) => Err(Self { body, left, answered }),
        }
    }
}
