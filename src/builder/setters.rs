//! The builder, and the setters for options of one middleware.

use actix_web::http::StatusCode;

use crate::dependency::check::Dependency;
use crate::exposition::sources::Registration;
use crate::middleware::options::MiddlewareOptions;
use crate::middleware::transform::BigBrother;
use crate::monitor::config::MonitorOptions;
use crate::options::exclude::Exclude;
use crate::options::exemplars::Exemplars;
use crate::options::label::Label;
use crate::options::measurement::{ObserveAt, RequestSize, ResponseSize, Unmatched};
use crate::options::message::ErrorMessage;

/// Configures a [`BigBrother`] middleware.
///
/// Created by [`BigBrother::builder`]. All builds of a process share one monitor,
/// unless they are [`isolated`](Self::isolated). Options documented as shared are the
/// same for all builds: the first build sets them, a later build that leaves one out
/// inherits it, and one that sets another value is refused. All other options belong
/// to each middleware.
///
/// # Examples
///
/// ```
/// use actix_monitor::BigBrother;
///
/// let middleware = BigBrother::builder().isolated().version("v0.1.2").buckets([0.05, 0.5]).build();
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct BigBrotherBuilder {
    pub(super) shared: MonitorOptions,
    pub(super) options: MiddlewareOptions,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) registrations: Vec<Registration>,
    pub(super) has_openmetrics: bool,
    pub(super) is_isolated: bool,
}

impl BigBrother {
    /// Creates a builder with default options.
    pub fn builder() -> BigBrotherBuilder {
        BigBrotherBuilder {
            shared: MonitorOptions::default(),
            options: MiddlewareOptions::default(),
            dependencies: Vec::new(),
            registrations: Vec::new(),
            has_openmetrics: false,
            is_isolated: false,
        }
    }
}

impl BigBrotherBuilder {
    /// Sets which responses are errors (`isError="true"`): 4xx and 5xx by default.
    ///
    /// The predicate is called once for each status code, by this setter.
    pub fn is_error(mut self, is_error: impl Fn(StatusCode) -> bool) -> Self {
        self.options.statuses.set_errors(is_error);
        self
    }

    /// Sets the path of the metrics page, `/metrics` by default.
    ///
    /// The middleware responds to `GET` and `HEAD` on exactly this path, and does not
    /// record these requests; other methods are passed on to the app. Refused unless it
    /// is an absolute path without a query.
    ///
    /// A middleware that wraps a scope sees the requests of this scope only: use a path
    /// within it, such as `/admin/metrics` for `web::scope("/admin")`.
    pub fn endpoint(mut self, path: impl Into<String>) -> Self {
        self.options.endpoint = Some(path.into());
        self
    }

    /// Removes the metrics page from the middleware, to mount the handler
    /// [`metrics`](crate::metrics()) instead.
    pub fn no_endpoint(mut self) -> Self {
        self.options.endpoint = None;
        self
    }

    /// Serves the [dashboard](crate::dashboard()) at this path, such as `/status`. Off by
    /// default.
    ///
    /// As with [`endpoint`](Self::endpoint), the middleware responds to `GET` and `HEAD` on
    /// exactly this path and does not record these requests. Refused unless it is an absolute
    /// path without a query, and another one than that of the endpoint.
    ///
    /// The dashboard includes the metrics page, also with
    /// [`no_endpoint`](Self::no_endpoint). To show it to some clients only, mount the handler
    /// [`dashboard`](crate::dashboard()) instead.
    #[cfg(feature = "dashboard")]
    pub fn dashboard(mut self, path: impl Into<String>) -> Self {
        self.options.dashboard = Some(path.into());
        self
    }

    /// Sets when the duration of a request ends, [`ObserveAt::BodyEnd`] by default.
    pub fn observe_at(mut self, end: ObserveAt) -> Self {
        self.options.statuses.set_end(end);
        self
    }

    /// Sets when the duration of a request ends for a single route, such as an endless
    /// stream in an app that otherwise measures to the end of the body.
    ///
    /// `pattern` is the route's pattern with its scopes, as in the `addr` label; it is
    /// refused unless it begins with `/`. The last setting for a route wins.
    pub fn observe_route_at(mut self, pattern: impl Into<String>, end: ObserveAt) -> Self {
        self.options.observed_routes.push((pattern.into(), end));
        self
    }

    /// Sets what `response_size_bytes` counts, [`ResponseSize::Declared`] by default.
    pub fn response_size(mut self, size: ResponseSize) -> Self {
        self.options.statuses.set_size(size);
        self
    }

    /// Adds the counter `request_size_bytes`, with the labels of `response_size_bytes`, and
    /// sets what it counts. Off by default.
    ///
    /// Whether the counter is on is shared; what it counts belongs to each middleware.
    /// Requests that [`Monitor::start_request`](crate::Monitor::start_request) times are not
    /// part of it.
    pub fn request_size(mut self, size: RequestSize) -> Self {
        self.options.request_size = Some(size);
        self.shared.request_size = Some(size);
        self
    }

    /// Sets the `addr` label of requests that no route handled, [`Unmatched::Label`] by
    /// default.
    pub fn unmatched(mut self, unmatched: Unmatched) -> Self {
        self.options.unmatched = unmatched;
        self
    }

    /// Turns the `errorMessage` label on and sets the source of its text. Off by default.
    ///
    /// Whether the label is on is shared; its source belongs to each middleware. A
    /// source with an invalid header name is refused.
    pub fn error_message(mut self, source: ErrorMessage) -> Self {
        self.options.error_message = Some(source.clone());
        self.shared.error_message = Some(source);
        self
    }

    /// Adds a label of the app's own to `request_seconds`, `response_size_bytes` and
    /// `dependency_request_seconds`, after those of the protocol.
    ///
    /// Keys, limits and lists of values are shared; the sources belong to each middleware, and
    /// a middleware without own labels uses those of the first build. A request without a
    /// value has an empty one, and so have calls to dependencies unless
    /// [`CallTimer::label`](crate::CallTimer::label) sets it.
    ///
    /// Refused if the key is one of the protocol's, one that Prometheus sets (`job`,
    /// `instance`, `__…`), a constant label's, not a label name, or set before; if there are
    /// more than four labels; and if the label's source or values are not valid.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::{BigBrother, Label};
    ///
    /// let builder = BigBrother::builder().label("tenant", Label::path_parameter("tenant"));
    /// ```
    pub fn label(mut self, key: impl Into<String>, label: Label) -> Self {
        let label = (key.into(), label);
        self.shared.labels.get_or_insert_default().push(label.clone());
        self.options.labels.push(label);
        self
    }

    /// Excludes requests from being recorded: a path, a prefix (`/static/*`), a route's
    /// pattern or [`Exclude::from_fn`].
    ///
    /// Can be called any number of times. Refused if no request can match. Excluded
    /// requests have the monitor in their app data as well.
    ///
    /// # Examples
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().exclude("/health").exclude("/static/*");
    /// ```
    pub fn exclude(mut self, requests: impl Into<Exclude>) -> Self {
        self.options.excluded.push(requests.into());
        self
    }

    /// Excludes requests with this response status from being recorded. Can be called
    /// any number of times.
    pub fn exclude_status(mut self, status: StatusCode) -> Self {
        self.options.statuses.exclude(status);
        self
    }

    /// Records the latest request with a trace for each bucket of `request_seconds`. Off
    /// by default.
    ///
    /// Turns [`openmetrics`](Self::openmetrics) on: the text format has no exemplars.
    pub fn exemplars(mut self, source: Exemplars) -> Self {
        self.options.exemplars = Some(source);
        self
    }
}

impl std::fmt::Debug for BigBrotherBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BigBrotherBuilder")
            .field("shared", &self.shared)
            .field("dependencies", &self.dependencies)
            .field("registrations", &self.registrations)
            .field("is_isolated", &self.is_isolated)
            .finish_non_exhaustive()
    }
}
