//! The middleware for actix' own HTTP client.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::dev::{Service, forward_ready};
use awc::error::{ConnectError, SendRequestError};
use awc::middleware::Transform;
use awc::{ConnectRequest, ConnectResponse};
use pin_project_lite::pin_project;

use super::outgoing::{ClientMonitor, Failure, Outgoing};

impl<S> Transform<S, ConnectRequest> for ClientMonitor
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError>,
{
    type Transform = ClientMonitorService<S>;

    fn new_transform(self, service: S) -> Self::Transform {
        ClientMonitorService { service, monitor: self }
    }
}

#[doc(hidden)]
/// The service that `ClientMonitor` puts around a client's connector.
#[derive(Debug)]
pub struct ClientMonitorService<S> {
    service: S,
    monitor: ClientMonitor,
}

impl<S> Service<ConnectRequest> for ClientMonitorService<S>
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError>,
{
    type Response = ConnectResponse;
    type Error = SendRequestError;
    type Future = ClientMonitorFuture<S::Future>;

    forward_ready!(service);

    fn call(&self, request: ConnectRequest) -> Self::Future {
        let head = match &request {
            ConnectRequest::Client(head, ..) => head.as_ref(),
            ConnectRequest::Tunnel(head, ..) => head,
        };
        let outgoing = self.monitor.begin(head.method.as_str(), head.uri.path(), None);
        ClientMonitorFuture { future: self.service.call(request), outgoing: Some(outgoing) }
    }
}

pin_project! {
    #[doc(hidden)]
    /// The future of `ClientMonitorService`.
    ///
    /// # Drop
    ///
    /// Records the call as cancelled if there is no answer yet: awc drops the future on its
    /// own timeout.
    #[must_use = "futures do nothing unless polled"]
    pub struct ClientMonitorFuture<F> {
        #[pin]
        future: F,
        outgoing: Option<Outgoing>,
    }
}

impl<F> Future for ClientMonitorFuture<F>
where
    F: Future<Output = Result<ConnectResponse, SendRequestError>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.future.poll(cx));
        if let Some(outgoing) = this.outgoing.take() {
            match &answer {
                Ok(ConnectResponse::Client(response)) => {
                    outgoing.answered(response.status().as_u16());
                }
                Ok(ConnectResponse::Tunnel(head, _)) => outgoing.answered(head.status.as_u16()),
                Err(error) => outgoing.failed(failure(error)),
            }
        }
        Poll::Ready(answer)
    }
}

fn failure(error: &SendRequestError) -> Failure {
    match error {
        SendRequestError::Connect(ConnectError::Timeout) | SendRequestError::Timeout => {
            Failure::Timeout
        }
        // awc's word for a connection that ended where an answer should have been.
        SendRequestError::Connect(ConnectError::Disconnected) => Failure::BadAnswer,
        SendRequestError::Connect(_) | SendRequestError::Send(_) => Failure::Unreachable,
        SendRequestError::Response(_) | SendRequestError::Http(_) | SendRequestError::H2(_) => {
            Failure::BadAnswer
        }
        _ => Failure::Other,
    }
}
