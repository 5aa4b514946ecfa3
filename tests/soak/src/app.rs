//! The servers under test: one with every option on, one with the defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::{
    BigBrother, Dependency, ErrorMessage, Exemplars, Label, Monitor, RequestSize, ResponseSize,
};
use actix_web::body::{BodySize, BoxBody};
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::time::sleep;
use actix_web::{App, Error, HttpResponse, HttpServer, error, web};
use futures_util::StreamExt as _;

use crate::ledger::{CHUNK, Last, Ledger};

pub(crate) const CHUNKS: usize = 32;
pub(crate) const SLOW: Duration = Duration::from_millis(20);
const BLOCK: Duration = Duration::from_millis(150);

/// What a server serves, and what it must have recorded.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) name: &'static str,
    pub(crate) has_all: bool,
    pub(crate) middleware: BigBrother,
    pub(crate) ledger: Ledger,
    /// Calls to the dependency.
    pub(crate) calls: Arc<AtomicU64>,
    /// How often the route that blocks has done so.
    pub(crate) blocks: Arc<AtomicU64>,
}

impl Watched {
    pub(crate) fn with_defaults() -> Self {
        Self::new("defaults", false, BigBrother::builder().isolated().build())
    }

    pub(crate) fn with_all_options() -> Self {
        let own: Counter = Counter::default();
        let registry = prometheus::Registry::new();
        let middleware = BigBrother::builder()
            .isolated()
            .version("v1.2.3")
            .buckets([0.001, 0.01, 0.1, 1.0])
            .request_head_seconds([0.001, 0.01, 0.1])
            .response_size(ResponseSize::Sent)
            .request_size(RequestSize::Received)
            .error_message(ErrorMessage::actix_error())
            .label("tenant", Label::header("x-tenant").limit(8))
            .const_label("region", "eu")
            .exclude("/health")
            .exemplars(Exemplars::traceparent())
            .requests_in_flight()
            .blocked_workers()
            .native_histograms()
            .openmetrics()
            .dashboard("/status")
            .dependency(Dependency::new("steady", || async { true }).every(SLOW).timeout(SLOW))
            .register("own", move |registry| registry.register("own", "A counter", own))
            .attach("prometheus", registry)
            .build();
        Self::new("every option", true, middleware)
    }

    fn new(name: &'static str, has_all: bool, middleware: BigBrother) -> Self {
        let (calls, blocks) = Default::default();
        Self { name, has_all, middleware, ledger: Ledger::new(has_all), calls, blocks }
    }

    fn routes(&self, app: &mut web::ServiceConfig) {
        self.plain_routes(app);
        self.broken_routes(app);
        self.calls_and_blocks(app);
        let ok = || web::get().to(HttpResponse::Ok);
        app.service(web::scope("/private").wrap(from_fn(refuses)).route("/{id}", ok()))
            .service(web::scope("/broken").wrap(from_fn(fails)).route("/{id}", ok()));
    }

    fn plain_routes(&self, app: &mut web::ServiceConfig) {
        let line = |method, addr| {
            let ledger = self.ledger.clone();
            move || ledger.begin(method, addr)
        };
        let hello = |line: &dyn Fn() -> crate::ledger::Line, bytes| {
            line().respond(200, bytes);
            HttpResponse::Ok().body("hello")
        };
        let get = line("GET", "/users/{id}");
        let head = line("HEAD", "/users/{id}");
        let twice = line("GET", "/twice/{id}");
        let health = line("GET", "/health");
        let has_all = self.has_all;
        let users = web::resource("/users/{id}")
            .route(web::get().to(move || std::future::ready(hello(&get, 5))))
            .route(web::head().to(move || std::future::ready(hello(&head, 0))));
        let again = web::resource("/twice/{id}").wrap(self.middleware.clone());
        app.service(users)
            .service(again.route(web::get().to(move || std::future::ready(hello(&twice, 5)))))
            .route(
                "/health",
                web::get().to(move || {
                    if !has_all {
                        health().respond(200, 5);
                    }
                    async { "hello" }
                }),
            );
        let post = line("POST", "/orders");
        app.route(
            "/orders",
            web::post().to(move |payload| {
                let line = post();
                async move {
                    let is_whole = read(payload).await;
                    let status = if is_whole { 201 } else { 400 };
                    let body = line.body(status, BodySize::Sized(0), 0, Last::End);
                    let mut response =
                        if is_whole { HttpResponse::Created() } else { HttpResponse::BadRequest() };
                    response.body(body)
                }
            }),
        );
    }

    fn broken_routes(&self, app: &mut web::ServiceConfig) {
        let sized = BodySize::Sized((CHUNKS * CHUNK.len()) as u64);
        for (addr, size, last, wait) in [
            ("/sized", sized, Last::End, false),
            ("/stream", BodySize::Stream, Last::End, false),
            ("/slow/{id}", BodySize::Stream, Last::End, true),
            ("/body/fails", BodySize::Stream, Last::Fail, false),
            ("/body/panics", BodySize::Stream, Last::Panic, false),
            ("/body/endless", BodySize::Stream, Last::Endless, false),
        ] {
            let ledger = self.ledger.clone();
            app.route(
                addr,
                web::get().to(move || {
                    let line = ledger.begin("GET", addr);
                    async move {
                        if wait {
                            sleep(SLOW).await;
                        }
                        HttpResponse::Ok().body(line.body(200, size, CHUNKS, last))
                    }
                }),
            );
        }
        let ledger = self.ledger.clone();
        app.route(
            "/panics/{id}",
            web::get().to(move || {
                let line = ledger.begin("GET", "/panics/{id}");
                async move {
                    let _line = line;
                    sleep(Duration::ZERO).await;
                    panics()
                }
            }),
        );
        let ledger = self.ledger.clone();
        app.route(
            "/conflict",
            web::get().to(move || {
                ledger.begin("GET", "/conflict").respond(409, 8);
                async { Err::<HttpResponse, _>(error::ErrorConflict("conflict")) }
            }),
        );
    }

    fn calls_and_blocks(&self, app: &mut web::ServiceConfig) {
        let (ledger, calls) = (self.ledger.clone(), Arc::clone(&self.calls));
        app.route(
            "/calls/{id}",
            web::get().to(move |monitor: web::Data<Monitor>| {
                let line = ledger.begin("GET", "/calls/{id}");
                let calls = calls.clone();
                async move {
                    let call = |addr| monitor.start_dependency_request("db").kind("sql").addr(addr);
                    calls.fetch_add(2, Ordering::SeqCst);
                    call("ends").finish(200);
                    let _dropped = call("is dropped");
                    sleep(Duration::ZERO).await;
                    HttpResponse::Ok().body(line.body(200, BodySize::Sized(0), 0, Last::End))
                }
            }),
        );
        let (ledger, blocks) = (self.ledger.clone(), Arc::clone(&self.blocks));
        app.route(
            "/blocks",
            web::get().to(move || {
                ledger.begin("GET", "/blocks").respond(200, 0);
                thread::sleep(BLOCK);
                blocks.fetch_add(1, Ordering::SeqCst);
                async { HttpResponse::Ok().finish() }
            }),
        );
    }
}

fn panics() -> HttpResponse {
    panic!("a handler, on purpose")
}

async fn read(mut payload: web::Payload) -> bool {
    while let Some(chunk) = payload.next().await {
        if chunk.is_err() {
            return false;
        }
    }
    true
}

async fn refuses(request: ServiceRequest, _: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    Ok(request.into_response(HttpResponse::Unauthorized().body("who?")))
}

async fn fails(_: ServiceRequest, _: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    Err(error::ErrorForbidden("forbidden"))
}

/// A server with two workers on a port of its own, for HTTP/1 and HTTP/2.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) fn start(watched: &Watched) -> Self {
        let (sender, receiver) = mpsc::channel();
        let watched = watched.clone();
        let thread = thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let allows_half_closed = !watched.has_all;
                let server = HttpServer::new(move || {
                    let watched = watched.clone();
                    let middleware = watched.middleware.clone();
                    App::new().configure(move |app| watched.routes(app)).wrap(middleware)
                })
                .workers(2)
                .h1_allow_half_closed(allows_half_closed)
                .disable_signals()
                .keep_alive(Duration::from_secs(120))
                .client_request_timeout(Duration::ZERO)
                .bind_auto_h2c((Ipv4Addr::LOCALHOST, 0))?;
                let address = server.addrs()[0];
                let server = server.run();
                let _ = sender.send((address, server.handle()));
                server.await
            })
        });
        let (address, handle) = receiver.recv().expect("the server starts");
        Self { address, handle, thread }
    }

    /// Stops the server as on SIGTERM.
    pub(crate) fn stop(self) {
        drop(self.handle.stop(true));
        self.thread.join().expect("no panic").expect("the server stops");
    }
}
