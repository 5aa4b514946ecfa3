//! The handle that all workers share and that the app holds.

use std::fmt::Error;
use std::sync::Arc;

use actix_web::web::Bytes;
use prometheus_client::registry::Registry;

use super::dependencies::DependencyUp;
use super::registries::{Registration, Registries};
use super::scrape::{ScrapeFailed, scrape};
use super::settings::Settings;
use crate::clock;
#[cfg(any(feature = "awc", feature = "reqwest"))]
use crate::dependency::cell::DependencyCell;
use crate::dependency::check::Dependency;
use crate::dependency::set::DependencySet;
use crate::dependency::state::DependencyState;
use crate::error::BuildError;
use crate::exposition::format::Format;
use crate::metrics::buckets::Buckets;
use crate::metrics::family::Family;
use crate::metrics::in_flight::InFlight;
use crate::metrics::info::ApplicationInfo;
use crate::metrics::samples::{Names, Samples};
use crate::protocol::family;
use crate::recorder::shared::SharedWriters;
use crate::recorder::writer::Recorder;

/// The one truth that all workers record into, and the app's hand on it.
///
/// The middleware puts it into each request's data, so a handler takes it as
/// `web::Data<Monitor>` with nothing else registered; outside a request
/// [`BigBrother::monitor`](crate::BigBrother::monitor) and
/// [`BigBrother::handle`](crate::BigBrother::handle) give it. Clones share
/// everything. Dropping the last handle of an isolated monitor stops its checks.
///
/// ```
/// use actix_monitor::{BigBrother, Monitor};
/// use actix_web::{App, HttpResponse, web};
///
/// async fn page_length(monitor: web::Data<Monitor>) -> HttpResponse {
///     match monitor.encode(actix_monitor::Format::Text) {
///         Ok(page) => HttpResponse::Ok().body(page.len().to_string()),
///         Err(_) => HttpResponse::InternalServerError().finish(),
///     }
/// }
///
/// let app = App::new()
///     .wrap(BigBrother::builder().isolated().build())
///     .route("/length", web::get().to(page_length));
/// ```
#[derive(Clone, Debug)]
pub struct Monitor {
    core: Arc<Core>,
}

#[derive(Debug)]
struct Core {
    settings: Settings,
    requests: Arc<Recorder>,
    /// For requests that actix does not see.
    other_requests: SharedWriters,
    calls: SharedWriters,
    dependencies: Arc<DependencySet>,
    registries: Arc<Registries>,
}

impl Monitor {
    pub(crate) fn new(settings: Settings) -> Self {
        clock::prepare();
        let const_labels = settings.const_label_text();
        let new_family = |bounds: &[f64]| {
            Arc::new(Family::new(Buckets::new(bounds), settings.series_limit, &const_labels))
        };
        let requests = new_family(&settings.buckets);
        let calls = new_family(&settings.dependency_buckets);
        let dependencies = Arc::new(DependencySet::default());

        let mut own = Registry::default();
        own.register_collector(Box::new(Samples::new(Arc::clone(&requests), REQUESTS)));
        if settings.requests_in_flight {
            let (family, const_labels) = (Arc::clone(&requests), const_labels.clone());
            own.register_collector(Box::new(InFlight { family, const_labels }));
        }
        own.register_collector(Box::new(DependencyUp {
            dependencies: Arc::clone(&dependencies),
            const_labels: const_labels.clone(),
        }));
        own.register_collector(Box::new(Samples::new(Arc::clone(&calls), DEPENDENCY_REQUESTS)));
        own.register_collector(Box::new(ApplicationInfo::new(&settings.version, &const_labels)));

        let registries = Registries::new(own, settings.const_labels.clone());
        let requests = Recorder::new(requests);
        let monitor = Self {
            core: Arc::new(Core {
                settings,
                other_requests: SharedWriters::new(&requests),
                calls: SharedWriters::new(&Recorder::new(calls)),
                requests,
                dependencies,
                registries: Arc::new(registries),
            }),
        };
        #[cfg(all(feature = "process", target_os = "linux"))]
        monitor.register(|registry| {
            registry.register_collector(Box::new(crate::process::ProcessMetrics));
        });
        monitor
    }

    /// Registers metrics of the app's own, to be shown on the same page, and
    /// returns what `register` returns. Constant labels are put on them too.
    ///
    /// `prometheus_client` is re-exported, so that both crates speak of the same
    /// version. A metric stays registered for the life of the monitor, and each
    /// call registers anew: do it once, not once for each worker. Of two families
    /// of one name the first is shown, and the log says so: a page with both would
    /// be refused by scrapers as a whole.
    ///
    /// # Panics
    /// Only where `register` itself panics; then nothing is registered.
    ///
    /// ```
    /// use actix_monitor::prometheus_client::metrics::counter::Counter;
    /// use actix_monitor::{BigBrother, Format};
    ///
    /// let monitor = BigBrother::builder().isolated().build().handle();
    /// let orders: Counter = monitor.register(|registry| {
    ///     let orders = Counter::default();
    ///     registry.register("orders", "Orders taken", orders.clone());
    ///     orders
    /// });
    /// orders.inc();
    /// assert!(monitor.encode(Format::Text)?.contains("orders_total 1\n"));
    /// # Ok::<(), std::fmt::Error>(())
    /// ```
    pub fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        self.core.registries.register(register)
    }

    /// Returns the last known state of each dependency, in the order in which they
    /// were given.
    ///
    /// This runs no check and waits for none.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::{BigBrother, Dependency, DependencyStatus};
    ///
    /// let db = Dependency::new("db", || async { true });
    /// let monitor = BigBrother::builder().isolated().dependency(db).build().handle();
    /// let states = monitor.dependencies();
    /// assert!(states.iter().all(|state| state.status() != DependencyStatus::Down));
    /// ```
    pub fn dependencies(&self) -> Vec<DependencyState> {
        self.core.dependencies.states()
    }

    /// Encodes the whole page on the calling thread. That takes some microseconds
    /// for a hundred label sets and some milliseconds for ten thousand; in an
    /// async handler use [`metrics`](crate::metrics()) instead, which does not
    /// hold up the worker.
    ///
    /// # Errors
    /// A registered metric failed to encode itself.
    ///
    /// # Panics
    /// Only where a registered metric panics.
    ///
    /// ```
    /// use actix_monitor::{BigBrother, Format};
    ///
    /// let monitor = BigBrother::builder().isolated().version("v0.1.2").build().handle();
    /// let page = monitor.encode(Format::Text)?;
    /// assert!(page.contains("application_info{version=\"v0.1.2\"} 1\n"));
    /// # Ok::<(), std::fmt::Error>(())
    /// ```
    pub fn encode(&self, format: Format) -> Result<String, Error> {
        self.core.registries.encode(format)
    }

    /// A page in `format`, encoded off this thread and not older than this call.
    pub(crate) async fn scrape(&self, format: Format) -> Result<Bytes, ScrapeFailed> {
        scrape(Arc::clone(&self.core.registries), format).await
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.core.settings
    }

    pub(crate) fn requests(&self) -> &Arc<Recorder> {
        &self.core.requests
    }

    /// The writers of threads that are no worker: for calls to dependencies, or for
    /// requests.
    pub(crate) fn writers(&self, of_calls: bool) -> &SharedWriters {
        if of_calls { &self.core.calls } else { &self.core.other_requests }
    }

    /// The cell that takes the results of calls to this dependency.
    #[cfg(any(feature = "awc", feature = "reqwest"))]
    pub(crate) fn observed_dependency(&self, name: &str) -> Arc<DependencyCell> {
        self.core.dependencies.observed(name)
    }

    pub(crate) fn watch(&self, dependencies: &[Dependency]) -> Result<(), BuildError> {
        self.core.dependencies.watch(dependencies)
    }

    pub(crate) fn register_once(&self, registrations: Vec<Registration>) {
        self.core.registries.register_once(registrations);
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }
}

const REQUESTS: Names = Names {
    histogram: (family::REQUEST, family::REQUEST_HELP),
    bytes: Some((family::RESPONSE_SIZE, family::RESPONSE_SIZE_HELP)),
};

const DEPENDENCY_REQUESTS: Names =
    Names { histogram: (family::DEPENDENCY_REQUEST, family::DEPENDENCY_REQUEST_HELP), bytes: None };
