//! A real server on a port of its own, stopped when it is dropped.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_monitor::BigBrother;
use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::web::ServiceConfig;
use actix_web::{App, Error, HttpServer};

use super::client::Client;
use super::http2::Http2;
use super::page::Page;
use super::patience::eventually;

/// The runtime of the server's future. Its workers have runtimes of actix.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runtime {
    /// An actix `System`, as under `#[actix_web::main]`.
    Actix,
    /// A tokio runtime without a `System`, as under `#[tokio::main]`.
    Tokio,
}

/// The protocols of a server, and what it does when a client closes its connection in the
/// ordinary way.
#[derive(Clone, Copy, Debug)]
enum Connections {
    Http1,
    WithoutHalfClosed,
    /// HTTP/1, and HTTP/2 with prior knowledge.
    Http2,
}

/// A monitor of its own with all defaults.
pub(crate) fn monitor() -> BigBrother {
    BigBrother::builder().isolated().build()
}

/// A server on its own thread, listening on a port that the system chose.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Server {
    /// Serves the apps of `factory` with `workers` workers in an actix `System`.
    ///
    /// # Panics
    ///
    /// If the server cannot be started. [`Server::try_start`] returns the error.
    #[track_caller]
    pub(crate) fn start<F, T, B>(workers: usize, factory: F) -> Self
    where
        F: Fn() -> App<T> + Send + Clone + 'static,
        T: ServiceFactory<
                ServiceRequest,
                Config = (),
                Response = ServiceResponse<B>,
                Error = Error,
                InitError = (),
            > + 'static,
        B: MessageBody + 'static,
    {
        Self::try_start(Runtime::Actix, workers, factory).expect("the server starts")
    }

    /// Serves `routes` wrapped with `monitor`, with one worker.
    #[track_caller]
    pub(crate) fn watched(
        monitor: BigBrother,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> Self {
        Self::start(1, move || App::new().wrap(monitor.clone()).configure(routes.clone()))
    }

    /// A server with one worker that drops a request when its client closes the connection
    /// in the ordinary way.
    #[track_caller]
    pub(crate) fn start_without_half_closed<F, T, B>(factory: F) -> Self
    where
        F: Fn() -> App<T> + Send + Clone + 'static,
        T: ServiceFactory<
                ServiceRequest,
                Config = (),
                Response = ServiceResponse<B>,
                Error = Error,
                InitError = (),
            > + 'static,
        B: MessageBody + 'static,
    {
        Self::serve(Runtime::Actix, 1, Connections::WithoutHalfClosed, factory)
            .expect("the server starts")
    }

    /// Serves `routes` wrapped with `monitor` on HTTP/1 and HTTP/2, with one worker.
    #[track_caller]
    pub(crate) fn http2(
        monitor: BigBrother,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> Self {
        let factory = move || App::new().wrap(monitor.clone()).configure(routes.clone());
        Self::serve(Runtime::Actix, 1, Connections::Http2, factory).expect("the server starts")
    }

    /// The server, or the error with which it ended before it served anything.
    pub(crate) fn try_start<F, T, B>(
        runtime: Runtime,
        workers: usize,
        factory: F,
    ) -> std::io::Result<Self>
    where
        F: Fn() -> App<T> + Send + Clone + 'static,
        T: ServiceFactory<
                ServiceRequest,
                Config = (),
                Response = ServiceResponse<B>,
                Error = Error,
                InitError = (),
            > + 'static,
        B: MessageBody + 'static,
    {
        Self::serve(runtime, workers, Connections::Http1, factory)
    }

    fn serve<F, T, B>(
        runtime: Runtime,
        workers: usize,
        connections: Connections,
        factory: F,
    ) -> std::io::Result<Self>
    where
        F: Fn() -> App<T> + Send + Clone + 'static,
        T: ServiceFactory<
                ServiceRequest,
                Config = (),
                Response = ServiceResponse<B>,
                Error = Error,
                InitError = (),
            > + 'static,
        B: MessageBody + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            run(runtime, async move {
                let server = HttpServer::new(factory)
                    .workers(workers)
                    .h1_allow_half_closed(!matches!(connections, Connections::WithoutHalfClosed))
                    .disable_signals()
                    .keep_alive(Duration::from_secs(120))
                    .client_request_timeout(Duration::ZERO);
                let address = (Ipv4Addr::LOCALHOST, 0);
                let server = match connections {
                    Connections::Http2 => server.bind_auto_h2c(address)?,
                    _ => server.bind(address)?,
                };
                let address = server.addrs()[0];
                let server = server.run();
                // The address is sent before the workers have started. The socket listens
                // already, so clients wait for their responses.
                let _ = sender.send((address, server.handle()));
                server.await
            })
        });
        let (address, handle) = match receiver.recv() {
            Ok(started) => started,
            Err(_) => return Err(ended(thread)),
        };
        Ok(Self { address, handle, thread: Some(thread) })
    }

    /// A new connection.
    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection that begins with HTTP/2.
    #[track_caller]
    pub(crate) fn connect_http2(&self) -> Http2 {
        Http2::connect(self.address)
    }

    /// The same, with a client that receives at most `window` bytes of a response.
    #[track_caller]
    pub(crate) fn connect_http2_that_does_not_read(&self, window: u32) -> Http2 {
        Http2::that_does_not_read(self.address, window)
    }

    /// The URL of `path`.
    #[cfg(all(feature = "awc", feature = "reqwest"))]
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The page at `path`, requested on a connection of its own.
    #[track_caller]
    pub(crate) fn page(&self, path: &str) -> Page {
        let response = self.connect().get(path);
        assert_eq!(response.status, 200, "{path} answers {response:?}");
        Page::parse(&response.text())
    }

    /// The metrics page.
    #[track_caller]
    pub(crate) fn metrics(&self) -> Page {
        self.page("/metrics")
    }

    /// The metrics page once it has `requests` requests, for ends that clients do not
    /// receive.
    #[track_caller]
    pub(crate) fn metrics_of(&self, requests: f64) -> Page {
        eventually(&format!("{requests} requests are recorded"), || {
            let page = self.metrics();
            (page.requests() >= requests).then_some(page)
        })
    }

    /// Stops without waiting for requests in progress, and returns how the server ended.
    pub(crate) fn stop(mut self) -> std::io::Result<()> {
        self.end(false)
    }

    /// Stops as on SIGTERM, after requests in progress have ended.
    pub(crate) fn stop_gracefully(mut self) -> std::io::Result<()> {
        self.end(true)
    }

    fn end(&mut self, graceful: bool) -> std::io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        // The call sends the command; the thread ends once it was handled.
        drop(self.handle.stop(graceful));
        joined(thread)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A second panic would hide the one of a failing test.
        let _ = self.end(false);
    }
}

fn joined(thread: JoinHandle<std::io::Result<()>>) -> std::io::Result<()> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn ended(thread: JoinHandle<std::io::Result<()>>) -> std::io::Error {
    match joined(thread) {
        Ok(()) => std::io::Error::other("the server ended at its start"),
        Err(error) => error,
    }
}

/// Runs a future to its end on this thread.
pub(crate) fn run<T>(runtime: Runtime, future: impl Future<Output = T>) -> T {
    match runtime {
        Runtime::Actix => actix_web::rt::System::new().block_on(future),
        Runtime::Tokio => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a tokio runtime")
            .block_on(future),
    }
}
