//! The second service: quotes over HTTP on a port of its own, which can be closed
//! and opened again while the notes keep running.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::dev::{Server, ServerHandle};
use actix_web::rt::System;
use actix_web::{App, HttpResponse, HttpServer, web};
use futures_util::lock::Mutex;
use serde::{Deserialize, Serialize};

const QUOTES: [&str; 5] = [
    "What is not measured is guessed.",
    "An average hides the slowest request.",
    "A check that cannot fail checks nothing.",
    "Measure twice, optimise once.",
    "Every request counts.",
];

#[derive(Serialize, Deserialize)]
pub(crate) struct Quote {
    pub(crate) text: String,
}

pub(crate) struct Quotes {
    address: SocketAddr,
    /// Locked until a stop has finished, so that the port is free for the next start.
    running: Mutex<Option<ServerHandle>>,
}

impl Quotes {
    pub(crate) fn start(address: SocketAddr) -> io::Result<Self> {
        let (address, server) = bind(address)?;
        Ok(Self { address, running: Mutex::new(Some(spawn(server))) })
    }

    /// The address the server listens on, also if the port was chosen by the system.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn take_down(&self) {
        let mut running = self.running.lock().await;
        if let Some(server) = running.take() {
            server.stop(false).await;
        }
    }

    pub(crate) async fn bring_up(&self) -> io::Result<()> {
        let mut running = self.running.lock().await;
        if running.is_none() {
            let (_, server) = bind(self.address)?;
            *running = Some(spawn(server));
        }
        Ok(())
    }
}

fn bind(address: SocketAddr) -> io::Result<(SocketAddr, Server)> {
    let server = HttpServer::new(|| {
        App::new()
            .route("/quote", web::get().to(quote))
            .route("/health", web::get().to(HttpResponse::Ok))
    })
    .workers(1)
    // The server of the notes handles the signals and ends the process.
    .disable_signals()
    .bind(address)
    .map_err(|error| crate::bind_error(address, &error))?;
    let address = server.addrs().first().copied().unwrap_or(address);
    Ok((address, server.run()))
}

/// Spawns the server on the main thread, because a worker that handles the request
/// to open the port again may end before the server does.
fn spawn(server: Server) -> ServerHandle {
    let handle = server.handle();
    System::current().arbiter().spawn(async {
        // An error shows as a failed check of the dependency.
        let _ = server.await;
    });
    handle
}

async fn quote() -> web::Json<Quote> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed) % QUOTES.len();
    web::Json(Quote { text: QUOTES[next].to_owned() })
}
