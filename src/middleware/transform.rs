//! `BigBrother`: hands the shared monitor to each worker.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::web::Data;

use super::body::BigBrotherBody;
use super::service::BigBrotherMiddleware;
use super::worker::{Rules, Worker};
use crate::monitor::handle::Monitor;
use crate::monitor::instance;

/// The middleware: one line in an app, and `/metrics` tells how it does.
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
///
/// Wrap it last, which is outermost: then it sees what the client sees. It can
/// wrap scopes and resources too; a request that passes it twice is recorded
/// once. Clones share their monitor.
#[derive(Clone, Debug)]
#[must_use = "a monitor sees nothing until an app is wrapped with it"]
pub struct BigBrother {
    monitor: Data<Monitor>,
    rules: Arc<Rules>,
}

impl BigBrother {
    pub(crate) fn new(monitor: Data<Monitor>, rules: Rules) -> Self {
        Self { monitor, rules: Arc::new(rules) }
    }

    /// The monitor of the process, for code outside a request: `None` before the
    /// first build that is not isolated.
    ///
    /// ```
    /// use actix_monitor::BigBrother;
    ///
    /// assert!(BigBrother::monitor().is_none());
    /// let _middleware = BigBrother::builder().build();
    /// assert!(BigBrother::monitor().is_some());
    /// ```
    pub fn monitor() -> Option<Data<Monitor>> {
        instance::get()
    }

    /// The monitor behind this middleware, isolated or not: to register metrics
    /// before the server starts, or to show its page on another port.
    ///
    /// ```
    /// use actix_monitor::BigBrother;
    ///
    /// let middleware = BigBrother::builder().isolated().build();
    /// assert!(middleware.handle().dependencies().is_empty());
    /// ```
    pub fn handle(&self) -> Data<Monitor> {
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
        let worker = Worker::new(self.monitor.clone(), Arc::clone(&self.rules));
        ready(Ok(BigBrotherMiddleware::new(service, Rc::new(worker))))
    }
}
