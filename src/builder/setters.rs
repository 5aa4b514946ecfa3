//! The builder: one setter an option.

use std::panic::Location;

use actix_web::http::StatusCode;
use prometheus_client::registry::Registry;

use crate::dependency::check::Dependency;
use crate::middleware::transform::BigBrother;
use crate::middleware::worker::Rules;
use crate::monitor::handle::Registration;
use crate::monitor::settings::Requested;
use crate::outcome::exclude::Exclude;
use crate::outcome::exemplar::Exemplars;
use crate::outcome::message::ErrorMessage;
use crate::outcome::options::{ObserveAt, ResponseSize, Unmatched};
use crate::outcome::status::{StatusTable, is_error};
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
    excluded_statuses: Vec<StatusCode>,
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
                errors: StatusTable::new(is_error),
                observe_at: ObserveAt::default(),
                response_size: ResponseSize::default(),
                unmatched: Unmatched::default(),
                excluded: Vec::new(),
                excluded_statuses: None,
                error_message: None,
                exemplars: None,
            },
            dependencies: Vec::new(),
            excluded_statuses: Vec::new(),
            registrations: Vec::new(),
            is_isolated: false,
        }
    }
}

impl BigBrotherBuilder {
    /// The running version, shown as `application_info{version="…"}`. `unknown`
    /// by default; an empty one is refused. Shared.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().version(concat!("v", env!("CARGO_PKG_VERSION")));
    /// ```
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.requested.version = Some(version.into());
        self
    }

    /// The upper bounds of `request_seconds`, in seconds: `0.1, 0.3, 1.5, 10.5`
    /// by default, the family's. Refused unless there is at least one and all are
    /// finite, positive and strictly increasing; `+Inf` is added by itself.
    /// Shared.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().buckets([0.01, 0.1, 1.0]);
    /// ```
    pub fn buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.requested.buckets = Some(bounds.into_iter().collect());
        self
    }

    /// The upper bounds of `dependency_request_seconds`, in seconds: those of
    /// [`buckets`](Self::buckets) by default, and refused as they are. Shared.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().dependency_buckets([0.001, 0.01, 0.1]);
    /// ```
    pub fn dependency_buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.requested.dependency_buckets = Some(bounds.into_iter().collect());
        self
    }

    /// Which responses are errors (`isError="true"`): 4xx and 5xx by default. The
    /// predicate is asked once for each status code, when the builder builds.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().is_error(|status| status.is_server_error());
    /// ```
    pub fn is_error(mut self, is_error: impl Fn(StatusCode) -> bool) -> Self {
        self.rules.errors = StatusTable::new(is_error);
        self
    }

    /// Where the metrics page stands: `/metrics` by default. `GET` and `HEAD` on
    /// exactly this path are answered here and not recorded; other methods go on
    /// to the app. Refused unless it begins with `/`.
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

    /// Adds a dependency to be watched; none by default. Refused if its name is
    /// empty or given twice, or if its period or timeout is zero. In a server's
    /// factory each worker gives the same ones: each is watched once. Shared.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, Dependency};
    /// let builder = BigBrother::builder().dependency(Dependency::new("db", || async { true }));
    /// ```
    pub fn dependency(mut self, dependency: Dependency) -> Self {
        self.dependencies.push(dependency);
        self
    }

    /// When a request's duration ends: [`ObserveAt::BodyEnd`] by default.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, ObserveAt};
    /// let builder = BigBrother::builder().observe_at(ObserveAt::Head);
    /// ```
    pub fn observe_at(mut self, end: ObserveAt) -> Self {
        self.rules.observe_at = end;
        self
    }

    /// What `response_size_bytes` adds up: [`ResponseSize::Declared`] by default.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, ResponseSize};
    /// let builder = BigBrother::builder().response_size(ResponseSize::Sent);
    /// ```
    pub fn response_size(mut self, size: ResponseSize) -> Self {
        self.rules.response_size = size;
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

    /// How many label sets a family may hold: 2000 by default; zero is refused.
    /// Past it, requests with new label sets are counted under
    /// `addr="_overflow"` with their own type, status, isError and method, so
    /// totals and error rates stay right. Shared.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().series_limit(10_000);
    /// ```
    pub fn series_limit(mut self, label_sets: usize) -> Self {
        self.requested.series_limit = Some(label_sets);
        self
    }

    /// Adds a label that every series of the page carries; none by default.
    /// Refused if the key is one of the protocol's, begins with `__`, is no label
    /// name or was given before. Shared.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().const_label("region", "eu-west-1");
    /// ```
    pub fn const_label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let labels = self.requested.const_labels.get_or_insert_default();
        labels.push((key.into(), value.into()));
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
    /// route's pattern or [`Exclude::from_fn`]. None by default; refused unless it
    /// begins with `/`. Excluded requests still find the monitor in their data.
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
        self.excluded_statuses.push(status);
        let excluded = &self.excluded_statuses;
        self.rules.excluded_statuses = Some(StatusTable::new(|other| excluded.contains(&other)));
        self
    }

    /// Adds the gauge `requests_in_flight`: requests begun and not ended, at the
    /// end that [`observe_at`](Self::observe_at) says. Off by default. Shared.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().requests_in_flight();
    /// ```
    pub fn requests_in_flight(mut self) -> Self {
        self.requested.requests_in_flight = Some(true);
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

    /// Registers metrics of the app's own. In a server's factory each worker asks
    /// for the same: what one place in the source asks for is registered once, so
    /// make the metrics outside of the factory and move clones into it. See
    /// [`Monitor::register`](crate::Monitor::register) for registering later.
    ///
    /// ```
    /// use actix_monitor::BigBrother;
    /// use actix_monitor::prometheus_client::metrics::counter::Counter;
    ///
    /// let orders: Counter = Counter::default();
    /// let middleware = BigBrother::builder()
    ///     .isolated()
    ///     .register(move |registry| registry.register("orders", "Orders taken", orders))
    ///     .build();
    /// ```
    #[track_caller]
    pub fn register(mut self, register: impl FnOnce(&mut Registry) + 'static) -> Self {
        self.registrations.push((Location::caller(), Box::new(register)));
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

    /// A monitor of its own instead of the one that the process shares: for tests,
    /// and for several services in one process. Off by default.
    ///
    /// Build it *before* the server and move a clone into the factory: built
    /// within, each worker would have its own monitor, and each scrape would tell
    /// the share of whichever worker answered it.
    ///
    /// ```
    /// use actix_monitor::BigBrother;
    /// use actix_web::{App, HttpServer};
    ///
    /// let middleware = BigBrother::builder().isolated().build();
    /// let server = HttpServer::new(move || App::new().wrap(middleware.clone()));
    /// ```
    pub fn isolated(mut self) -> Self {
        self.is_isolated = true;
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
