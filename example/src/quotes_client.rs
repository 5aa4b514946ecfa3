//! The calls to the quotes: one for requests, one for the check.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use actix_monitor::{ClientMonitor, Dependency, Monitor};
use actix_web::http::StatusCode;
use actix_web::web;
use awc::Client;

use crate::failure::Failure;
use crate::quotes::Quote;

const TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/quote", web::get().to(quote));
}

/// The quotes as a dependency. The check calls `/health`, which costs the quotes less
/// than a quote does.
pub(crate) fn dependency(address: SocketAddr) -> Dependency {
    let check = move || async move { QuotesClient::unmonitored(address).health().await };
    Dependency::new("quotes", check).every(Duration::from_secs(2)).timeout(TIMEOUT)
}

pub(crate) struct QuotesClient {
    http: Client,
    address: SocketAddr,
}

impl QuotesClient {
    /// A client whose calls are recorded as calls to the dependency `quotes`.
    pub(crate) fn new(address: SocketAddr, monitor: &Monitor) -> Self {
        let calls = ClientMonitor::new(monitor, "quotes").addr("/quote");
        Self { http: Client::builder().timeout(TIMEOUT).wrap(calls).finish(), address }
    }

    /// A client for the check, whose result is recorded as `dependency_up`.
    fn unmonitored(address: SocketAddr) -> Self {
        Self { http: Client::builder().timeout(TIMEOUT).finish(), address }
    }

    async fn quote(&self) -> Result<Quote, Failure> {
        let request = self.http.get(self.url("/quote"));
        let mut response = request.send().await.map_err(quotes_failure)?;
        require_success(response.status())?;
        response.json().await.map_err(quotes_failure)
    }

    async fn health(&self) -> Result<(), Failure> {
        let request = self.http.get(self.url("/health"));
        require_success(request.send().await.map_err(quotes_failure)?.status())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn quote(client: web::Data<QuotesClient>) -> Result<web::Json<Quote>, Failure> {
    client.quote().await.map(web::Json)
}

fn require_success(status: StatusCode) -> Result<(), Failure> {
    if status.is_success() { Ok(()) } else { Err(quotes_failure(status)) }
}

fn quotes_failure(reason: impl fmt::Display) -> Failure {
    Failure::Quotes(reason.to_string())
}
