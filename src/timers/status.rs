//! The `status` of a call.

use std::borrow::Cow;

use crate::labels::StatusLabel;

/// The `status` label of a call: an HTTP status code, or a word of another protocol.
///
/// # Examples
///
/// ```
/// # let monitor = actix_monitor::BigBrother::builder().isolated().build().monitor();
/// monitor.start_dependency_request("cache").finish("hit");
/// monitor.start_dependency_request("quotes").finish(200);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallStatus(Status);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    Code(u16),
    Word(Cow<'static, str>),
}

impl CallStatus {
    /// A word that reads like a code is that code: the page would show two series with
    /// the same text, which scrapers refuse.
    fn parse(word: Cow<'static, str>) -> Self {
        // `007` is a word, because no code is written like that.
        let code = word.parse().ok();
        let code = code.filter(|code| itoa::Buffer::new().format::<u16>(*code) == word);
        Self(code.map_or(Status::Word(word), Status::Code))
    }

    pub(super) fn as_label(&self) -> StatusLabel<'_> {
        match &self.0 {
            Status::Code(code) => StatusLabel::Code(*code),
            Status::Word(word) => StatusLabel::Word(word),
        }
    }
}

impl From<u16> for CallStatus {
    fn from(code: u16) -> Self {
        Self(Status::Code(code))
    }
}

impl From<&'static str> for CallStatus {
    fn from(word: &'static str) -> Self {
        Self::parse(word.into())
    }
}

impl From<String> for CallStatus {
    fn from(word: String) -> Self {
        Self::parse(word.into())
    }
}
