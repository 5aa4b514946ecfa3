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
        /// The inner service is at work; the report is there unless an outer
        /// middleware has it.
        Inner { #[pin] future: F, report: Option<Report> },
        /// The metrics page is being encoded; the inner service never sees it.
        Page { page: LocalBoxFuture<'static, ServiceResponse> },
    }
}

impl<F> BigBrotherFuture<F> {
    #[inline]
    pub(super) fn inner(future: F, report: Option<Report>) -> Self {
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
        let unwinding = Unwinding(report);
        match future.poll(cx) {
            Poll::Pending => {
                mem::forget(unwinding);
                Poll::Pending
            }
            Poll::Ready(Ok(response)) => {
                let report = unwinding.0.take();
                mem::forget(unwinding);
                let answered = report.and_then(|report| report.answered(&response));
                let body = |body| BigBrotherBody::new(body, answered);
                Poll::Ready(Ok(with_body(response, body)))
            }
            Poll::Ready(Err(error)) => {
                let report = unwinding.0.take();
                mem::forget(unwinding);
                if let Some(report) = report {
                    report.failed(&error);
                }
                Poll::Ready(Err(error))
            }
        }
    }
}

/// Held while the inner service is polled, and forgotten once it has answered.
///
/// # Drop
/// Reports the request, since only a panic leads here. Left to the drop of the
/// future, a panic that a middleware around us catches would look like a client
/// that went away: nothing panics any more by then.
struct Unwinding<'a>(&'a mut Option<Report>);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

fn with_body<B: MessageBody>(
    response: ServiceResponse<B>,
    wrap: impl FnOnce(B) -> BigBrotherBody<B>,
) -> ServiceResponse<EitherBody<BigBrotherBody<B>>> {
    response.map_body(|_, body| EitherBody::left(wrap(body)))
}
