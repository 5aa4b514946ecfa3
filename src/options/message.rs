//! The source of the `errorMessage` label.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use actix_web::dev::ResponseHead;
use actix_web::http::header::HeaderName;
use actix_web::{Error, HttpResponse};

/// The source of the `errorMessage` label.
///
/// The label belongs to a later revision of the protocol and is off by default. If
/// it is on, `request_seconds`, `response_size_bytes` and
/// `dependency_request_seconds` have it, with an empty value if there is no message.
/// A message is truncated to 120 characters. Each message creates series of its own:
/// use few of them. The series limit bounds what clients can create.
///
/// # Examples
///
/// ```
/// use actix_monitor::{BigBrother, ErrorMessage};
///
/// let middleware =
///     BigBrother::builder().isolated().error_message(ErrorMessage::header("Error-Message")).build();
/// ```
#[derive(Clone)]
pub struct ErrorMessage(Source);

type MessageFn = dyn Fn(&ResponseHead) -> Option<String> + Send + Sync;

#[derive(Clone)]
enum Source {
    /// Or a name that is not a header name, refused at the build.
    Header(Result<HeaderName, String>),
    Extension,
    ActixError,
    Function(Arc<MessageFn>),
}

/// A message that a handler inserts into its response's extensions, for
/// [`ErrorMessage::extension`].
///
/// # Examples
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
    /// A message of any length, of which 120 characters are used.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }
}

impl ErrorMessage {
    /// The value of a response header, which the client receives as well.
    ///
    /// The sibling monitors use `Error-Message`. Bytes that are not UTF-8 are
    /// replaced. A name that is not a header name is refused at the build.
    pub fn header(name: &str) -> Self {
        Self(Source::Header(HeaderName::from_bytes(name.as_bytes()).map_err(|_| name.to_owned())))
    }

    /// The [`ErrorText`] in the response's extensions, which the client does not
    /// receive.
    pub fn extension() -> Self {
        Self(Source::Extension)
    }

    /// The `Display` text of the `actix_web::Error` that the response was made from.
    pub fn actix_error() -> Self {
        Self(Source::ActixError)
    }

    /// The text that `message` returns for a response's head.
    ///
    /// It is called for each response that is recorded, on the worker's thread, and
    /// must not block. If it panics, the request is recorded with status 500.
    ///
    /// # Examples
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

    /// The name that was given for a header, if it is not a header name.
    pub(crate) fn invalid_header(&self) -> Option<&str> {
        match &self.0 {
            Source::Header(Err(name)) => Some(name),
            _ => None,
        }
    }

    /// The message of a response, empty if there is none.
    pub(crate) fn extract<B>(&self, response: &HttpResponse<B>, error: Option<&Error>) -> String {
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
