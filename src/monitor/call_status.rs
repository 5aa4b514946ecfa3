//! The `status` of a call that the app times itself.

use std::borrow::Cow;

use crate::labels::Status;

/// The `status` of a call: a word, or the three digits of an HTTP status.
///
/// ```
/// # let monitor = actix_monitor::BigBrother::builder().isolated().build().handle();
/// monitor.dependency_request("cache").finish("hit", false);
/// monitor.dependency_request("quotes").finish(200, false);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallStatus(StatusText);

#[derive(Clone, Debug, PartialEq, Eq)]
enum StatusText {
    Code(u16),
    Word(Cow<'static, str>),
}

impl CallStatus {
    /// A word that spells a code is that code: the page would show both alike, and
    /// scrapers refuse a series that is there twice.
    fn spelled(word: Cow<'static, str>) -> Self {
        let code = word.parse().ok();
        // `007` is a word: no code is written so.
        let code = code.filter(|code| itoa::Buffer::new().format::<u16>(*code) == word);
        Self(code.map_or(StatusText::Word(word), StatusText::Code))
    }

    pub(super) fn label(&self) -> Status<'_> {
        match &self.0 {
            StatusText::Code(code) => Status::Code(*code),
            StatusText::Word(word) => Status::Text(word),
        }
    }
}

impl From<u16> for CallStatus {
    fn from(code: u16) -> Self {
        Self(StatusText::Code(code))
    }
}

impl From<&'static str> for CallStatus {
    fn from(word: &'static str) -> Self {
        Self::spelled(word.into())
    }
}

impl From<String> for CallStatus {
    fn from(word: String) -> Self {
        Self::spelled(word.into())
    }
}
