//! The middleware for reqwest, through `reqwest-middleware`.

use std::borrow::Cow;

use reqwest_middleware::reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use super::outgoing::{ClientMonitor, Failure};

/// The `addr` of one request of a reqwest client, passed as an extension of the
/// request.
///
/// It overrides what [`ClientMonitor::addr`] and [`ClientMonitor::addr_from`] set.
///
/// # Examples
///
/// ```
/// use actix_monitor::{AddrTemplate, BigBrother, ClientMonitor};
///
/// let monitor = BigBrother::builder().isolated().build().monitor();
/// let client = reqwest_middleware::ClientBuilder::new(reqwest_middleware::reqwest::Client::new())
///     .with(ClientMonitor::new(&monitor, "quotes"))
///     .build();
/// let request =
///     client.get("http://127.0.0.1:9/quotes/7").with_extension(AddrTemplate::new("/quotes/{id}"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddrTemplate(Cow<'static, str>);

impl AddrTemplate {
    /// Creates an `addr` from a template such as `/quotes/{id}`, never from a raw
    /// path.
    pub fn new(template: impl Into<Cow<'static, str>>) -> Self {
        Self(template.into())
    }
}

#[async_trait::async_trait]
impl Middleware for ClientMonitor {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let template = extensions.get::<AddrTemplate>().map(|template| template.0.clone());
        let outgoing = self.begin(request.method().as_str(), request.url().path(), template);
        let answer = next.run(request, extensions).await;
        match &answer {
            Ok(response) => outgoing.answered(response.status().as_u16()),
            Err(error) => outgoing.failed(failure(error)),
        }
        answer
    }
}

fn failure(error: &Error) -> Failure {
    if error.is_timeout() {
        Failure::Timeout
    } else if error.is_connect() {
        Failure::Unreachable
    } else if error.is_request() || error.is_body() || error.is_decode() {
        Failure::BadAnswer
    } else {
        Failure::Other
    }
}
