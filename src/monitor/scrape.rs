//! Scrapes: off the event loop, and one encoding for all that overlap.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use actix_web::web::Bytes;
use tokio::sync::oneshot;

use crate::exposition::format::Format;
use crate::protocol::LOG;

/// No page could be made; the log says why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScrapeFailed;

type Answer = Result<Bytes, ScrapeFailed>;

/// Where pages come from.
pub(crate) trait Pages: Send + Sync + 'static {
    fn scrapes(&self) -> &Scrapes;

    /// One page in each of the wanted formats, all of the same moment.
    fn encode_all(&self, formats: &[Format]) -> Result<Vec<String>, std::fmt::Error>;
}

/// The scrapes that wait for a page.
///
/// One job encodes at a time. Whoever comes while it encodes waits for the next
/// round, because the page under way may lack what was recorded before they
/// asked; all of these share that one round. So a flood of scrapes costs no more
/// than one at a time, and no page is older than the question.
#[derive(Debug, Default)]
pub(crate) struct Scrapes {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_encoding: bool,
    waiting: Vec<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    format: Format,
    answer: oneshot::Sender<Answer>,
}

/// A page in `format`, not older than this call.
pub(crate) async fn scrape<P: Pages>(pages: Arc<P>, format: Format) -> Answer {
    let (answer, page) = oneshot::channel();
    if pages.scrapes().is_first(Waiter { format, answer }) {
        let job = Job { pages, is_done: false };
        // A thread of our own: the app's blocking pool is full just when a database
        // hangs, which is when the page is needed.
        let thread = thread::Builder::new().name("bb-scrape".to_owned());
        if let Err(error) = thread.spawn(move || job.run()) {
            log::error!(target: LOG, "the metrics cannot be encoded without a thread: {error}");
        }
    }
    page.await.unwrap_or(Err(ScrapeFailed))
}

impl Scrapes {
    /// Queues a scrape; `true` where no job is there to answer it.
    fn is_first(&self, waiter: Waiter) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.push(waiter);
        !std::mem::replace(&mut state.is_encoding, true)
    }

    /// The next round, or none: then the job is over.
    fn next_round(&self) -> Option<Vec<Waiter>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Who hung up gets no page, and a round of nobody is not encoded.
        state.waiting.retain(|waiter| !waiter.answer.is_closed());
        state.is_encoding = !state.waiting.is_empty();
        state.is_encoding.then(|| std::mem::take(&mut state.waiting))
    }

    fn give_up(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State::default();
    }
}

/// Encodes until nobody waits. Dropped before that, because no thread could be had,
/// it leaves nobody waiting for it.
struct Job<P: Pages> {
    pages: Arc<P>,
    is_done: bool,
}

impl<P: Pages> Drop for Job<P> {
    fn drop(&mut self) {
        if !self.is_done {
            self.pages.scrapes().give_up();
        }
    }
}

impl<P: Pages> Job<P> {
    fn run(mut self) {
        while let Some(waiters) = self.pages.scrapes().next_round() {
            let mut formats: Vec<Format> = Vec::new();
            for waiter in &waiters {
                if !formats.contains(&waiter.format) {
                    formats.push(waiter.format);
                }
            }
            let pages = self.encode(&formats);
            for waiter in waiters {
                let page = formats.iter().position(|format| *format == waiter.format);
                let answer = pages.as_ref().ok().zip(page).and_then(|(pages, at)| pages.get(at));
                // A scraper that hung up meanwhile does not miss the answer.
                let _ = waiter.answer.send(answer.cloned().ok_or(ScrapeFailed));
            }
        }
        self.is_done = true;
    }

    /// The pages of one round. A metric of the app may fail or panic in here.
    fn encode(&self, formats: &[Format]) -> Result<Vec<Bytes>, ScrapeFailed> {
        match catch_unwind(AssertUnwindSafe(|| self.pages.encode_all(formats))) {
            Ok(Ok(pages)) => Ok(pages.into_iter().map(Bytes::from).collect()),
            Ok(Err(_)) => {
                log::error!(target: LOG, "a registered metric could not be encoded");
                Err(ScrapeFailed)
            }
            Err(_) => {
                log::error!(target: LOG, "a registered metric panicked while it was encoded");
                Err(ScrapeFailed)
            }
        }
    }
}
