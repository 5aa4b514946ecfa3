//! The `errorMessage` label: where a message comes from and how long it may be.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use actix_web::dev::ResponseHead;
use actix_web::http::header::HeaderName;
use actix_web::{Error, HttpResponse};

/// Where the `errorMessage` label gets its text from.
///
/// The label is a later revision of the protocol and off by default. Once a
/// builder asks for it, it stands on `request_seconds`, `response_size_bytes` and
/// `dependency_request_seconds`, empty where there is no message. A message is
/// cut to 120 characters. Each message makes series of its own: keep them few,
/// the series limit bounds what an outsider can make of them.
///
/// ```
/// use actix_monitor::{BigBrother, ErrorMessage};
///
/// let middleware =
///     BigBrother::builder().isolated().error_message(ErrorMessage::header("Error-Message")).build();
/// ```
#[derive(Clone)]
pub struct ErrorMessage(Source);

/// A user's way from a response to its message.
type MessageFn = dyn Fn(&ResponseHead) -> Option<String> + Send + Sync;

#[derive(Clone)]
enum Source {
    /// Or a name that no header can have, to be refused.
    Header(Result<HeaderName, String>),
    Extension,
    ActixError,
    Function(Arc<MessageFn>),
}

/// A message that a handler puts into its response's extensions, for
/// [`ErrorMessage::extension`].
///
/// ```
/// use actix_monitor::ErrorText;
/// use actix_web::{HttpMessage, HttpResponse};
///
/// async fn handler() -> HttpResponse {
///     let mut response = HttpResponse::Conflict().finish();
///     response.extensions_mut().insert(ErrorText::new("already taken"));
///     response
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorText(Cow<'static, str>);

impl ErrorText {
    /// A message of any length; 120 characters of it are shown.
    ///
    /// ```
    /// let text = actix_monitor::ErrorText::new("already taken");
    /// ```
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }
}

impl ErrorMessage {
    /// The value of a response header, `Error-Message` with the sibling monitors.
    /// Bytes that are not UTF-8 are replaced. The header is sent to the client. A
    /// name that no header can have is refused when the builder builds.
    ///
    /// ```
    /// let message = actix_monitor::ErrorMessage::header("Error-Message");
    /// ```
    pub fn header(name: &str) -> Self {
        Self(Source::Header(HeaderName::from_bytes(name.as_bytes()).map_err(|_| name.to_owned())))
    }

    /// The [`ErrorText`] that a handler put into the response's extensions: the
    /// client does not see it.
    ///
    /// ```
    /// let message = actix_monitor::ErrorMessage::extension();
    /// ```
    pub fn extension() -> Self {
        Self(Source::Extension)
    }

    /// The `actix_web::Error` from which the response was made, as displayed.
    ///
    /// ```
    /// let message = actix_monitor::ErrorMessage::actix_error();
    /// ```
    pub fn actix_error() -> Self {
        Self(Source::ActixError)
    }

    /// Whatever `message` makes of a response's head. It is called on each
    /// response that is recorded, on the worker's thread; it must not block or panic.
    ///
    /// ```
    /// use actix_monitor::ErrorMessage;
    ///
    /// let reason = ErrorMessage::from_fn(|head| Some(head.status.canonical_reason()?.to_owned()));
    /// ```
    pub fn from_fn(
        message: impl Fn(&ResponseHead) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self(Source::Function(Arc::new(message)))
    }

    /// The name given for a header, if no header can have it.
    pub(crate) fn refused_header(&self) -> Option<&str> {
        match &self.0 {
            Source::Header(Err(name)) => Some(name),
            _ => None,
        }
    }

    /// The message of a response, empty where it has none.
    pub(crate) fn of<B>(&self, response: &HttpResponse<B>, error: Option<&Error>) -> String {
        let message = match &self.0 {
            Source::Header(name) => name
                .as_ref()
                .ok()
                .and_then(|name| response.headers().get(name))
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            Source::Extension => {
                response.extensions().get::<ErrorText>().map(|text| text.0.clone().into_owned())
            }
            Source::ActixError => error.or(response.error()).map(ToString::to_string),
            Source::Function(function) => function(response.head()),
        };
        message.unwrap_or_default()
    }
}

impl fmt::Debug for ErrorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Source::Header(_) => "ErrorMessage::header",
            Source::Extension => "ErrorMessage::extension",
            Source::ActixError => "ErrorMessage::actix_error",
            Source::Function(_) => "ErrorMessage::from_fn",
        })
    }
}
