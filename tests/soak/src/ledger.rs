//! The ledger: what must be on the page, counted by the handlers and clients themselves.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{BodySize, MessageBody};
use actix_web::error::ErrorInternalServerError;
use actix_web::web::Bytes;

use crate::support::page::Page;

/// Status, method and `addr` of requests.
pub(crate) type Key = (String, String, String);

/// How many requests, and how many bytes.
pub(crate) type Counts = BTreeMap<Key, (u64, u64)>;

#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    counts: Arc<Mutex<Counts>>,
    /// Whether bytes are those sent, as opposed to declared.
    counts_sent: bool,
}

impl Ledger {
    pub(crate) fn new(counts_sent: bool) -> Self {
        Self { counts: Arc::default(), counts_sent }
    }

    pub(crate) fn enter(&self, status: u16, method: &str, addr: &str, bytes: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (status.to_string(), method.to_owned(), addr.to_owned());
        let (requests, all) = counts.entry(key).or_default();
        *requests += 1;
        *all += bytes;
    }

    /// A line for a request whose handler has begun. It is entered when it is dropped.
    pub(crate) fn begin(&self, method: &'static str, addr: &'static str) -> Line {
        Line { ledger: self.clone(), method, addr, status: None, bytes: 0 }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.counts().values().map(|(requests, _)| requests).sum()
    }
}

/// What a page has.
pub(crate) fn on_page(page: &Page) -> Counts {
    let mut counts = Counts::new();
    for sample in &page.samples {
        let key = || {
            ["status", "method", "addr"].map(|key| sample.label(key).unwrap_or_default().to_owned())
        };
        let place = match sample.name.as_str() {
            "request_seconds_count" => 0,
            "response_size_bytes" => 1,
            _ => continue,
        };
        let (requests, bytes) = counts.entry(key().into()).or_default();
        *[requests, bytes][place] += sample.value as u64;
    }
    counts
}

/// A request whose handler has begun. Until it has a response, its end is a 499, or a 500 if it
/// panics.
#[derive(Debug)]
pub(crate) struct Line {
    ledger: Ledger,
    method: &'static str,
    addr: &'static str,
    status: Option<u16>,
    bytes: u64,
}

impl Line {
    /// The handler responds with `bytes`, which it declares and the client receives.
    pub(crate) fn respond(mut self, status: u16, bytes: usize) {
        self.status = Some(status);
        self.bytes = bytes as u64;
    }

    /// A body that fails in the way of `last` once it has handed over `chunks`.
    pub(crate) fn body(
        mut self,
        status: u16,
        size: BodySize,
        chunks: usize,
        last: Last,
    ) -> LedgerBody {
        self.status = Some(status);
        if let (BodySize::Sized(bytes), false) = (size, self.ledger.counts_sent) {
            self.bytes = bytes;
        }
        LedgerBody { line: self, size, chunks, last }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let lost = if std::thread::panicking() { 500 } else { 499 };
        let status = self.status.unwrap_or(lost);
        self.ledger.enter(status, self.method, self.addr, self.bytes);
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Last {
    End,
    Fail,
    Panic,
    /// It never ends, and hands over no more chunks.
    Endless,
}

pub(crate) const CHUNK: &[u8] = &[b'x'; 8 * 1024];

/// A body that enters its request once it is dropped.
#[derive(Debug)]
pub(crate) struct LedgerBody {
    line: Line,
    size: BodySize,
    chunks: usize,
    last: Last,
}

impl MessageBody for LedgerBody {
    type Error = Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        if let Some(left) = self.chunks.checked_sub(1) {
            self.chunks = left;
            if self.line.ledger.counts_sent {
                self.line.bytes += CHUNK.len() as u64;
            }
            return Poll::Ready(Some(Ok(Bytes::from_static(CHUNK))));
        }
        match self.last {
            Last::End => Poll::Ready(None),
            Last::Fail => Poll::Ready(Some(Err(ErrorInternalServerError("the body fails")))),
            Last::Panic => panic!("a body, on purpose"),
            Last::Endless => Poll::Pending,
        }
    }
}
