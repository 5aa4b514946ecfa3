//! An encoded page on its way to its readers.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{fmt, io};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;

use super::coding::Coding;

/// Length in bytes of the slices in which a page is written: the connection buffers
/// one slice, not the page.
const SLICE: usize = 32 * 1024;

/// How many pages are kept in memory for readers at a time.
const PAGES: usize = 8;

/// How long a page is kept for its readers once others need the room.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page shared by all its readers.
pub(crate) struct Page {
    /// `None` once the page is withdrawn.
    content: Mutex<Option<Bytes>>,
    coding: Coding,
    length: usize,
    encoded: Instant,
}

impl Page {
    pub(crate) fn coding(&self) -> Coding {
        self.coding
    }

    fn content(&self) -> Option<Bytes> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("length", &self.length).finish_non_exhaustive()
    }
}

/// The pages that have readers. Bounded, because a client that does not read keeps
/// its page in memory.
#[derive(Debug, Default)]
pub(crate) struct OpenPages {
    pages: Mutex<Vec<Weak<Page>>>,
}

impl OpenPages {
    /// Whether there is room for `count` more pages. If there is none, withdraws those that
    /// were encoded more than 30 seconds ago.
    pub(crate) fn has_room(&self, count: usize) -> bool {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|page| page.strong_count() > 0);
        let is_full = pages.len() + count > PAGES;
        pages.retain(|page| match page.upgrade() {
            Some(page) if is_full && page.encoded.elapsed() > PATIENCE => {
                page.content.lock().unwrap_or_else(PoisonError::into_inner).take();
                false
            }
            page => page.is_some(),
        });
        pages.len() + count <= PAGES
    }

    /// Adds a page.
    pub(crate) fn add(&self, (coding, content): (Coding, Bytes)) -> Arc<Page> {
        let page = Page {
            length: content.len(),
            content: Mutex::new(Some(content)),
            coding,
            encoded: Instant::now(),
        };
        let page = Arc::new(page);
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.push(Arc::downgrade(&page));
        page
    }
}

/// The body of one response with a page: a declared length, written in slices.
#[derive(Debug)]
pub(crate) struct PageBody {
    page: Arc<Page>,
    written: usize,
}

impl PageBody {
    pub(crate) fn new(page: Arc<Page>) -> Self {
        Self { page, written: 0 }
    }
}

impl MessageBody for PageBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.page.length as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, io::Error>>> {
        let Some(content) = self.page.content() else {
            let reason = "the metrics page was not read completely within 30 seconds";
            return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, reason))));
        };
        let end = content.len().min(self.written + SLICE);
        // Copied: a part of the page would keep the whole page in memory for as long as
        // HTTP/2 waits for a client that does not read.
        let slice = Bytes::copy_from_slice(&content[self.written..end]);
        self.written = end;
        Poll::Ready((!slice.is_empty()).then_some(Ok(slice)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use super::{Coding, Duration, MessageBody, OpenPages, PAGES, PATIENCE, Page, PageBody, SLICE};

    #[test]
    fn a_page_is_written_in_slices() {
        let text = "é".repeat(SLICE);
        let page = (Coding::Identity, text.clone().into());
        let mut body = std::pin::pin!(PageBody::new(OpenPages::default().add(page)));
        let mut read = Vec::new();
        while let Poll::Ready(Some(slice)) =
            body.as_mut().poll_next(&mut Context::from_waker(Waker::noop()))
        {
            let slice = slice.expect("the page is not withdrawn");
            assert!(slice.len() <= SLICE);
            read.extend(slice);
        }
        assert_eq!(read, text.as_bytes());
    }

    #[test]
    fn the_number_of_open_pages_is_limited() {
        let pages = OpenPages::default();
        let open: Vec<_> =
            (0..PAGES).map(|_| pages.add((Coding::Identity, "page".into()))).collect();
        assert!(!pages.has_room(1));
        drop(open);
        assert!(pages.has_room(PAGES));
        assert!(!pages.has_room(PAGES + 1));
    }

    #[test]
    fn pages_that_are_read_for_long_are_withdrawn_if_there_is_no_room() {
        let pages = OpenPages::default();
        let add = |age: Duration| {
            let mut page = pages.add((Coding::Identity, "page".into()));
            // Before there are weak references to it.
            pages.pages.lock().expect("no panic").pop();
            Arc::get_mut(&mut page).expect("the only reference").encoded -= age;
            pages.pages.lock().expect("no panic").push(Arc::downgrade(&page));
            page
        };
        let is_open = |page: &Arc<Page>| {
            let body = std::pin::pin!(PageBody::new(Arc::clone(page)));
            match body.poll_next(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Some(read)) => {
                    read.inspect_err(|error| assert_eq!(error.kind(), ErrorKind::TimedOut)).is_ok()
                }
                other => panic!("the page has text: {other:?}"),
            }
        };
        let old = add(PATIENCE + Duration::from_secs(1));
        let new: Vec<_> = (2..PAGES).map(|_| add(Duration::ZERO)).collect();
        assert!(pages.has_room(1));
        assert!(is_open(&old), "there was room");
        let last = add(Duration::ZERO);
        assert!(pages.has_room(1));
        assert!(!is_open(&old), "it was in the way");
        assert!(new.iter().chain([&last]).all(is_open), "they are new");
        // Those that nobody reads any more are not in the way.
        let old = add(PATIENCE + Duration::from_secs(1));
        drop(new);
        assert!(pages.has_room(PAGES - 2) && is_open(&old));
    }
}
