//! Metrics that other libraries keep.

use std::any::TypeId;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use prometheus_client::registry::Registry;

/// Metrics that the app keeps in another library, for
/// [`BigBrotherBuilder::attach`](crate::BigBrotherBuilder::attach) and
/// [`Monitor::attach`](crate::Monitor::attach).
///
/// | metrics | source |
/// |---|---|
/// | in a registry of prometheus-client | `Arc<Mutex<Registry>>`, `Arc<RwLock<Registry>>`, `Arc<Registry>`, or [`MetricSource::registry`] |
/// | in the `prometheus` crate, or exported to it by opentelemetry-prometheus | `prometheus::Registry`, with the feature `prometheus` |
/// | of the `metrics` facade, and of any other library that renders text | [`MetricSource::text`] |
///
/// Each scrape reads the source. Its samples have the constant labels. A family is left out of
/// the page, and logged once, if its name or a sample of it is on the page already, or if it is
/// not valid. A source that panics or hangs is left out until it returns again.
///
/// In the text format all names are those of the library. In OpenMetrics a counter has the type
/// `counter` if its name ends with `_total`, and `unknown` otherwise: OpenMetrics has no
/// counters without `_total`. The name of its family is the one without `_total` there, so that of
/// a gauge `orders` and a counter `orders_total` only the first is on the page, in all formats.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use actix_monitor::prometheus_client::metrics::counter::Counter;
/// use actix_monitor::prometheus_client::registry::Registry;
/// use actix_monitor::{BigBrother, Format};
///
/// let (mut registry, orders) = (Registry::default(), Counter::<u64>::default());
/// registry.register("orders", "Orders taken", orders.clone());
/// let registry = Arc::new(Mutex::new(registry));
///
/// let middleware = BigBrother::builder().isolated().attach("own", registry.clone()).build();
/// orders.inc();
/// assert!(middleware.monitor().encode(Format::Text).contains("orders_total 1\n"));
/// ```
pub struct MetricSource {
    pub(crate) kind: SourceKind,
    pub(crate) identity: SourceIdentity,
}

/// How the metrics are read.
pub(crate) enum SourceKind {
    /// Passes the registry to a function.
    Registry(Box<Lend>),
    #[cfg(feature = "prometheus")]
    Prometheus(prometheus::Registry),
    Text(Box<dyn Fn() -> String + Send + Sync>),
}

/// Passes a registry to its argument.
pub(crate) type Lend = dyn Fn(&mut dyn FnMut(&Registry)) + Send + Sync;

/// What distinguishes sources with the same key: their types, and their addresses if they
/// have one.
pub(crate) type SourceIdentity = (TypeId, usize);

impl MetricSource {
    /// Creates a source of a registry of prometheus-client behind a lock of any kind.
    ///
    /// At each scrape, `lend` passes the registry to its argument, on a thread where it can
    /// block. Use the `prometheus_client` that this crate re-exports, or the same version.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::prometheus_client::registry::Registry;
    /// use actix_monitor::{BigBrother, MetricSource};
    /// use tokio::sync::RwLock;
    ///
    /// static REGISTRY: std::sync::LazyLock<RwLock<Registry>> = std::sync::LazyLock::new(Default::default);
    ///
    /// let source = MetricSource::registry(|show| show(&REGISTRY.blocking_read()));
    /// let middleware = BigBrother::builder().isolated().attach("own", source).build();
    /// ```
    pub fn registry<F>(lend: F) -> Self
    where
        F: Fn(&mut dyn FnMut(&Registry)) + Send + Sync + 'static,
    {
        Self::new::<F>(0, SourceKind::Registry(Box::new(lend)))
    }

    /// Creates a source of text in the
    /// [Prometheus text format](https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format),
    /// version 0.0.4, such as the exporter of the `metrics` facade renders it.
    ///
    /// OpenMetrics, and with it exemplars, is not offered while a source of text is attached.
    /// Lines that are not valid are left out, and logged once for each metric and reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::{BigBrother, MetricSource};
    /// use metrics_exporter_prometheus::PrometheusBuilder;
    ///
    /// let handle = PrometheusBuilder::new().install_recorder()?;
    /// let source = MetricSource::text(move || {
    ///     handle.run_upkeep();
    ///     handle.render()
    /// });
    /// let middleware = BigBrother::builder().isolated().attach("metrics", source).build();
    /// # Ok::<(), metrics_exporter_prometheus::BuildError>(())
    /// ```
    pub fn text<F>(render: F) -> Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        Self::new::<F>(0, SourceKind::Text(Box::new(render)))
    }

    fn new<T: 'static>(address: usize, kind: SourceKind) -> Self {
        Self { kind, identity: (TypeId::of::<T>(), address) }
    }

    fn shared<T: Send + Sync + 'static>(
        shared: Arc<T>,
        lend: impl Fn(&T, &mut dyn FnMut(&Registry)) + Send + Sync + 'static,
    ) -> Self {
        let address = Arc::as_ptr(&shared).addr();
        Self::new::<T>(address, SourceKind::Registry(Box::new(move |show| lend(&shared, show))))
    }
}

impl From<Arc<Mutex<Registry>>> for MetricSource {
    fn from(registry: Arc<Mutex<Registry>>) -> Self {
        Self::shared(registry, |registry, show| {
            show(&registry.lock().unwrap_or_else(PoisonError::into_inner));
        })
    }
}

impl From<Arc<RwLock<Registry>>> for MetricSource {
    fn from(registry: Arc<RwLock<Registry>>) -> Self {
        Self::shared(registry, |registry, show| {
            show(&registry.read().unwrap_or_else(PoisonError::into_inner));
        })
    }
}

impl From<Arc<Registry>> for MetricSource {
    fn from(registry: Arc<Registry>) -> Self {
        Self::shared(registry, |registry, show| show(registry))
    }
}

/// The registry is read as it is: nothing needs to be registered again, and its prefix and
/// its labels are kept. Metrics without a type, which the crate's own encoder cannot write,
/// are left out.
#[cfg(feature = "prometheus")]
#[cfg_attr(docsrs, doc(cfg(feature = "prometheus")))]
impl From<prometheus::Registry> for MetricSource {
    fn from(registry: prometheus::Registry) -> Self {
        Self::new::<prometheus::Registry>(0, SourceKind::Prometheus(registry))
    }
}

impl fmt::Debug for MetricSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Debug for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Registry(_) => "Registry(..)",
            #[cfg(feature = "prometheus")]
            Self::Prometheus(_) => "Prometheus(..)",
            Self::Text(_) => "Text(..)",
        })
    }
}
