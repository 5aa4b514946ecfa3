//! The second service: quotes over HTTP, on a port of its own, which can be
//! closed and opened again while the notes run on.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::dev::{Server, ServerHandle};
use actix_web::rt::System;
use actix_web::{App, HttpResponse, HttpServer, web};
use futures_util::lock::Mutex;
use serde::{Deserialize, Serialize};

const QUOTES: [&str; 5] = [
    "What nobody measures, everybody guesses.",
    "An average hides the one who waited.",
    "A check that cannot fail says nothing.",
    "The slowest part is the one you left out.",
    "Count what ended, not what began well.",
];

#[derive(Serialize, Deserialize)]
pub(crate) struct Quote {
    pub(crate) text: String,
}

pub(crate) struct Quotes {
    address: SocketAddr,
    /// Held across a stop, so that no start finds its port still taken.
    running: Mutex<Option<ServerHandle>>,
}

impl Quotes {
    pub(crate) fn start(wanted: SocketAddr) -> io::Result<Self> {
        let (address, server) = bind(wanted)?;
        Ok(Self { address, running: Mutex::new(Some(spawn(server))) })
    }

    /// With the port that was found, where any free one was asked for.
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

fn bind(wanted: SocketAddr) -> io::Result<(SocketAddr, Server)> {
    let server = HttpServer::new(|| {
        App::new()
            .route("/quote", web::get().to(quote))
            .route("/health", web::get().to(HttpResponse::Ok))
    })
    .workers(1)
    // The notes' server hears the signals; this one ends with the process.
    .disable_signals()
    .bind(wanted)
    .map_err(|error| crate::cannot_listen(wanted, &error))?;
    let address = server.addrs().first().copied().unwrap_or(wanted);
    Ok((address, server.run()))
}

/// On the main thread: a request that opens the port again must not leave the
/// server to the life of the worker that answers it.
fn spawn(server: Server) -> ServerHandle {
    let handle = server.handle();
    System::current().arbiter().spawn(async {
        // However it ends, the check of the notes finds out.
        let _ = server.await;
    });
    handle
}

async fn quote() -> web::Json<Quote> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed) % QUOTES.len();
    web::Json(Quote { text: QUOTES[next].to_owned() })
}
