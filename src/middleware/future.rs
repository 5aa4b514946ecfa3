//! The future of the middleware: polls the inner service and records how it ends.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::ServiceResponse;
use futures_util::future::LocalBoxFuture;
use pin_project_lite::pin_project;

use super::body::BigBrotherBody;
use super::guard::RequestGuard;

pin_project! {
    #[doc(hidden)]
    /// The future of the middleware's service.
    ///
    /// # Drop
    ///
    /// Records the request if the inner service has not returned yet.
    #[must_use = "futures do nothing unless polled"]
    pub struct BigBrotherFuture<F> {
        #[pin]
        step: Step<F>,
    }
}

pin_project! {
    #[project = StepProject]
    enum Step<F> {
        /// The inner service is called.
        Inner { #[pin] future: F, guard: RequestGuard },
        /// The metrics page is encoded; the inner service is not called.
        Page { page: LocalBoxFuture<'static, ServiceResponse> },
    }
}

impl<F> BigBrotherFuture<F> {
    #[inline]
    pub(super) fn inner(future: F, guard: RequestGuard) -> Self {
        Self { step: Step::Inner { future, guard } }
    }

    pub(super) fn page(page: LocalBoxFuture<'static, ServiceResponse>) -> Self {
        Self { step: Step::Page { page } }
    }
}

impl<F, B> Future for BigBrotherFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<EitherBody<BigBrotherBody<B>>>, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (future, guard) = match self.project().step.project() {
            StepProject::Page { page } => {
                return page.as_mut().poll(cx).map(|page| Ok(page.map_into_right_body()));
            }
            StepProject::Inner { future, guard } => (future, guard),
        };
        guard.begin_poll();
        match future.poll(cx) {
            Poll::Pending => {
                guard.on_pending();
                Poll::Pending
            }
            Poll::Ready(Ok(response)) => {
                // Taken apart and put together again: `map_body` copies the request.
                let (request, response) = response.into_parts();
                guard.on_response(&request, &response);
                let guard = mem::take(guard);
                let (response, body) = response.into_parts();
                let body = EitherBody::left(BigBrotherBody::new(body, guard));
                Poll::Ready(Ok(ServiceResponse::new(request, response.set_body(body))))
            }
            Poll::Ready(Err(error)) => {
                guard.on_error(&error);
                Poll::Ready(Err(error))
            }
        }
    }
}
