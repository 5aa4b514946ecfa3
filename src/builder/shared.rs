//! The setters for options of the monitor, which all builds of a process share.

use std::any::TypeId;
use std::time::Duration;

use prometheus_client::registry::Registry;

use super::setters::BigBrotherBuilder;
use crate::dependency::check::Dependency;
use crate::exposition::sources::Registration;
use crate::options::source::MetricSource;

impl BigBrotherBuilder {
    /// Sets the running version, shown as `application_info{version="…"}`: `unknown` by
    /// default. Shared. A blank version is refused.
    ///
    /// # Examples
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let builder = BigBrother::builder().version(concat!("v", env!("CARGO_PKG_VERSION")));
    /// ```
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.shared.version = Some(version.into());
        self
    }

    /// Sets the upper bounds of the buckets of `request_seconds`, in seconds: `0.1, 0.3,
    /// 1.5, 10.5` by default, as in the Big Brother protocol. Shared.
    ///
    /// Refused unless there is at least one and all are finite, positive and strictly
    /// increasing. `+Inf` is added automatically.
    pub fn buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.shared.buckets = Some(bounds.into_iter().collect());
        self
    }

    /// Sets the upper bounds of the buckets of `dependency_request_seconds`, in seconds:
    /// those of [`buckets`](Self::buckets) by default, and refused like them. Shared.
    pub fn dependency_buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.shared.dependency_buckets = Some(bounds.into_iter().collect());
        self
    }

    /// Adds the histogram `request_head_seconds` with these upper bounds of its buckets, in
    /// seconds. Off by default. Shared; refused like [`buckets`](Self::buckets).
    ///
    /// It has the labels of `request_seconds`, and its durations end when the response's head
    /// is ready, however long the body takes. A request that is dropped, panics or ends in an
    /// error ends there as well, so both histograms have the same counts. Requests that
    /// [`Monitor::start_request`](crate::Monitor::start_request) times have no response head
    /// and are not part of it.
    pub fn request_head_seconds(mut self, bounds: impl IntoIterator<Item = f64>) -> Self {
        self.shared.head_buckets = Some(bounds.into_iter().collect());
        self
    }

    /// Adds a dependency to check. Shared.
    ///
    /// In a server's factory each worker adds the same dependencies: each is checked
    /// once. Refused if its name is empty or used twice, if its period or timeout is
    /// zero, or if it contradicts a dependency of the same name.
    ///
    /// Each check has a thread, which starts with the build. A fork of the process has only the
    /// thread that forked: a service that forks to become a daemon does so before the build.
    pub fn dependency(mut self, dependency: Dependency) -> Self {
        self.dependencies.push(dependency);
        self
    }

    /// Sets the number of label sets that a family may have: 2000 by default. Shared. Zero
    /// is refused.
    ///
    /// Past it, requests with new label sets are recorded with `addr="_overflow"` and
    /// their own type, status, isError and method, so totals and error rates stay exact.
    /// `errorMessage` and labels of the app's own are `_overflow` as well.
    pub fn series_limit(mut self, label_sets: usize) -> Self {
        self.shared.series_limit = Some(label_sets);
        self
    }

    /// Adds a label to every series of the page. Shared.
    ///
    /// Refused if the key is one of the protocol's, one that Prometheus sets (`job`,
    /// `instance`, `__…`), not a label name, or set before. Metrics of the app that have a
    /// label with this key are left out of the page.
    pub fn const_label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let labels = self.shared.const_labels.get_or_insert_default();
        labels.push((key.into(), value.into()));
        self
    }

    /// Adds the gauge `requests_in_flight`: requests that have begun and not ended, as
    /// [`observe_at`](Self::observe_at) defines the end. Off by default. Shared.
    pub fn requests_in_flight(mut self) -> Self {
        self.shared.requests_in_flight = Some(true);
        self
    }

    /// Watches the workers, with a [`blocking_threshold`](Self::blocking_threshold) of 100 ms
    /// unless it is set. Off by default. Shared.
    ///
    /// A handler that blocks its thread, for example with a synchronous database call,
    /// delays all other connections of its worker. These families show which route it is; the
    /// guide [Blocked workers] explains how to find and fix such a handler.
    ///
    /// | family | content |
    /// |---|---|
    /// | `worker_blocked_total`, `worker_blocked_seconds_total` | polls of handlers and response bodies that held their worker for the threshold or longer, by `method` and `addr`: how many, and for how long in total |
    /// | `event_loop_delay_seconds` | how late a timer fires that each worker sets every 100 ms |
    /// | `worker_busy_seconds_total` | how long the workers were busy, as opposed to waiting for events |
    /// | `workers_alive` | the number of workers |
    ///
    /// The first time that a route blocks, a warning is logged. Excluded requests are not
    /// counted. The time is wall time: a poll also holds its worker while the system runs other
    /// threads, or has suspended the machine.
    ///
    /// [Blocked workers]: https://github.com/labbsr0x/actix-monitor/blob/main/docs/blocked-workers.md
    pub fn blocked_workers(mut self) -> Self {
        self.shared.blocked_workers = Some(true);
        self
    }

    /// Turns [`blocked_workers`](Self::blocked_workers) on, and sets how long a poll may hold
    /// its worker: one that holds it for `threshold` or longer is counted. Shared. Zero is
    /// refused.
    ///
    /// # Examples
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// use std::time::Duration;
    ///
    /// let builder = BigBrother::builder().blocking_threshold(Duration::from_millis(20));
    /// ```
    pub fn blocking_threshold(mut self, threshold: Duration) -> Self {
        self.shared.blocked_workers = Some(true);
        self.shared.blocking_threshold = Some(threshold);
        self
    }

    /// Records native histograms beside the classic ones, and offers the Prometheus protobuf
    /// format, which is the only one with native histograms, to scrapers that ask for it. Off
    /// by default. Shared.
    ///
    /// A native histogram has a bucket for each factor of 1.09 from 0.95 µs to 68 minutes, so
    /// percentiles are right without choosing buckets. Each series needs 128 bytes and 64
    /// bytes for each octave of durations that it has, at most 2176 bytes, per worker. On the
    /// page a series has at most 160 of these buckets: the resolution of a series that needs
    /// more is halved. See the guide [Native histograms] for what to set in
    /// Prometheus.
    ///
    /// [Native histograms]: https://github.com/labbsr0x/actix-monitor/blob/main/docs/native-histograms.md
    #[cfg(feature = "native-histograms")]
    #[cfg_attr(docsrs, doc(cfg(feature = "native-histograms")))]
    pub fn native_histograms(mut self) -> Self {
        self.shared.native_histograms = Some(true);
        self
    }

    /// Registers metrics of the app, shown on the page. Shared.
    ///
    /// In a server's factory each worker makes the same registration: it is made once for
    /// each `key` and monitor. Create the metrics outside of the factory and move clones
    /// into it. Refused if the key is used for another registration, by this builder or by
    /// a closure elsewhere in the source. Closures are distinguished by their types: a
    /// function that registers metrics in several builders takes the key as a parameter. See
    /// [`Monitor::register`] for what is shown, and for registering without a key.
    ///
    /// [`Monitor::register`]: crate::Monitor::register
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::BigBrother;
    /// use actix_monitor::prometheus_client::metrics::counter::Counter;
    ///
    /// let orders: Counter = Counter::default();
    /// let middleware = BigBrother::builder()
    ///     .isolated()
    ///     .register("orders", move |registry| registry.register("orders", "Orders taken", orders))
    ///     .build();
    /// ```
    pub fn register<F>(mut self, key: impl Into<String>, register: F) -> Self
    where
        F: FnOnce(&mut Registry) + Send + 'static,
    {
        self.registrations.push(Registration {
            option: "register",
            key: key.into(),
            identity: (TypeId::of::<F>(), 0),
            add: Box::new(move |sources, key| sources.register(register, Some(key))),
        });
        self
    }

    /// Shows metrics on the page that the app keeps in another library: the `prometheus`
    /// crate, the `metrics` facade, opentelemetry-prometheus, or a registry of
    /// prometheus-client. Shared. See [`MetricSource`] for what can be attached.
    ///
    /// In a server's factory each worker attaches the same source: it is attached once for
    /// each `key` and monitor. Refused if the key is used for another source or registration,
    /// also for an `Arc` that is created anew. Sources without an address of their own are
    /// distinguished by their types, as closures are.
    ///
    /// # Examples
    ///
    /// With the feature `prometheus`:
    ///
    /// ```
    /// # #[cfg(feature = "prometheus")] {
    /// use actix_monitor::BigBrother;
    ///
    /// let middleware = BigBrother::builder()
    ///     .attach("prometheus", prometheus::default_registry().clone())
    ///     .build();
    /// # }
    /// ```
    pub fn attach(mut self, key: impl Into<String>, source: impl Into<MetricSource>) -> Self {
        let source = source.into();
        self.registrations.push(Registration {
            option: "attach",
            key: key.into(),
            identity: source.identity,
            add: Box::new(move |sources, key| sources.attach(source, Some(key))),
        });
        self
    }

    /// Offers OpenMetrics to scrapers that ask for it. Off by default: all scrapers get the
    /// text format. Applies to the page of the monitor, whichever middleware or handler
    /// serves it.
    ///
    /// In OpenMetrics, `response_size_bytes` has the type `unknown`, the only one that is
    /// legal for its name, so scrapers lose the type `counter`. While a
    /// [source of text](MetricSource::text) is attached, all scrapers get the text format.
    pub fn openmetrics(mut self) -> Self {
        self.has_openmetrics = true;
        self
    }

    /// Creates a monitor for this build alone, instead of the one that the process shares:
    /// for tests, and for several services in one process. Off by default.
    ///
    /// Build it *before* the server and move a clone into the factory: built within the
    /// factory, each worker would have its own monitor, and each scrape would show the
    /// metrics of one worker.
    ///
    /// # Examples
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
