//! The state that one middleware keeps on one thread.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;

use super::extras::Extras;
use super::options::{MiddlewareOptions, OwnPage};
use crate::monitor::handle::Monitor;
use crate::options::measurement::ObserveAt;
use crate::protocol::MethodLabel;
use crate::request::route::Routes;
use crate::request::status::StatusRule;
use crate::store::slots::Slot;
use crate::store::writer::Writer;
use crate::workers::blocked::Blocks;
use crate::workers::registry::{Worker, Workers};

#[derive(Debug)]
pub(crate) struct MiddlewareState {
    pub(super) monitor: Data<Monitor>,
    pub(super) options: Arc<MiddlewareOptions>,
    pub(super) has_in_flight: bool,
    /// The worker that this thread is; `None` if workers are not watched.
    pub(super) worker: Option<Worker>,
    /// Whether an option is on that does something at the start or the end of each request.
    pub(super) has_extras: bool,
    has_route_rules: bool,
    pub(super) extras: Extras,
    writer: Writer,
    /// The routes of the app, which are the same for all requests of a thread.
    routes: OnceCell<Routes>,
    /// What is attached to each request: the monitor for handlers, and the mark that
    /// the request is recorded.
    data: Rc<Extensions>,
}

/// The monitors that record a request, outermost first.
struct RecordedBy(Vec<Data<Monitor>>);

impl RecordedBy {
    fn contains(&self, monitor: &Monitor) -> bool {
        self.0.iter().any(|other| other.ptr_eq(monitor))
    }
}

impl MiddlewareState {
    pub(super) fn new(monitor: Data<Monitor>, options: Arc<MiddlewareOptions>) -> Self {
        let config = monitor.config();
        let worker = monitor.workers().map(Workers::attach);
        let has_in_flight = config.requests_in_flight;
        let extras = Extras::new(&monitor, &options);
        Self {
            has_in_flight,
            has_extras: has_in_flight || worker.is_some() || extras.begins,
            worker,
            has_route_rules: options.has_route_rules(),
            extras,
            writer: monitor.requests().writer(),
            routes: OnceCell::new(),
            data: Rc::new(attached_data(&monitor, [].iter())),
            monitor,
            options,
        }
    }

    /// The page of the middleware that is requested.
    #[inline]
    pub(super) fn page_at(&self, path: &str, method: &Method) -> Option<OwnPage> {
        let page = self.options.page_at(path)?;
        matches!(*method, Method::GET | Method::HEAD).then_some(page)
    }

    /// Whether the path is excluded.
    #[inline]
    pub(super) fn excludes_path(&self, path: &str) -> bool {
        self.options.excluded.iter().any(|exclude| exclude.matches_path(path))
    }

    /// Whether a closure excludes the request. The closure may panic.
    #[inline]
    pub(super) fn excludes_request(&self, request: &ServiceRequest) -> bool {
        let mut functions = self.options.excluded.iter().filter_map(|exclude| exclude.function());
        functions.any(|excluded| excluded(request))
    }

    /// What is attached to a request: the monitor, and the mark that it is recorded.
    /// `None` if an outer middleware of the same monitor records it already.
    #[inline]
    pub(super) fn data_for(&self, request: &ServiceRequest) -> Option<Rc<Extensions>> {
        match request.app_data::<RecordedBy>() {
            None => Some(Rc::clone(&self.data)),
            Some(others) if others.contains(&self.monitor) => None,
            Some(others) => Some(Rc::new(attached_data(&self.monitor, others.0.iter()))),
        }
    }

    /// Whether the route is excluded.
    #[inline]
    pub(super) fn excludes_route(&self, addr: &str) -> bool {
        self.has_route_rules && self.options.excludes_route(addr)
    }

    /// When the duration of a request ends.
    #[inline]
    pub(super) fn observe_at(
        &self,
        status: StatusCode,
        rule: &StatusRule,
        addr: &str,
    ) -> ObserveAt {
        let end = if rule.ends_at_head { ObserveAt::Head } else { ObserveAt::BodyEnd };
        if !self.has_route_rules || status == StatusCode::SWITCHING_PROTOCOLS {
            return end;
        }
        self.options.observe_route_at(addr).unwrap_or(end)
    }

    /// The routes of the app, copied from its first request.
    #[inline]
    pub(super) fn remember_routes(&self, request: &ServiceRequest) {
        self.routes.get_or_init(|| Routes::new(request.resource_map()));
    }

    pub(super) fn routes(&self) -> Option<&Routes> {
        self.routes.get()
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.writer
    }

    #[inline]
    pub(super) fn record(&self, slot: Slot, nanos: u64, bytes: u64) {
        self.writer.record(slot, nanos, bytes);
    }

    /// Counts polls of a request that blocked the worker.
    #[cold]
    pub(super) fn count_blocks(&self, slot: Slot, method: MethodLabel, blocks: Blocks) {
        if let (Some(worker), Some(addr)) = (&self.worker, self.writer.addr(slot)) {
            worker.workers.blocked.add(method.as_str(), addr, blocks);
        }
    }

    pub(super) fn add_in_flight(&self, change: i64) {
        self.writer.add_in_flight(change);
    }
}

fn attached_data<'a>(
    monitor: &'a Data<Monitor>,
    others: impl Iterator<Item = &'a Data<Monitor>>,
) -> Extensions {
    let mut data = Extensions::new();
    data.insert(monitor.clone());
    data.insert(RecordedBy(others.chain([monitor]).cloned().collect()));
    data
}
