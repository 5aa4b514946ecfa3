//! Drives services and times them.
//!
//! In each round every contender is timed once, in an order that changes from round to
//! round. Only differences within a round are used, so other load on the machine
//! affects all contenders alike.

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::{Error, HttpResponse};

use crate::peers::peer::{Peer, Recorded, Upkeep};
use crate::stats::median;

/// Something to measure, such as a service with its requests. All measurements use this
/// trait, so they treat all contenders alike.
pub trait Workload {
    fn name(&self) -> &'static str;

    /// Creates requests, outside of what is measured.
    fn prepare(&mut self, requests: usize);

    /// Sends the prepared requests and reads their responses.
    fn run(&mut self);

    fn counts(&self) -> Counts;
}

pub type BoxedWorkload = Box<dyn Workload>;

/// Requests so far.
#[derive(Clone, Copy)]
pub struct Counts {
    pub sent: u64,
    /// `None` if the contender does not record requests.
    pub recorded: Option<u64>,
}

impl Counts {
    /// A contender that loses requests would win every comparison.
    pub fn assert_recorded_since(self, before: Self, name: &str) {
        if let (Some(recorded), Some(earlier)) = (self.recorded, before.recorded) {
            let (sent, recorded) = (self.sent - before.sent, recorded - earlier);
            assert_eq!(recorded, sent, "{name} recorded another number of requests than was sent");
        }
    }
}

/// A service with its requests.
pub struct ServiceWorkload<S, R> {
    name: &'static str,
    service: S,
    /// Creates requests. Boxed, so that the type of the workload does not depend on it:
    /// the more types share a middleware's functions, the fewer the compiler inlines.
    next: Box<dyn FnMut() -> R>,
    prepared: Vec<R>,
    batches: u64,
    sent: u64,
    recorded: Recorded,
    upkeep: Upkeep,
}

/// Batches after which the background task of a recorder runs that postpones work to
/// one.
const UPKEEP_EVERY: u64 = 64;

impl<S, R> ServiceWorkload<S, R> {
    pub fn new<M>(peer: &Peer<M>, service: S, next: impl FnMut() -> R + 'static) -> Self {
        Self {
            name: peer.name,
            service,
            next: Box::new(next),
            prepared: Vec::new(),
            batches: 0,
            sent: 0,
            recorded: peer.recorded.clone(),
            upkeep: peer.upkeep.clone(),
        }
    }
}

impl<S, R, B> Workload for ServiceWorkload<S, R>
where
    S: Service<R, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn prepare(&mut self, requests: usize) {
        self.batches += 1;
        if self.batches.is_multiple_of(UPKEEP_EVERY) {
            (self.upkeep)();
        }
        self.prepared.extend(std::iter::repeat_with(&mut self.next).take(requests));
    }

    fn run(&mut self) {
        self.sent += self.prepared.len() as u64;
        for request in self.prepared.drain(..) {
            let response = block_on(self.service.call(request));
            read(response.expect("no service of the benches fails"));
        }
    }

    fn counts(&self) -> Counts {
        Counts { sent: self.sent, recorded: (self.recorded)() }
    }
}

/// A function as a workload: each of its calls counts as a request.
pub struct Calls<F> {
    pub name: &'static str,
    pub call: F,
    pub prepared: usize,
    pub sent: u64,
    pub recorded: Recorded,
}

impl<F: FnMut()> Workload for Calls<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn prepare(&mut self, requests: usize) {
        self.prepared += requests;
    }

    fn run(&mut self) {
        let calls = std::mem::take(&mut self.prepared);
        self.sent += calls as u64;
        (0..calls).for_each(|_| (self.call)());
    }

    fn counts(&self) -> Counts {
        Counts { sent: self.sent, recorded: (self.recorded)() }
    }
}

/// Runs requests one by one: each ends before the next is created.
pub fn run_one_by_one(workload: &mut dyn Workload, requests: usize) {
    for _ in 0..requests {
        workload.prepare(1);
        workload.run();
    }
}

/// Polls a future to its end. Nothing in the benches waits, so no waker is needed.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// Does what a connection of actix does: drops the request, reads the body unless it is
/// known to be empty, drops the body. Not inlined, so that this is alike for all
/// contenders.
#[inline(never)]
fn read<B: MessageBody>(response: ServiceResponse<B>) {
    let response: HttpResponse<B> = response.into();
    let (_head, body) = response.into_parts();
    if matches!(body.size(), BodySize::None | BodySize::Sized(0)) {
        return;
    }
    let mut body = pin!(body);
    let mut context = Context::from_waker(Waker::noop());
    while !is_at_end(body.as_mut(), &mut context) {}
}

fn is_at_end<B: MessageBody>(body: Pin<&mut B>, context: &mut Context<'_>) -> bool {
    match body.poll_next(context) {
        Poll::Ready(Some(chunk)) => black_box(chunk).is_err(),
        Poll::Ready(None) => true,
        Poll::Pending => false,
    }
}

/// Requests per batch: few enough that the prepared requests stay in the first-level
/// cache.
pub const BATCH: usize = 32;

/// Batches of which the median is taken, after one to warm up.
const BATCHES: usize = 9;

/// Nanoseconds per request.
#[derive(Clone)]
pub struct Timing {
    pub name: String,
    pub total: f64,
    /// Median of the differences to the bare service of the same round.
    pub over_bare: f64,
}

/// What is timed once per round: a workload, or a thread that has one.
pub trait Contender {
    fn name(&self) -> &'static str;

    /// Nanoseconds per request.
    fn time(&mut self) -> f64;

    fn counts(&self) -> Counts;
}

impl Contender for BoxedWorkload {
    fn name(&self) -> &'static str {
        self.as_ref().name()
    }

    fn time(&mut self) -> f64 {
        time(self.as_mut())
    }

    fn counts(&self) -> Counts {
        self.as_ref().counts()
    }
}

/// Times all contenders, of which the first is the bare service.
pub fn paired_timings(contenders: &mut [impl Contender], rounds: usize) -> Vec<Timing> {
    let before: Vec<_> = contenders.iter().map(Contender::counts).collect();
    let mut nanos = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..rounds {
        for index in shuffled(round, contenders.len()) {
            nanos[index].push(contenders[index].time());
        }
    }
    for (contender, before) in contenders.iter().zip(before) {
        contender.counts().assert_recorded_since(before, contender.name());
    }
    let timing = |(contender, own): (&_, &Vec<f64>)| timing(contender, own, &nanos[0]);
    contenders.iter().zip(&nanos).map(timing).collect()
}

fn timing(contender: &impl Contender, own: &[f64], bare: &[f64]) -> Timing {
    let mut over_bare: Vec<_> = own.iter().zip(bare).map(|(own, bare)| own - bare).collect();
    Timing {
        name: contender.name().to_owned(),
        total: median(&mut own.to_vec()),
        over_bare: median(&mut over_bare),
    }
}

/// The order of a round: different from round to round, so that no contender always
/// follows the same one, and the same in every run.
pub fn shuffled(round: usize, contenders: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..contenders).collect();
    let mut random = (round as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for last in (1..contenders).rev() {
        // A step of xorshift64.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        order.swap(last, (random % (last as u64 + 1)) as usize);
    }
    order
}

/// Nanoseconds per request: a batch to warm up, then the median of several.
pub fn time(workload: &mut dyn Workload) -> f64 {
    time_batch(workload, BATCH, || ());
    let mut batches: Vec<_> = (0..BATCHES).map(|_| time_batch(workload, BATCH, || ())).collect();
    median(&mut batches)
}

/// Nanoseconds per request of one batch; `before` is called just before it.
pub fn time_batch(workload: &mut dyn Workload, requests: usize, before: impl FnOnce()) -> f64 {
    let (start, end) = run_batch(workload, requests, before);
    (end - start).as_nanos() as f64 / requests as f64
}

/// When a batch began and ended.
pub fn run_batch(
    workload: &mut dyn Workload,
    requests: usize,
    before: impl FnOnce(),
) -> (Instant, Instant) {
    workload.prepare(requests);
    before();
    let start = Instant::now();
    workload.run();
    (start, Instant::now())
}
