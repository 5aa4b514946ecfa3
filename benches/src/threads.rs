//! Worker threads, and pairs of them that record at the same moment.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::peers::peer::Peer;
use crate::runner::{BoxedWorkload, Contender, Counts, Workload, run_batch, shuffled, time};
use crate::services::{Middleware, one_series};
use crate::stats::median;

/// A thread with one workload, as a worker of a server has one service. Several
/// middlewares on one thread would look for each other on every request, which those
/// of a server do not.
pub struct Worker {
    name: &'static str,
    /// `None` once it is dropped.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

type Job = Box<dyn FnOnce(&mut dyn Workload) + Send>;

impl Worker {
    /// The workload is created on the thread, because services stay on theirs.
    pub fn new(
        name: &'static str,
        create: impl FnOnce() -> BoxedWorkload + Send + 'static,
    ) -> Self {
        let (jobs, inbox) = channel::<Job>();
        let thread = thread::spawn(move || {
            let mut workload = create();
            for job in inbox {
                job(workload.as_mut());
            }
        });
        Self { name, jobs: Some(jobs), thread: Some(thread) }
    }

    /// Runs a job on the thread and returns what it will return.
    fn start<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn Workload) -> T + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = channel();
        let job: Job = Box::new(move |workload| {
            // The receiver waits for the result.
            let _ = sender.send(job(workload));
        });
        let jobs = self.jobs.as_ref().expect("taken by drop only");
        jobs.send(job).expect("a worker runs as long as its handle exists");
        Pending(receiver)
    }
}

/// Waits for the thread, so that it frees nothing while memory is measured.
impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs.take();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))), "the worker does not panic");
    }
}

/// The result of a job that is running.
struct Pending<T>(Receiver<T>);

impl<T> Pending<T> {
    fn wait(self) -> T {
        self.0.recv().expect("a job does not panic")
    }
}

impl Contender for Worker {
    fn name(&self) -> &'static str {
        self.name
    }

    fn time(&mut self) -> f64 {
        self.start(|workload| time(workload)).wait()
    }

    fn counts(&self) -> Counts {
        self.start(|workload| workload.counts()).wait()
    }
}

/// Two workers that start their batches together. No thread is pinned to a core.
pub struct ThreadPair {
    pub name: &'static str,
    workers: [Worker; 2],
    shares_recorder: bool,
}

/// Nanoseconds per observation, with one thread and with both. `None` if the two
/// threads did not run at the same time.
#[derive(Clone, Copy)]
pub struct Round {
    pub one: f64,
    pub two: Option<f64>,
}

/// Batches per round, after one to warm up: the thread has slept before.
const BATCHES: usize = 5;

/// Observations per batch: enough that the threads overlap.
const OBSERVATIONS: usize = 128;

/// The least part of a batch during which both threads must have run.
const OVERLAP: f64 = 0.8;

impl ThreadPair {
    /// Two threads with one recorder, as in a server.
    pub fn sharing<M: Middleware + Clone + Send + 'static>(peer: Peer<M>) -> Self {
        let name = peer.name;
        Self::new(name, [peer.clone(), peer].map(|peer| || one_series(peer)), true)
    }

    /// A recorder for each thread: what two threads cost each other here is due to the
    /// machine.
    pub fn separate<M: Middleware + Send + 'static>(
        name: &'static str,
        peers: [Peer<M>; 2],
    ) -> Self {
        Self::new(name, peers.map(|peer| || one_series(peer)), false)
    }

    pub fn new<F>(name: &'static str, workloads: [F; 2], shares_recorder: bool) -> Self
    where
        F: FnOnce() -> BoxedWorkload + Send + 'static,
    {
        let workers = workloads.map(|create| Worker::new(name, create));
        Self { name, workers, shares_recorder }
    }

    fn round(&self) -> Round {
        let mut one = self.run::<1>().map(nanos);
        Round { one: median(&mut one), two: self.run_both() }
    }

    fn run_both(&self) -> Option<f64> {
        let batches = self.run::<2>().into_iter();
        let mut nanos: Vec<_> = batches.filter(overlap).map(nanos).collect();
        (!nanos.is_empty()).then(|| median(&mut nanos))
    }

    /// The batches of a round, each with the spans of its threads.
    fn run<const THREADS: usize>(&self) -> [[Span; THREADS]; BATCHES] {
        let barriers = Arc::new([(); BATCHES].map(|()| SpinBarrier::new(THREADS)));
        let spans: [_; THREADS] = std::array::from_fn(|worker| {
            let barriers = Arc::clone(&barriers);
            self.workers[worker].start(move |workload| run_batches(workload, &barriers))
        });
        let spans = spans.map(|spans| spans.wait());
        std::array::from_fn(|batch| spans.map(|spans| spans[batch]))
    }

    fn assert_recorded(&self) {
        let [first, second] = self.workers.each_ref().map(Contender::counts);
        let sent = if self.shares_recorder { first.sent + second.sent } else { first.sent };
        let nothing = Counts { sent: 0, recorded: Some(0) };
        Counts { sent, ..first }.assert_recorded_since(nothing, self.name);
    }
}

/// Measures all pairs in each round. The outer index is the round.
pub fn measure(pairs: &[ThreadPair], rounds: usize) -> Vec<Vec<Round>> {
    let round = |round| {
        let order = shuffled(round, pairs.len()).into_iter();
        let mut measured: Vec<_> = order.map(|pair| (pair, pairs[pair].round())).collect();
        measured.sort_by_key(|(pair, _)| *pair);
        measured.into_iter().map(|(_, round)| round).collect()
    };
    let measured = (0..rounds).map(round).collect();
    pairs.iter().for_each(ThreadPair::assert_recorded);
    measured
}

/// The time of an observation with two threads, relative to one, of the pair at `index`.
/// The time of the pair at `bare`, if any, is subtracted from both.
pub fn growth(rounds: &[Vec<Round>], index: usize, bare: Option<usize>) -> f64 {
    let over_bare = |nanos: fn(&Round) -> Option<f64>| {
        let differences = rounds.iter().filter_map(|pairs| {
            let bare = bare.map_or(Some(0.0), |bare| nanos(&pairs[bare]))?;
            Some(nanos(&pairs[index])? - bare)
        });
        let mut differences: Vec<_> = differences.collect();
        if differences.is_empty() { f64::NAN } else { median(&mut differences) }
    };
    over_bare(|round| round.two) / over_bare(|round| Some(round.one))
}

/// The part of the rounds in which both threads ran at the same time.
pub fn overlapping(rounds: &[Vec<Round>]) -> f64 {
    let all = rounds.iter().flatten();
    let overlapping = all.clone().filter(|round| round.two.is_some()).count();
    overlapping as f64 / all.count() as f64
}

/// When a thread ran its batch.
#[derive(Clone, Copy)]
struct Span {
    start: Instant,
    end: Instant,
}

impl Span {
    fn length(&self) -> Duration {
        self.end - self.start
    }
}

fn run_batches(workload: &mut dyn Workload, barriers: &[SpinBarrier; BATCHES]) -> [Span; BATCHES] {
    run_batch(workload, OBSERVATIONS, || ());
    barriers.each_ref().map(|barrier| {
        let (start, end) = run_batch(workload, OBSERVATIONS, || barrier.wait());
        Span { start, end }
    })
}

fn nanos<const THREADS: usize>(spans: [Span; THREADS]) -> f64 {
    let sum: Duration = spans.iter().map(Span::length).sum();
    sum.as_nanos() as f64 / (THREADS * OBSERVATIONS) as f64
}

/// Whether both threads ran during nearly the whole batch. Threads that take turns on
/// one core do not disturb each other, and would seem to scale best.
fn overlap([one, two]: &[Span; 2]) -> bool {
    let both = one.end.min(two.end).saturating_duration_since(one.start.max(two.start));
    let longest = one.length().max(two.length());
    both.as_secs_f64() >= OVERLAP * longest.as_secs_f64()
}

/// Opens once all threads have arrived. Spins, because waking a thread takes longer than
/// the work to measure.
struct SpinBarrier {
    missing: AtomicUsize,
}

impl SpinBarrier {
    fn new(threads: usize) -> Self {
        Self { missing: AtomicUsize::new(threads) }
    }

    fn wait(&self) {
        self.missing.fetch_sub(1, Ordering::AcqRel);
        while self.missing.load(Ordering::Acquire) > 0 {
            spin_loop();
        }
    }
}
