//! A server that lives as long as the process.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use actix_monitor::{BigBrother, Monitor};
use actix_web::web::Data;
use actix_web::{HttpResponse, web};

use crate::support::server::Server;

/// A server with routes of several kinds, and its monitor.
#[derive(Debug)]
pub struct Served {
    server: Server,
    monitor: Data<Monitor>,
}

impl Served {
    /// Starts the server.
    pub fn start(middleware: BigBrother) -> Self {
        let monitor = middleware.monitor();
        let server = Server::watched(middleware, |app| {
            app.route("/", web::get().to(HttpResponse::Ok))
                .route("/echo", web::to(|body: web::Bytes| async { HttpResponse::Ok().body(body) }))
                .service(
                    web::scope("/api/{tenant}").route("/items/{id}", web::to(HttpResponse::Ok)),
                )
                .route("/form", web::post().to(|_: web::Json<u8>| async { HttpResponse::Ok() }));
        });
        Self { server, monitor }
    }

    /// Its monitor.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Sends bytes on a connection of its own and returns what comes back until its end.
    ///
    /// # Panics
    ///
    /// If the server neither responds nor closes the connection.
    pub fn exchange(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.server.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a TCP socket");
        // The server may have closed the connection already.
        let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
        let mut received = Vec::new();
        if let Err(error) = stream.read_to_end(&mut received) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the server does not end");
        }
        received
    }
}
