//! A lane: one service and the requests it is driven with. All measurements
//! see lanes only, so none can treat one contender differently.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::{Error, HttpResponse};

use crate::peers::{Peer, Recorded, Upkeep};

pub trait Lane {
    fn name(&self) -> &'static str;

    /// Gets requests ready, outside whatever is measured.
    fn prepare(&mut self, requests: usize);

    /// Answers every prepared request and sends its body.
    fn run(&mut self);

    /// How many requests were answered so far.
    fn sent(&self) -> u64;

    /// How many of them the middleware says it saw, if it records at all.
    fn recorded(&self) -> Option<u64>;
}

/// Some recorders postpone work to a background task, which has to run.
const UPKEEP_EVERY: u64 = 64;

pub struct Driven<S, R, N> {
    name: &'static str,
    service: S,
    next: N,
    ready: Vec<R>,
    sent: u64,
    prepared: u64,
    recorded: Recorded,
    upkeep: Upkeep,
}

impl<S, R, N> Driven<S, R, N> {
    pub fn new<M>(peer: &Peer<M>, service: S, next: N) -> Self {
        Self {
            name: peer.name,
            service,
            next,
            ready: Vec::new(),
            sent: 0,
            prepared: 0,
            recorded: peer.recorded.clone(),
            upkeep: peer.upkeep.clone(),
        }
    }
}

impl<S, R, N, B> Lane for Driven<S, R, N>
where
    S: Service<R, Response = ServiceResponse<B>, Error = Error>,
    N: FnMut() -> R,
    B: MessageBody,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn prepare(&mut self, requests: usize) {
        self.prepared += 1;
        if self.prepared.is_multiple_of(UPKEEP_EVERY) {
            (self.upkeep)();
        }
        self.ready.extend(std::iter::repeat_with(&mut self.next).take(requests));
    }

    fn run(&mut self) {
        self.sent += self.ready.len() as u64;
        for request in self.ready.drain(..) {
            let answer = finish(self.service.call(request));
            send(answer.expect("no service here fails"));
        }
    }

    fn sent(&self) -> u64 {
        self.sent
    }

    fn recorded(&self) -> Option<u64> {
        (self.recorded)()
    }
}

/// Answers one request after the other: each is gone before the next is there.
pub fn walk(lane: &mut dyn Lane, requests: usize) {
    for _ in 0..requests {
        lane.prepare(1);
        lane.run();
    }
}

/// Polls to the end. Nothing here ever waits, so there is nobody to wake.
pub fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// Does what actix's connection does: gives up the request, reads the body
/// unless it is known to be empty, drops it.
fn send<B: MessageBody>(answer: ServiceResponse<B>) {
    let answer: HttpResponse<B> = answer.into();
    let (_head, body) = answer.into_parts();
    if matches!(body.size(), BodySize::None | BodySize::Sized(0)) {
        return;
    }
    let mut body = pin!(body);
    let mut context = Context::from_waker(Waker::noop());
    while !is_over(body.as_mut(), &mut context) {}
}

fn is_over<B: MessageBody>(body: Pin<&mut B>, context: &mut Context<'_>) -> bool {
    match body.poll_next(context) {
        Poll::Ready(Some(chunk)) => std::hint::black_box(chunk).is_err(),
        Poll::Ready(None) => true,
        Poll::Pending => false,
    }
}
