//! How the notes ask the quotes: one call for a request, another for the check.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use actix_monitor::{ClientMonitor, Dependency, Monitor};
use actix_web::http::StatusCode;
use actix_web::web;
use awc::Client;

use crate::failure::Failure;
use crate::quotes::Quote;

const LIMIT: Duration = Duration::from_secs(1);

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.route("/quote", web::get().to(quote));
}

/// Asks for the health and not for a quote: a check should cost the dependency
/// as little as it can.
pub(crate) fn watched(address: SocketAddr) -> Dependency {
    let check = move || async move { QuotesClient::unwatched(address).health().await };
    Dependency::new("quotes", check).every(Duration::from_secs(2)).timeout(LIMIT)
}

pub(crate) struct QuotesClient {
    http: Client,
    address: SocketAddr,
}

impl QuotesClient {
    /// Each of its calls is timed as one to the dependency `quotes`.
    pub(crate) fn new(address: SocketAddr, monitor: &Monitor) -> Self {
        let calls = ClientMonitor::new(monitor, "quotes").addr("/quote");
        Self { http: Client::builder().timeout(LIMIT).wrap(calls).finish(), address }
    }

    /// For the checks: what they find is told by `dependency_up` already.
    fn unwatched(address: SocketAddr) -> Self {
        Self { http: Client::builder().timeout(LIMIT).finish(), address }
    }

    async fn quote(&self) -> Result<Quote, Failure> {
        let request = self.http.get(self.url("/quote"));
        let mut answer = request.send().await.map_err(failed)?;
        accept(answer.status())?;
        answer.json().await.map_err(failed)
    }

    async fn health(&self) -> Result<(), Failure> {
        let request = self.http.get(self.url("/health"));
        accept(request.send().await.map_err(failed)?.status())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn quote(client: web::Data<QuotesClient>) -> Result<web::Json<Quote>, Failure> {
    client.quote().await.map(web::Json)
}

fn accept(status: StatusCode) -> Result<(), Failure> {
    if status.is_success() { Ok(()) } else { Err(failed(status)) }
}

fn failed(reason: impl fmt::Display) -> Failure {
    Failure::Quotes(reason.to_string())
}
