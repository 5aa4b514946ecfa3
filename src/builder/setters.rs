//! The builder, and its setters for what belongs to each middleware.

use actix_web::http::StatusCode;

use crate::dependency::check::Dependency;
use crate::middleware::transform::BigBrother;
use crate::middleware::worker::Rules;
use crate::monitor::registries::Registration;
use crate::monitor::settings::Requested;
use crate::outcome::exclude::Exclude;
use crate::outcome::exemplar::Exemplars;
use crate::outcome::message::ErrorMessage;
use crate::outcome::options::{ObserveAt, ResponseSize, Unmatched};
use crate::outcome::status::StatusTable;
use crate::protocol;

/// Configures a [`BigBrother`]. Made by [`BigBrother::builder`]; each setter says
/// its default, and what is refused when the builder builds.
///
/// All builds of a process share one monitor, unless they are
/// [`isolated`](Self::isolated): `version`, the buckets, the series limit and the
/// constant labels are the same for all. A build that leaves one of them out
/// inherits it; one that sets it to something else is refused. The other options
/// belong to each middleware.
///
/// ```
/// use actix_monitor::BigBrother;
///
/// let middleware = BigBrother::builder().isolated().version("v0.1.2").buckets([0.05, 0.5]).build();
/// ```
#[must_use = "a builder does nothing until it builds"]
pub struct BigBrotherBuilder {
    pub(super) requested: Requested,
    pub(super) rules: Rules,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) registrations: Vec<Registration>,
    pub(super) is_isolated: bool,
}

impl BigBrother {
    /// A builder with all defaults.
    ///
    /// ```
    /// use actix_monitor::BigBrother;
    ///
    /// let middleware = BigBrother::builder().isolated().build();
    /// ```
    pub fn builder() -> BigBrotherBuilder {
        BigBrotherBuilder {
            requested: Requested::default(),
            rules: Rules {
                endpoint: Some(protocol::ENDPOINT.to_owned()),
                openmetrics: true,
                statuses: StatusTable::default(),
                unmatched: Unmatched::default(),
                excluded: Vec::new(),
                error_message: None,
                exemplars: None,
            },
            dependencies: Vec::new(),
            registrations: Vec::new(),
            is_isolated: false,
        }
    }
}

impl BigBrotherBuilder {
    /// Which responses are errors (`isError="true"`): 4xx and 5xx by default. The
    /// predicate is asked once for each status code, right here.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().is_error(|status| status.is_server_error());
    /// ```
    pub fn is_error(mut self, is_error: impl Fn(StatusCode) -> bool) -> Self {
        self.rules.statuses.set_errors(is_error);
        self
    }

    /// Where the metrics page stands: `/metrics` by default. `GET` and `HEAD` on
    /// exactly this path are answered here and not recorded; other methods go on
    /// to the app. Refused unless it begins with `/`.
    ///
    /// A middleware that wraps a scope sees requests of this scope alone: there give
    /// a path within it, such as `/admin/metrics` for `web::scope("/admin")`.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().endpoint("/internal/metrics");
    /// ```
    pub fn endpoint(mut self, path: impl Into<String>) -> Self {
        self.rules.endpoint = Some(path.into());
        self
    }

    /// No metrics page from the middleware: mount [`metrics`](crate::metrics())
    /// where it is wanted.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().no_endpoint();
    /// ```
    pub fn no_endpoint(mut self) -> Self {
        self.rules.endpoint = None;
        self
    }

    /// When a request's duration ends: [`ObserveAt::BodyEnd`] by default.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, ObserveAt};
    /// let builder = BigBrother::builder().observe_at(ObserveAt::Head);
    /// ```
    pub fn observe_at(mut self, end: ObserveAt) -> Self {
        self.rules.statuses.set_end(end);
        self
    }

    /// What `response_size_bytes` adds up: [`ResponseSize::Declared`] by default.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, ResponseSize};
    /// let builder = BigBrother::builder().response_size(ResponseSize::Sent);
    /// ```
    pub fn response_size(mut self, size: ResponseSize) -> Self {
        self.rules.statuses.set_size(size);
        self
    }

    /// What `addr` says for a request that no route took: [`Unmatched::Label`] by
    /// default.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, Unmatched};
    /// let builder = BigBrother::builder().unmatched(Unmatched::Path);
    /// ```
    pub fn unmatched(mut self, unmatched: Unmatched) -> Self {
        self.rules.unmatched = unmatched;
        self
    }

    /// Switches the `errorMessage` label on and says where its text comes from;
    /// off by default. Switched on or off it is shared, the source is each
    /// middleware's own.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, ErrorMessage};
    /// let builder = BigBrother::builder().error_message(ErrorMessage::header("Error-Message"));
    /// ```
    pub fn error_message(mut self, source: ErrorMessage) -> Self {
        self.rules.error_message = Some(source.clone());
        self.requested.error_message = Some(source);
        self
    }

    /// Leaves requests out, any number of times: a path, a prefix (`/static/*`), a
    /// route's pattern or [`Exclude::from_fn`]. None by default; refused if no
    /// request could match it. Excluded requests still find the monitor in their data.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().exclude("/health").exclude("/static/*");
    /// ```
    pub fn exclude(mut self, requests: impl Into<Exclude>) -> Self {
        self.rules.excluded.push(requests.into());
        self
    }

    /// Leaves requests out that were answered with this status, any number of
    /// times. None by default.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// use actix_web::http::StatusCode;
    ///
    /// let builder = BigBrother::builder().exclude_status(StatusCode::NOT_MODIFIED);
    /// ```
    pub fn exclude_status(mut self, status: StatusCode) -> Self {
        self.rules.statuses.exclude(status);
        self
    }

    /// Shows the latest traced request beside each bucket of `request_seconds`,
    /// in OpenMetrics only. Off by default.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, Exemplars};
    /// let builder = BigBrother::builder().exemplars(Exemplars::traceparent());
    /// ```
    pub fn exemplars(mut self, source: Exemplars) -> Self {
        self.rules.exemplars = Some(source);
        self
    }

    /// Whether scrapers that ask for OpenMetrics get it: on by default. Off, each
    /// gets the text format.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().openmetrics(false);
    /// ```
    pub fn openmetrics(mut self, openmetrics: bool) -> Self {
        self.rules.openmetrics = openmetrics;
        self
    }
}

impl std::fmt::Debug for BigBrotherBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BigBrotherBuilder")
            .field("requested", &self.requested)
            .field("dependencies", &self.dependencies)
            .field("is_isolated", &self.is_isolated)
            .finish_non_exhaustive()
    }
}
