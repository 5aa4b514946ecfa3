//! Services and bodies as apps have them, made so that a test decides when they
//! go on.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{AppService, HttpServiceFactory, ResourceDef, ServiceRequest, fn_service};
use actix_web::web::Bytes;
use actix_web::{Error, HttpResponse, web};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A service on a prefix, as a file server is: it answers whatever is below.
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
            Ok(request.into_response(HttpResponse::Ok().body(rest)))
        });
        config.register_service(pattern, None, service, None);
    }
}

/// What a body does next.
#[derive(Debug)]
pub(crate) enum Step {
    Chunk(&'static str),
    Fail,
    Panic,
}

/// Tells a body what to do.
pub(crate) type Control = UnboundedSender<Step>;

/// A body that does what it is told, and ends when its other end is dropped.
#[derive(Debug)]
pub(crate) struct ToldBody {
    size: BodySize,
    steps: UnboundedReceiver<Step>,
}

impl ToldBody {
    pub(crate) fn new(size: BodySize) -> (Control, Self) {
        let (sender, steps) = unbounded_channel();
        (sender, Self { size, steps })
    }

    /// A body that does `steps` and ends.
    pub(crate) fn of(size: BodySize, steps: impl IntoIterator<Item = Step>) -> Self {
        let (sender, body) = Self::new(size);
        steps.into_iter().for_each(|step| sender.send(step).expect("the body is there"));
        body
    }
}

impl MessageBody for ToldBody {
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
            Step::Fail => Some(Err(actix_web::error::ErrorInternalServerError("told to fail"))),
            Step::Panic => panic!("the body was told to panic"),
        })
    }
}

/// Awaits `future` and calls `begun` once it has been polled for the first time.
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

/// Adds a handler that never answers, and tells when it has begun.
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

/// Adds a handler that answers `done` for each permit it is given, and tells when
/// it has begun.
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

/// Answers whose bodies the test leads: each sends it the controls of its own.
pub(crate) fn told_bodies(
    size: BodySize,
) -> (mpsc::Receiver<Control>, impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static) {
    let (controls, receiver) = mpsc::channel();
    let routes = move |app: &mut web::ServiceConfig| {
        let controls = controls.clone();
        app.route(
            "/told/{id}",
            web::to(move || {
                let (control, body) = ToldBody::new(size);
                controls.send(control).expect("the test listens");
                async { HttpResponse::Ok().body(body) }
            }),
        );
    };
    (receiver, routes)
}
