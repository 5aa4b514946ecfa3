//! The handle to a monitor.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::registry::Registry;

use super::config::{MonitorConfig, MonitorOptions};
use super::core::Core;
use crate::dependency::check::Dependency;
#[cfg(any(feature = "awc", feature = "reqwest"))]
use crate::dependency::set::DependencySet;
use crate::dependency::state::DependencyState;
use crate::error::BuildError;
use crate::exposition::format::Format;
use crate::exposition::page::Page;
use crate::exposition::scrape::{Representation, ScrapeError, scrape};
use crate::exposition::sources::Registration;
use crate::options::source::MetricSource;
use crate::store::pool::WriterPool;
use crate::store::writer::Recorder;
use crate::workers::registry::Workers;

/// Handle to the metrics that all workers record into.
///
/// The middleware attaches it to each request, so handlers take it as
/// `web::Data<Monitor>` without registering anything. Outside of requests,
/// [`Monitor::global`] and [`BigBrother::monitor`](crate::BigBrother::monitor) return
/// it. Clones share their state. Dropping the last handle of an
/// [`isolated`](crate::BigBrotherBuilder::isolated) monitor stops its checks.
///
/// # Examples
///
/// ```
/// use actix_monitor::{BigBrother, Format, Monitor};
/// use actix_web::{App, HttpResponse, web};
///
/// async fn page_length(monitor: web::Data<Monitor>) -> HttpResponse {
///     HttpResponse::Ok().body(monitor.encode(Format::Text).len().to_string())
/// }
///
/// let app = App::new()
///     .wrap(BigBrother::builder().isolated().build())
///     .route("/length", web::get().to(page_length));
/// ```
#[derive(Clone)]
pub struct Monitor {
    core: Arc<Core>,
}

impl fmt::Debug for Monitor {
    /// Shows the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("config", &self.core.config).finish_non_exhaustive()
    }
}

impl Monitor {
    pub(crate) fn new(options: &MonitorOptions) -> Self {
        Self { core: Arc::new(Core::new(options)) }
    }

    /// Registers metrics of the app, shown on the page, and returns what `register`
    /// returns.
    ///
    /// The metrics carry the constant labels and stay registered for the life of the
    /// monitor. Each call registers anew: in a server's factory, use
    /// [`BigBrotherBuilder::register`](crate::BigBrotherBuilder::register) instead. A
    /// family is left out of the page, and logged once, if its name or a sample of it
    /// is on the page already, or if it is not valid.
    ///
    /// Use the `prometheus_client` that this crate re-exports, or the same version. For a
    /// registry that the app has already, use [`attach`](Self::attach).
    ///
    /// # Panics
    ///
    /// If `register` panics; nothing is registered then.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::prometheus_client::metrics::counter::Counter;
    /// use actix_monitor::{BigBrother, Format};
    ///
    /// let monitor = BigBrother::builder().isolated().build().monitor();
    /// let orders: Counter = monitor.register(|registry| {
    ///     let orders = Counter::default();
    ///     registry.register("orders", "Orders taken", orders.clone());
    ///     orders
    /// });
    /// orders.inc();
    /// assert!(monitor.encode(Format::Text).contains("orders_total 1\n"));
    /// ```
    pub fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        self.core.page.sources().register(register, None)
    }

    /// Shows metrics on the page that the app keeps in another library.
    ///
    /// They stay attached for the life of the monitor. Each call attaches anew: in a server's
    /// factory, use [`BigBrotherBuilder::attach`](crate::BigBrotherBuilder::attach) instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use actix_monitor::prometheus_client::metrics::gauge::Gauge;
    /// use actix_monitor::prometheus_client::registry::Registry;
    /// use actix_monitor::{BigBrother, Format};
    ///
    /// let mut registry = Registry::with_prefix("shop");
    /// registry.register("open", "Whether the shop is open", Gauge::<i64>::default());
    ///
    /// let monitor = BigBrother::builder().isolated().build().monitor();
    /// monitor.attach(Arc::new(registry));
    /// assert!(monitor.encode(Format::Text).contains("shop_open 0\n"));
    /// ```
    pub fn attach(&self, source: impl Into<MetricSource>) {
        self.core.page.sources().attach(source.into(), None);
    }

    /// Returns a registry that contains this crate's families, for the encoders of
    /// prometheus-client.
    ///
    /// Metrics registered with [`register`](Self::register) are not part of it, and
    /// neither are exemplars.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::BigBrother;
    /// use actix_monitor::prometheus_client::encoding::text::encode;
    ///
    /// let monitor = BigBrother::builder().isolated().version("v0.1.2").build().monitor();
    /// let mut page = String::new();
    /// encode(&mut page, monitor.registry())?;
    /// assert!(page.contains("application_info{version=\"v0.1.2\"} 1\n"));
    /// # Ok::<(), std::fmt::Error>(())
    /// ```
    pub fn registry(&self) -> &Registry {
        &self.core.registry
    }

    /// Returns a collector of this crate's families, for an app that has a
    /// `prometheus_client::Registry` and a page of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::BigBrother;
    /// use actix_monitor::prometheus_client::encoding::text::encode;
    /// use actix_monitor::prometheus_client::registry::Registry;
    ///
    /// let monitor = BigBrother::builder().isolated().no_endpoint().version("v0.1.2").build().monitor();
    /// let mut registry = Registry::default();
    /// registry.register_collector(Box::new(monitor.collector()));
    ///
    /// let mut page = String::new();
    /// encode(&mut page, &registry)?;
    /// assert!(page.contains("application_info{version=\"v0.1.2\"} 1\n"));
    /// # Ok::<(), std::fmt::Error>(())
    /// ```
    pub fn collector(&self) -> impl Collector + Clone + use<> {
        Arc::clone(self.core.page.families())
    }

    /// Returns the last known state of each dependency, in the order in which they
    /// were added. No check is run.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::{BigBrother, Dependency, DependencyStatus};
    ///
    /// let db = Dependency::new("db", || async { true });
    /// let monitor = BigBrother::builder().isolated().dependency(db).build().monitor();
    /// let states = monitor.dependencies();
    /// assert!(states.iter().all(|state| state.status() != DependencyStatus::Down));
    /// ```
    pub fn dependencies(&self) -> Vec<DependencyState> {
        self.core.dependencies.states()
    }

    /// Encodes the page on the calling thread.
    ///
    /// This takes microseconds for a hundred label sets and milliseconds for ten
    /// thousand. In an async handler, mount [`metrics`](crate::metrics()) instead, which
    /// does not block the worker. Metrics of the app that fail or panic when they are
    /// encoded are left out and logged once. Those of a
    /// [source of text](MetricSource::text) are not in OpenMetrics.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::{BigBrother, Format};
    ///
    /// let monitor = BigBrother::builder().isolated().version("v0.1.2").build().monitor();
    /// let page = monitor.encode(Format::Text);
    /// assert!(page.contains("application_info{version=\"v0.1.2\"} 1\n"));
    /// ```
    pub fn encode(&self, format: Format) -> String {
        self.core.page.encode_text(format)
    }

    /// Encodes the page in the Prometheus protobuf format on the calling thread: messages of
    /// the type `io.prometheus.client.MetricFamily`, each after its length.
    ///
    /// The page has the samples of the text format, exemplars, and native histograms if they
    /// are on. See [`encode`](Self::encode) for what it costs.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::BigBrother;
    ///
    /// let monitor = BigBrother::builder().isolated().native_histograms().build().monitor();
    /// let page = monitor.encode_protobuf();
    /// // The name of the first family is its first field.
    /// assert_eq!(&page[2..18], b"\x0frequest_seconds".as_slice());
    /// ```
    #[cfg(feature = "native-histograms")]
    #[cfg_attr(docsrs, doc(cfg(feature = "native-histograms")))]
    pub fn encode_protobuf(&self) -> Vec<u8> {
        self.core.page.encode_protobuf()
    }

    /// A page as `wanted`, encoded on another thread and not older than this call.
    pub(crate) async fn scrape(&self, wanted: Representation) -> Result<Arc<Page>, ScrapeError> {
        scrape(Arc::clone(&self.core.page), wanted).await
    }

    /// Offers OpenMetrics to scrapers from now on.
    pub(crate) fn offer_openmetrics(&self) {
        self.core.page.offer_openmetrics();
    }

    pub(crate) fn has_openmetrics(&self) -> bool {
        self.core.page.has_openmetrics()
    }

    pub(crate) fn config(&self) -> &MonitorConfig {
        &self.core.config
    }

    pub(crate) fn requests(&self) -> &Arc<Recorder> {
        &self.core.requests
    }

    pub(crate) fn workers(&self) -> Option<&Arc<Workers>> {
        self.core.workers.as_ref()
    }

    /// Durations until the response head; `None` if they are off.
    pub(crate) fn heads(&self) -> Option<&Arc<Recorder>> {
        self.core.heads.as_ref()
    }

    /// Sizes of requests; `None` if they are off.
    pub(crate) fn request_sizes(&self) -> Option<&Arc<Recorder>> {
        self.core.request_sizes.as_ref()
    }

    /// The writers for requests that actix does not see.
    pub(crate) fn other_requests(&self) -> &WriterPool {
        &self.core.other_requests
    }

    /// The writers for calls to dependencies.
    pub(crate) fn calls(&self) -> &WriterPool {
        &self.core.calls
    }

    #[cfg(any(feature = "awc", feature = "reqwest"))]
    pub(crate) fn dependency_set(&self) -> &DependencySet {
        &self.core.dependencies
    }

    /// Adds the dependencies and registrations of a build, or nothing if one of them
    /// contradicts what is there.
    pub(crate) fn extend(
        &self,
        dependencies: &[Dependency],
        registrations: Vec<Registration>,
    ) -> Result<(), BuildError> {
        let sources = self.core.page.sources();
        sources.check(&registrations)?;
        self.core.dependencies.watch(dependencies)?;
        sources.register_once(registrations);
        Ok(())
    }

    #[inline]
    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }
}
