//! Scrapes: encoded off the event loops, once for all that overlap.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use tokio::sync::watch;
use tokio::time::timeout_at;

use super::coding::Coding;
use super::format::PageFormat;
use super::page::{OpenPages, Page};
use crate::panics::contain;
use crate::protocol::LOG;

/// How long a scrape waits for its page. Below the 10 seconds that Prometheus waits
/// by default.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(8);

/// The reason for which a scrape has no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScrapeError {
    /// No page was encoded within the time limit.
    Timeout,
    /// Too many pages are open.
    Busy,
    /// No thread could be started, or it ended early.
    Failed,
}

/// What a scrape asks for: the same for all that may share a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Representation {
    pub(crate) format: PageFormat,
    pub(crate) coding: Coding,
}

/// What is scraped.
pub(crate) trait Source: Send + Sync + 'static {
    fn scrapes(&self) -> &Scrapes;

    /// One page in each of the formats.
    fn encode(&self, formats: &[PageFormat]) -> Vec<Vec<u8>>;
}

/// The scrapes of one monitor.
///
/// One thread encodes at a time, in rounds. A scrape that arrives during a round
/// waits for the next one, because the page in progress may lack what was recorded
/// before the scrape; all scrapes that wait share that round. Any number of scrapes
/// therefore costs no more than one at a time, and no page is older than its request.
///
/// A thread whose round takes longer than the time limit is abandoned: the next
/// scrape starts another thread, and the abandoned one ends with its round.
#[derive(Debug, Default)]
pub(crate) struct Scrapes {
    state: Mutex<State>,
    pages: OpenPages,
}

#[derive(Debug, Default)]
struct State {
    encoder: Option<Encoder>,
    /// Number of encoders started so far.
    started: u64,
    next: Option<Round>,
}

/// The thread that encodes.
#[derive(Clone, Copy, Debug)]
struct Encoder {
    id: u64,
    /// When its round began.
    round_began: Instant,
}

/// Scrapes that share one encoding. They hold receivers, so that an abandoned scrape
/// leaves nothing behind.
#[derive(Debug)]
struct Round {
    wanted: Vec<Representation>,
    result: watch::Sender<Option<RoundResult>>,
}

type RoundResult = Result<Vec<(Representation, Arc<Page>)>, ScrapeError>;

/// A page as `wanted`, not older than this call.
pub(crate) async fn scrape<S: Source>(
    source: Arc<S>,
    wanted: Representation,
) -> Result<Arc<Page>, ScrapeError> {
    let deadline = Instant::now() + TIME_LIMIT;
    let mut result = source.scrapes().lock().join(wanted);
    loop {
        if let Some(result) = &*result.borrow() {
            return page_of(Some(result), wanted);
        }
        let encoder_deadline = start_encoder(&source);
        let wait = result.wait_for(Option::is_some);
        match timeout_at(deadline.min(encoder_deadline).into(), wait).await {
            Ok(Ok(result)) => return page_of(result.as_ref(), wanted),
            Ok(Err(_)) => return Err(ScrapeError::Failed),
            Err(_) if Instant::now() >= deadline => return Err(ScrapeError::Timeout),
            // The encoder is stuck with an earlier round: start another one.
            Err(_) => {}
        }
    }
}

fn page_of(result: Option<&RoundResult>, wanted: Representation) -> Result<Arc<Page>, ScrapeError> {
    let pages = result.ok_or(ScrapeError::Failed)?.as_ref().map_err(|error| *error)?;
    let page = pages.iter().find(|(other, _)| *other == wanted);
    page.map(|(_, page)| Arc::clone(page)).ok_or(ScrapeError::Failed)
}

/// Starts an encoder if there is none, or if the present one is stuck. Returns when the
/// encoder will count as stuck.
fn start_encoder<S: Source>(source: &Arc<S>) -> Instant {
    let mut state = source.scrapes().lock();
    let now = Instant::now();
    if let Some(encoder) = state.encoder
        && now < encoder.round_began + TIME_LIMIT
    {
        return encoder.round_began + TIME_LIMIT;
    }
    state.started += 1;
    let id = state.started;
    state.encoder = Some(Encoder { id, round_began: now });
    drop(state);
    let job = Job { source: Arc::clone(source), id };
    // A thread of its own: the app's blocking pool is full just when a database hangs,
    // which is when the page is needed. Its name has at most 15 bytes on Linux.
    let thread = thread::Builder::new().name("bb-scrape".to_owned());
    if let Err(error) = thread.spawn(move || job.run()) {
        // The job is dropped, and with it the round.
        contain(|| {
            log::error!(target: LOG, "cannot start a thread to encode the metrics page: {error}");
        });
    }
    now + TIME_LIMIT
}

impl Scrapes {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Joins the next round.
    fn join(&mut self, wanted: Representation) -> watch::Receiver<Option<RoundResult>> {
        let new = || Round { wanted: Vec::new(), result: watch::Sender::new(None) };
        let round = self.next.get_or_insert_with(new);
        if !round.wanted.contains(&wanted) {
            round.wanted.push(wanted);
        }
        round.result.subscribe()
    }

    /// The next round that somebody waits for, if `id` is still the encoder. If there is
    /// none, there is no encoder any more: a scrape that joins from now on starts one.
    fn next_round(&mut self, id: u64) -> Option<Round> {
        let encoder = self.encoder.as_mut().filter(|encoder| encoder.id == id)?;
        encoder.round_began = Instant::now();
        let round = self.next.take().filter(|round| round.result.receiver_count() > 0);
        if round.is_none() {
            self.encoder = None;
        }
        round
    }
}

/// The work of one encoder.
///
/// # Drop
///
/// Makes room for another encoder. The scrapes that wait fail if the encoder could not be
/// started.
struct Job<S: Source> {
    source: Arc<S>,
    id: u64,
}

impl<S: Source> Drop for Job<S> {
    fn drop(&mut self) {
        let mut state = self.source.scrapes().lock();
        let is_current = state.encoder.is_some_and(|encoder| encoder.id == self.id);
        let left = if is_current { state.next.take() } else { None };
        if is_current {
            state.encoder = None;
        }
        drop(state);
        // Not under the lock: this wakes the scrapes.
        drop(left);
    }
}

impl<S: Source> Job<S> {
    fn run(self) {
        loop {
            let Some(round) = self.source.scrapes().lock().next_round(self.id) else { return };
            // A logger may panic.
            let result = catch_unwind(AssertUnwindSafe(|| self.encode(&round.wanted)));
            round.result.send_replace(Some(result.unwrap_or(Err(ScrapeError::Failed))));
        }
    }

    fn encode(&self, wanted: &[Representation]) -> RoundResult {
        let pages = &self.source.scrapes().pages;
        if !pages.has_room(wanted.len()) {
            return Err(ScrapeError::Busy);
        }
        let mut formats = Vec::new();
        for Representation { format, .. } in wanted {
            if !formats.contains(format) {
                formats.push(*format);
            }
        }
        let mut encoded = Vec::new();
        for (format, page) in formats.iter().zip(self.source.encode(&formats)) {
            let page = Bytes::from(page);
            for wanted in wanted.iter().filter(|wanted| wanted.format == *format) {
                encoded.push((*wanted, pages.add(wanted.coding.apply(page.clone()))));
            }
        }
        Ok(encoded)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use futures_util::FutureExt as _;

    use super::{
        Arc, Coding, Duration, PageFormat, Representation, Scrapes, Source, TIME_LIMIT, scrape,
        thread,
    };
    use crate::exposition::format::Format;

    /// How long something that must happen may take, on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A source that encodes when the test allows it.
    struct Gated {
        scrapes: Scrapes,
        begun: Sender<Sender<()>>,
    }

    impl Source for Gated {
        fn scrapes(&self) -> &Scrapes {
            &self.scrapes
        }

        fn encode(&self, formats: &[PageFormat]) -> Vec<Vec<u8>> {
            let (open, opened) = channel();
            self.begun.send(open).expect("the test goes on");
            opened.recv().expect("the test goes on");
            formats.iter().map(|_| Vec::new()).collect()
        }
    }

    #[test]
    fn an_encoder_that_was_stuck_leaves_the_next_round_to_the_present_one() {
        let (begun, begins) = channel();
        let source = Arc::new(Gated { scrapes: Scrapes::default(), begun });
        let wanted =
            Representation { format: PageFormat::Text(Format::Text), coding: Coding::Identity };
        let next = || begins.recv_timeout(PATIENCE).expect("a round begins");
        let scrape = || Box::pin(scrape(Arc::clone(&source), wanted));
        actix_rt::System::new().block_on(async {
            let mut first = scrape();
            assert!(first.as_mut().now_or_never().is_none());
            let open_first = next();
            if let Some(encoder) = &mut source.scrapes.lock().encoder {
                encoder.round_began -= TIME_LIMIT;
            }
            let (mut second, mut third) = (scrape(), scrape());
            assert!(second.as_mut().now_or_never().is_none());
            let open_second = next();
            assert!(third.as_mut().now_or_never().is_none());

            open_first.send(()).expect("the encoder waits");
            assert!(first.await.is_ok());
            // The test, two scrapes and the encoder of the second one.
            while Arc::strong_count(&source) > 4 {
                assert!(begins.try_recv().is_err(), "two threads encode at a time");
                thread::yield_now();
            }
            assert!(begins.try_recv().is_err(), "two threads have encoded at a time");
            open_second.send(()).expect("the encoder waits");
            next().send(()).expect("the encoder waits");
            assert!(second.await.is_ok() && third.await.is_ok());
        });
    }
}
