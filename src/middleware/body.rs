//! The body of a response: passes its chunks on and records when it ends.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

use super::guard::RequestGuard;

pin_project! {
    #[doc(hidden)]
    /// The body of the middleware's responses.
    ///
    /// # Drop
    ///
    /// Records the request if the body has not ended yet.
    pub struct BigBrotherBody<B> {
        #[pin]
        body: B,
        guard: RequestGuard,
    }
}

impl<B: MessageBody> BigBrotherBody<B> {
    #[inline]
    pub(super) fn new(body: B, guard: RequestGuard) -> Self {
        Self { body, guard }
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
        this.guard.begin_body_poll();
        let chunk = this.body.poll_next(cx);
        let is_finished = match &chunk {
            // A client that has the last byte may scrape before this body is polled
            // again.
            Poll::Ready(Some(Ok(bytes))) => this.guard.on_chunk(bytes.len()),
            Poll::Ready(_) => true,
            Poll::Pending => false,
        };
        if is_finished {
            // Ends the measurement as well.
            this.guard.finish();
        } else {
            this.guard.end_body_poll();
        }
        chunk
    }

    #[inline]
    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, mut guard } = self;
        match body.try_into_bytes() {
            Ok(bytes) => {
                guard.on_chunk(bytes.len());
                Ok(bytes)
            }
            Err(body) => Err(Self { body, guard }),
        }
    }
}
