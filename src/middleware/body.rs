//! The response's body: hands its chunks on, and reports when it has ended.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

use super::report::Report;

pin_project! {
    #[doc(hidden)]
    /// A body that reports its request when it ends, fails or is dropped.
    pub struct BigBrotherBody<B> {
        #[pin]
        body: B,
        report: Report,
    }
}

impl<B: MessageBody> BigBrotherBody<B> {
    #[inline]
    pub(super) fn new(body: B, report: Report) -> Self {
        Self { body, report }
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
            Poll::Ready(Some(Ok(bytes))) => this.report.sent(bytes.len()),
            Poll::Ready(_) => true,
            Poll::Pending => false,
        };
        if is_over {
            this.report.end();
        }
        chunk
    }

    #[inline]
    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, mut report } = self;
        match body.try_into_bytes() {
            Ok(bytes) => {
                report.sent(bytes.len());
                Ok(bytes)
            }
            Err(body) => Err(Self { body, report }),
        }
    }
}
