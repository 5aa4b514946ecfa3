//! The parts of a monitor.

use std::sync::Arc;

use prometheus_client::registry::Registry;

use super::config::{MonitorConfig, MonitorOptions};
use super::families::Families;
use super::page::PageSource;
use crate::clock;
use crate::dependency::set::DependencySet;
use crate::store::buckets::Buckets;
use crate::store::family::Family;
use crate::store::own_labels::OwnLabels;
use crate::store::pool::WriterPool;
use crate::store::writer::Recorder;
use crate::workers::registry::Workers;

/// What all handles to one monitor share.
pub(super) struct Core {
    pub(super) config: MonitorConfig,
    pub(super) requests: Arc<Recorder>,
    pub(super) heads: Option<Arc<Recorder>>,
    pub(super) request_sizes: Option<Arc<Recorder>>,
    /// For requests that actix does not see.
    pub(super) other_requests: WriterPool,
    pub(super) calls: WriterPool,
    pub(super) dependencies: Arc<DependencySet>,
    /// `None` if workers are not watched.
    pub(super) workers: Option<Arc<Workers>>,
    pub(super) page: Arc<PageSource>,
    pub(super) registry: Registry,
}

impl Core {
    pub(super) fn new(options: &MonitorOptions) -> Self {
        clock::prepare();
        let config = MonitorConfig::from(options);
        let own_labels = Arc::new(OwnLabels::new(&config.labels));
        let has_native = config.native_histograms;
        let recorder = |bounds: &[f64], has_native: bool| {
            let (constant, own) = (Arc::clone(&config.const_labels), Arc::clone(&own_labels));
            let family = Family::new(Buckets::new(bounds), config.series_limit, constant, own);
            Recorder::new(Arc::new(family.with_native(has_native)))
        };
        let requests = recorder(&config.buckets, has_native);
        let calls = recorder(&config.dependency_buckets, has_native);
        let has_heads = !config.head_buckets.is_empty();
        let heads = has_heads.then(|| recorder(&config.head_buckets, has_native));
        // A counter: only the bytes of its cells are shown.
        let request_sizes = config.request_size.map(|_| recorder(&[], false));
        let family = |recorder: &Arc<Recorder>| Arc::clone(recorder.family());
        let dependencies = Arc::new(DependencySet::default());
        let workers = config.blocking_threshold.map(Workers::new);
        let families = Arc::new(Families {
            requests: family(&requests),
            heads: heads.as_ref().map(family),
            request_sizes: request_sizes.as_ref().map(family),
            calls: family(&calls),
            dependencies: Arc::clone(&dependencies),
            has_in_flight: config.requests_in_flight,
            workers: workers.clone(),
            version: config.version.clone(),
            const_labels: Arc::clone(&config.const_labels),
        });
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&families)));
        let page = PageSource::new(families, Arc::clone(&config.const_labels));
        Self {
            config,
            other_requests: WriterPool::new(&requests),
            calls: WriterPool::new(&calls),
            requests,
            heads,
            request_sizes,
            dependencies,
            workers,
            page: Arc::new(page),
            registry,
        }
    }
}

/// # Drop
///
/// Stops the checks, although collectors and encoders in progress may keep their results.
impl Drop for Core {
    fn drop(&mut self) {
        self.dependencies.stop();
    }
}
