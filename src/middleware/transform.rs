//! `BigBrother`: creates the service of the middleware for each worker.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::web::Data;

use super::body::BigBrotherBody;
use super::options::MiddlewareOptions;
use super::service::BigBrotherMiddleware;
use super::state::MiddlewareState;
use crate::monitor::handle::Monitor;

/// The middleware: records requests and serves the metrics page.
///
/// Wrap an app with it as the last middleware, which is the outermost: it then
/// records what the client receives. It can wrap scopes and resources as well; a
/// request that passes two middlewares of one monitor is recorded once. Clones share
/// their monitor.
///
/// # Examples
///
/// ```no_run
/// use actix_monitor::BigBrother;
/// use actix_web::{App, HttpServer};
///
/// # #[actix_web::main]
/// # async fn main() -> std::io::Result<()> {
/// HttpServer::new(|| App::new().wrap(BigBrother::builder().version("v0.1.2").build()))
///     .bind(("127.0.0.1", 8080))?
///     .run()
///     .await
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a middleware does nothing until an app is wrapped with it"]
pub struct BigBrother {
    monitor: Data<Monitor>,
    options: Arc<MiddlewareOptions>,
}

impl BigBrother {
    pub(crate) fn new(monitor: Data<Monitor>, options: MiddlewareOptions) -> Self {
        Self { monitor, options: Arc::new(options) }
    }

    /// Returns the monitor of this middleware, for code outside of requests.
    ///
    /// Handlers take it as `web::Data<Monitor>`; [`Monitor::global`] returns the
    /// monitor that all builds of a process share.
    pub fn monitor(&self) -> Data<Monitor> {
        self.monitor.clone()
    }
}

impl<S, B> Transform<S, ServiceRequest> for BigBrother
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<BigBrotherBody<B>>>;
    type Error = Error;
    type Transform = BigBrotherMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let state = MiddlewareState::new(self.monitor.clone(), Arc::clone(&self.options));
        ready(Ok(BigBrotherMiddleware::new(service, state)))
    }
}
