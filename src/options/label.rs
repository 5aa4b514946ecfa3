//! A label of the app's own: the source of its values, and how many it can have.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use actix_web::dev::{ResponseHead, ServiceRequest};
use actix_web::http::header::HeaderName;

/// The source of the values of a label of the app's own, such as the tenant of a request,
/// for [`BigBrotherBuilder::label`](crate::BigBrotherBuilder::label).
///
/// A value is cut to 120 characters. A request without a value has an empty one, which
/// Prometheus treats like a missing label.
///
/// # Bounds
///
/// Each value creates series of its own, so a label has a limited number of values: 100
/// unless [`limit`](Self::limit) or [`allow`](Self::allow) sets others. All other values are
/// `_overflow`. A value becomes one of the label's with the first request that succeeds with
/// it (status 1xx, 2xx or 304), so requests that the app refuses, such as those with an
/// invented tenant, cannot use the limit up. If an app responds with 200 whatever the value
/// is, clients decide which values come first: use [`allow`](Self::allow), or
/// [`extension`](Self::extension) and set the value once the request is authenticated.
///
/// # Availability
///
/// | source | with a response | error of an inner middleware | dropped or panicked |
/// |---|---|---|---|
/// | [`header`](Self::header), [`from_request`](Self::from_request) | yes | yes | yes |
/// | [`path_parameter`](Self::path_parameter) | yes | yes | yes |
/// | [`extension`](Self::extension) | yes | yes | if it was set before |
/// | [`from_response`](Self::from_response) | yes | yes | no |
///
/// # Examples
///
/// ```
/// use actix_monitor::{BigBrother, Label};
///
/// let middleware = BigBrother::builder()
///     .isolated()
///     .label("tenant", Label::header("x-tenant").limit(500))
///     .label("api", Label::path_parameter("version").allow(["v1", "v2"]))
///     .build();
/// ```
#[derive(Clone)]
pub struct Label {
    source: Source,
    values: LabelValues,
}

/// Which values a label can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LabelValues {
    /// The first ones, at most as many.
    Limit(usize),
    Allowed(Vec<String>),
}

type FromRequestFn = dyn Fn(&ServiceRequest) -> Option<Cow<'_, str>> + Send + Sync;
type FromResponseFn = dyn Fn(&ResponseHead) -> Option<Cow<'_, str>> + Send + Sync;

#[derive(Clone)]
pub(crate) enum Source {
    /// Or a name that is not a header name, refused at the build.
    Header(Result<HeaderName, String>),
    PathParameter(String),
    Extension,
    Request(Arc<FromRequestFn>),
    Response(Arc<FromResponseFn>),
}

/// Default limit of the values of a label.
const LIMIT: usize = 100;

impl Label {
    fn new(source: Source) -> Self {
        Self { source, values: LabelValues::Limit(LIMIT) }
    }

    /// The value of a request header.
    ///
    /// Bytes that are not UTF-8 are replaced. A name that is not a header name is refused at
    /// the build.
    pub fn header(name: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| name.to_owned());
        Self::new(Source::Header(name))
    }

    /// The value of a parameter in the pattern of the route, such as `tenant` for
    /// `/{tenant}/users`.
    ///
    /// Of a request that was not routed, such as one that a middleware refused, or that is
    /// gone, it is looked up by the path. The parameter must then be a whole segment of the
    /// pattern. A name that no parameter can have is refused at the build.
    pub fn path_parameter(name: impl Into<String>) -> Self {
        Self::new(Source::PathParameter(name.into()))
    }

    /// The value that a handler or an inner middleware sets with
    /// [`RequestLabels`](crate::RequestLabels).
    pub fn extension() -> Self {
        Self::new(Source::Extension)
    }

    /// The value that `value` returns for a request.
    ///
    /// It is called on each request before it is routed, on the worker's thread, and must not
    /// block. If it panics, the request is recorded with status 500.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::borrow::Cow;
    ///
    /// use actix_monitor::Label;
    ///
    /// // The first part of the host: `acme` of `acme.example.com`.
    /// let tenant = Label::from_request(|request| {
    ///     let host = request.headers().get("host")?.to_str().ok()?;
    ///     host.split('.').next().map(Cow::from)
    /// });
    /// ```
    pub fn from_request(
        value: impl Fn(&ServiceRequest) -> Option<Cow<'_, str>> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Source::Request(Arc::new(value)))
    }

    /// The value that `value` returns for a response's head.
    ///
    /// It is called for each response that is recorded, on the worker's thread, and must not
    /// block. If it panics, the request is recorded with status 500. A request without a
    /// response has no value.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::borrow::Cow;
    ///
    /// use actix_monitor::Label;
    ///
    /// let cache = Label::from_response(|head| {
    ///     head.headers.get("x-cache")?.to_str().ok().map(Cow::from)
    /// })
    /// .allow(["hit", "miss"]);
    /// ```
    pub fn from_response(
        value: impl Fn(&ResponseHead) -> Option<Cow<'_, str>> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Source::Response(Arc::new(value)))
    }

    /// Sets how many values the label can have, 100 by default. Replaces
    /// [`allow`](Self::allow).
    ///
    /// The empty value and `_overflow` are not counted. Zero and more than 60,000 are
    /// refused at the build.
    pub fn limit(mut self, values: usize) -> Self {
        self.values = LabelValues::Limit(values);
        self
    }

    /// Sets the values that the label can have, from the first request on. Replaces
    /// [`limit`](Self::limit).
    ///
    /// Refused at the build if there is none, if there are more than 60,000, or if one is
    /// longer than 120 characters.
    pub fn allow<T: Into<String>>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        self.values = LabelValues::Allowed(values.into_iter().map(Into::into).collect());
        self
    }

    pub(crate) fn values(&self) -> &LabelValues {
        &self.values
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The name that the source cannot have, and what it is not.
    pub(crate) fn invalid_name(&self) -> Option<(&str, &'static str)> {
        match &self.source {
            Source::Header(Err(name)) => Some((name, "a header name, such as \"x-tenant\"")),
            Source::PathParameter(name)
                if name.is_empty() || name.contains(['{', '}', ':', '/', '*']) =>
            {
                Some((name, "the name of a parameter, such as \"tenant\" of \"/{tenant}/users\""))
            }
            _ => None,
        }
    }

    /// The value of a request that is about to be routed.
    #[inline]
    pub(crate) fn of_request<'a>(&self, request: &'a ServiceRequest) -> Option<Cow<'a, str>> {
        match &self.source {
            Source::Header(Ok(name)) => {
                request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
            }
            Source::Request(value) => value(request),
            _ => None,
        }
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Header(_) => "header",
            Source::PathParameter(_) => "path_parameter",
            Source::Extension => "extension",
            Source::Request(_) => "from_request",
            Source::Response(_) => "from_response",
        };
        f.debug_struct("Label").field("source", &source).field("values", &self.values).finish()
    }
}
