//! Services and bodies that a test controls.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{AppService, HttpServiceFactory, ResourceDef, ServiceRequest, fn_service};
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{Error, HttpResponse, web};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A service on a prefix, such as a file server: it responds to everything below.
#[derive(Clone, Debug)]
pub(crate) struct Prefix(pub(crate) &'static str);

impl HttpServiceFactory for Prefix {
    fn register(self, config: &mut AppService) {
        let pattern = if config.is_root() {
            ResourceDef::root_prefix(self.0)
        } else {
            ResourceDef::prefix(self.0)
        };
        let service = fn_service(|request: ServiceRequest| async {
            let rest = request.match_info().unprocessed().to_owned();
            let is_missing = rest.ends_with("missing");
            let status = if is_missing { StatusCode::NOT_FOUND } else { StatusCode::OK };
            Ok(request.into_response(HttpResponse::build(status).body(rest)))
        });
        config.register_service(pattern, None, service, None);
    }
}

/// A step of a body.
#[derive(Debug)]
pub(crate) enum Step {
    Chunk(&'static str),
    Fail,
    Panic,
}

/// Controls a body.
pub(crate) type Control = UnboundedSender<Step>;

/// A body that does the steps it is sent, and ends when its control is dropped.
#[derive(Debug)]
pub(crate) struct ControlledBody {
    size: BodySize,
    steps: UnboundedReceiver<Step>,
}

impl ControlledBody {
    pub(crate) fn new(size: BodySize) -> (Control, Self) {
        let (sender, steps) = unbounded_channel();
        (sender, Self { size, steps })
    }

    /// A body that does these steps and ends.
    pub(crate) fn of(size: BodySize, steps: impl IntoIterator<Item = Step>) -> Self {
        let (sender, body) = Self::new(size);
        steps.into_iter().for_each(|step| sender.send(step).expect("the body is there"));
        body
    }
}

impl MessageBody for ControlledBody {
    type Error = Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        self.steps.poll_recv(cx).map(|step| match step? {
            Step::Chunk(text) => Some(Ok(Bytes::from_static(text.as_bytes()))),
            Step::Fail => Some(Err(actix_web::error::ErrorInternalServerError("the body fails"))),
            Step::Panic => panic!("a panic of the body, on purpose"),
        })
    }
}

/// Awaits `future` and calls `begun` after its first poll.
pub(crate) async fn announced<F: Future>(future: F, begun: impl FnOnce()) -> F::Output {
    let mut future = pin!(future);
    let begun = Cell::new(Some(begun));
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if let Some(begun) = begun.take() {
            begun();
        }
        polled
    })
    .await
}

/// Adds a handler that sends a message when it begins and never returns.
pub(crate) fn waits_for_ever(app: &mut web::ServiceConfig, path: &str, begun: &mpsc::Sender<()>) {
    let begun = begun.clone();
    app.route(
        path,
        web::get().to(move || {
            announced(pending::<HttpResponse>(), {
                let begun = begun.clone();
                move || begun.send(()).expect("the test listens")
            })
        }),
    );
}

/// Adds a handler that sends a message when it begins and responds `done` for each permit.
pub(crate) fn waits_for(
    app: &mut web::ServiceConfig,
    path: &str,
    permits: &Arc<Semaphore>,
    begun: &mpsc::Sender<()>,
) {
    let (permits, begun) = (Arc::clone(permits), begun.clone());
    app.route(
        path,
        web::get().to(move || {
            let (permits, begun) = (Arc::clone(&permits), begun.clone());
            let answer = async move { permits.acquire().await.map_or("never", |_| "done") };
            announced(answer, move || begun.send(()).expect("the test listens"))
        }),
    );
}

/// A route whose bodies the test controls, and the controls of each response.
pub(crate) fn controlled_bodies(
    size: BodySize,
) -> (mpsc::Receiver<Control>, impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static) {
    let (controls, receiver) = mpsc::channel();
    let routes = move |app: &mut web::ServiceConfig| {
        let controls = controls.clone();
        app.route(
            "/body/{id}",
            web::to(move || {
                let (control, body) = ControlledBody::new(size);
                controls.send(control).expect("the test listens");
                async { HttpResponse::Ok().body(body) }
            }),
        );
    };
    (receiver, routes)
}
