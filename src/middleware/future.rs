//! Polls the inner service and sees to it that each request's end is reported.

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
use super::report::Report;

pin_project! {
    #[doc(hidden)]
    /// The future of the middleware's service.
    ///
    /// # Drop
    /// Dropped before the inner service has answered, it reports that.
    #[must_use = "futures do nothing unless polled"]
    pub struct BigBrotherFuture<F> {
        #[pin]
        step: Step<F>,
    }
}

pin_project! {
    #[project = StepProject]
    enum Step<F> {
        /// The inner service is at work.
        Inner { #[pin] future: F, report: Report },
        /// The metrics page is being encoded; the inner service never sees it.
        Page { page: LocalBoxFuture<'static, ServiceResponse> },
    }
}

impl<F> BigBrotherFuture<F> {
    #[inline]
    pub(super) fn inner(future: F, report: Report) -> Self {
        Self { step: Step::Inner { future, report } }
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
        let (future, report) = match self.project().step.project() {
            StepProject::Page { page } => {
                return page.as_mut().poll(cx).map(|page| Ok(page.map_into_right_body()));
            }
            StepProject::Inner { future, report } => (future, report),
        };
        report.note_inside(true);
        match future.poll(cx) {
            Poll::Pending => {
                report.note_inside(false);
                Poll::Pending
            }
            Poll::Ready(Ok(response)) => {
                let (request, response) = response.into_parts();
                report.answered(&request, &response);
                let report = mem::take(report);
                let (response, body) = response.into_parts();
                let response =
                    response.set_body(EitherBody::left(BigBrotherBody::new(body, report)));
                Poll::Ready(Ok(ServiceResponse::new(request, response)))
            }
            Poll::Ready(Err(error)) => {
                mem::take(report).failed(&error);
                Poll::Ready(Err(error))
            }
        }
    }
}
