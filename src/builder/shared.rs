//! The builder's setters for what all builds of a process share.

use std::panic::Location;

use prometheus_client::registry::Registry;

use super::setters::BigBrotherBuilder;
use crate::dependency::check::Dependency;

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
    /// Metrics of your own must not have a label of the same key.
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
