//! An app that does with each request what the test wants, and a client that does its part.

use std::cell::Cell;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Once, mpsc};
use std::task::{Context, Poll};

use actix_monitor::{BigBrother, ErrorText};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{self, InternalError};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpRequest, HttpResponse, web};
use tokio::sync::Notify;

use crate::request::{Body, End, Request, Route};
use crate::support::client::Client;
use crate::support::patience::PATIENCE;
use crate::support::server::Server;

/// What the app sends to the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// A handler or a body waits for its end.
    Waits,
    Dropped,
}

/// A server with an app, and the requests that it expects.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) server: Server,
    events: mpsc::Receiver<Event>,
}

static ON_PURPOSE: Once = Once::new();

/// Leaves the panics of handlers out of the output: there are thousands.
fn hide_panics_on_purpose() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if !text.ends_with("on purpose") {
            report(panic);
        }
    }));
}

#[derive(Clone)]
struct State {
    requests: Arc<Vec<Request>>,
    events: mpsc::Sender<Event>,
    /// For the middleware around the monitor: a handler waits.
    waits: Arc<Notify>,
}

/// Sends an event when it is dropped.
struct OnDrop(mpsc::Sender<Event>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Dropped);
    }
}

impl State {
    fn of(&self, request: &HttpRequest) -> Option<Request> {
        let index: usize = request.headers().get("x-index")?.to_str().ok()?.parse().ok()?;
        self.requests.get(index).cloned()
    }

    /// Never returns.
    async fn wait(&self, end: End) -> HttpResponse {
        let _dropped = OnDrop(self.events.clone());
        let _ = self.events.send(Event::Waits);
        if end == End::Timeout {
            self.waits.notify_one();
        }
        pending().await
    }
}

impl Script {
    pub(crate) fn start(monitor: BigBrother, requests: &[Request]) -> Self {
        ON_PURPOSE.call_once(hide_panics_on_purpose);
        let (sender, events) = mpsc::channel();
        let requests = Arc::new(requests.to_vec());
        let state = State { requests, events: sender, waits: Arc::new(Notify::new()) };
        let server = Server::start(1, move || {
            let item = || web::resource("/items/{id}").route(web::to(handler));
            App::new()
                .app_data(web::Data::new(state.clone()))
                .route("/", web::to(handler))
                .service(item())
                .service(web::scope("/api/{tenant}").service(item()))
                .service(web::resource("/files/{tail:.*}").route(web::to(handler)))
                .wrap(from_fn(layer))
                .wrap(monitor.clone())
                .wrap(from_fn(timeout))
        });
        Self { server, events }
    }

    /// Sends a request and waits until it has ended.
    pub(crate) fn play(&self, index: usize, request: &Request) {
        let mut client = self.server.connect();
        client.send(head(index, request));
        match request.end {
            End::Reset | End::ResetInBody => {
                assert_eq!(self.next(request), Event::Waits);
                client.reset();
                assert_eq!(self.next(request), Event::Dropped);
            }
            End::Timeout => {
                assert_eq!(self.next(request), Event::Waits);
                assert_eq!(self.next(request), Event::Dropped);
                client.read_to_end();
            }
            End::Response if request.status == 101 && request.route != Route::Nowhere => {
                client.read_head();
            }
            _ => drop(client.read_to_end()),
        }
    }

    fn next(&self, request: &Request) -> Event {
        let event = self.events.recv_timeout(PATIENCE / 10);
        event.unwrap_or_else(|_| panic!("no event of the app for {request:?}"))
    }

    pub(crate) fn connect(&self) -> Client {
        self.server.connect()
    }
}

fn head(index: usize, request: &Request) -> Vec<u8> {
    let mut head = format!(
        "{} {}?query=1 HTTP/1.1\r\nhost: test\r\nconnection: close\r\nx-index: {index}\r\n",
        request.method,
        request.route.path()
    );
    if let Some(tenant) = &request.tenant {
        head.push_str(&format!("x-tenant: {tenant}\r\n"));
    }
    if let Some(trace) = request.trace {
        head.push_str(&format!("traceparent: 00-{trace:032x}-00f067aa0ba902b7-01\r\n"));
    }
    if request.is_probe {
        head.push_str("x-probe: 1\r\n");
    }
    if request.sent > 0 {
        head.push_str(&format!("content-length: {}\r\n", request.sent));
    }
    head.push_str("\r\n");
    head.extend(std::iter::repeat_n('x', request.sent));
    head.into_bytes()
}

/// Around the monitor: drops requests whose handler waits for a timeout.
async fn timeout(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let state = request.app_data::<web::Data<State>>().expect("the state").clone();
    let is_timeout = state.of(request.request()).is_some_and(|script| script.end == End::Timeout);
    if !is_timeout {
        return next.call(request).await;
    }
    tokio::select! {
        response = next.call(request) => response,
        () = state.waits.notified() => Err(error::ErrorGatewayTimeout("too late")),
    }
}

/// Within the monitor.
async fn layer(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    let state = request.app_data::<web::Data<State>>().expect("the state").clone();
    let Some(script) = state.of(request.request()) else { return next.call(request).await };
    match script.end {
        End::LayerResponse => Ok(request.into_response(response(&script, &state))),
        End::LayerError => Err(failure(&script)),
        End::LayerPanic => panic!("a panic of a middleware, on purpose"),
        _ => next.call(request).await,
    }
}

async fn handler(
    request: HttpRequest,
    state: web::Data<State>,
    _payload: web::Bytes,
) -> Result<HttpResponse, Error> {
    let script = state.of(&request).expect("a request of the test");
    match script.end {
        End::Error => Err(failure(&script)),
        End::Panic => panic!("a panic of a handler, on purpose"),
        end @ (End::Reset | End::Timeout) => Ok(state.wait(end).await),
        _ => Ok(response(&script, &state)),
    }
}

fn status(script: &Request) -> StatusCode {
    StatusCode::from_u16(script.status).expect("a status")
}

fn failure(script: &Request) -> Error {
    InternalError::new(script.message.clone().unwrap_or_default(), status(script)).into()
}

fn response(script: &Request, state: &State) -> HttpResponse {
    let mut builder = HttpResponse::build(status(script));
    if let Some(message) = &script.message {
        builder.insert_header(("x-message", message.as_str()));
    }
    if script.body == Body::DeclaredStream {
        builder.no_chunking(script.declared() as u64);
    }
    let mut response = match script.body {
        Body::None => builder.finish(),
        Body::Sized if !script.end.breaks_body() => builder.body(vec![b'x'; script.declared()]),
        _ => builder.body(ScriptedBody::new(script, state)),
    };
    if let Some(message) = &script.message {
        response.extensions_mut().insert(ErrorText::new(message.clone()));
    }
    response
}

/// A body of chunks that ends as its request wants.
struct ScriptedBody {
    size: BodySize,
    chunks: std::vec::IntoIter<usize>,
    end: End,
    events: mpsc::Sender<Event>,
    waits: Cell<bool>,
}

impl ScriptedBody {
    fn new(script: &Request, state: &State) -> Self {
        let size = match script.body {
            Body::Sized => BodySize::Sized(script.declared() as u64),
            _ => BodySize::Stream,
        };
        Self {
            size,
            chunks: script.chunks.clone().into_iter(),
            end: script.end,
            events: state.events.clone(),
            waits: Cell::new(false),
        }
    }
}

impl MessageBody for ScriptedBody {
    type Error = Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Error>>> {
        if let Some(length) = self.chunks.next() {
            return Poll::Ready(Some(Ok(vec![b'x'; length].into())));
        }
        match self.end {
            End::BodyFails => Poll::Ready(Some(Err(error::ErrorBadGateway("the body fails")))),
            End::BodyPanics => panic!("a panic of a body, on purpose"),
            End::ResetInBody => {
                if !self.waits.replace(true) {
                    let _ = self.events.send(Event::Waits);
                }
                Poll::Pending
            }
            _ => Poll::Ready(None),
        }
    }
}

impl Drop for ScriptedBody {
    fn drop(&mut self) {
        if self.end == End::ResetInBody {
            let _ = self.events.send(Event::Dropped);
        }
    }
}
