//! Services and bodies as apps have them, made so that a test decides when they
//! go on.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{AppService, HttpServiceFactory, ResourceDef, ServiceRequest, fn_service};
use actix_web::web::Bytes;
use actix_web::{Error, HttpResponse};
use tokio::sync::mpsc;

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

/// A body that does what it is told, and ends when its other end is dropped.
#[derive(Debug)]
pub(crate) struct ToldBody {
    size: BodySize,
    steps: mpsc::UnboundedReceiver<Step>,
}

impl ToldBody {
    pub(crate) fn new(size: BodySize) -> (mpsc::UnboundedSender<Step>, Self) {
        let (sender, steps) = mpsc::unbounded_channel();
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
