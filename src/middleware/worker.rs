//! What one worker keeps between requests.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::{Extensions, ResourceMap, ServiceRequest};
use actix_web::http::Method;
use actix_web::web::Data;

use crate::labels::LabelSet;
use crate::monitor::handle::Monitor;
use crate::outcome::{ErrorTable, ObserveAt, ResponseSize, Unmatched};
use crate::recorder::{Slot, Writer};

/// The options that belong to one middleware.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) endpoint: Option<String>,
    pub(crate) openmetrics: bool,
    pub(crate) errors: ErrorTable,
    pub(crate) observe_at: ObserveAt,
    pub(crate) response_size: ResponseSize,
    pub(crate) unmatched: Unmatched,
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) monitor: Data<Monitor>,
    pub(crate) rules: Arc<Rules>,
    writer: RefCell<Writer>,
    /// The app's routes, for requests that are gone when they are asked for
    /// theirs. The same for all requests of a worker.
    routes: OnceCell<Routes>,
    /// What each request is given: the monitor for its handlers, and the mark
    /// that it has been seen.
    data: Rc<Extensions>,
}

#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) map: ResourceMap,
    /// Whether a service on the empty prefix, such as a file server of the root,
    /// takes requests without consuming any of their path.
    pub(crate) has_empty_prefix: bool,
}

/// The monitors that see a request, outermost last.
struct SeenBy(Vec<Data<Monitor>>);

impl Worker {
    pub(crate) fn new(monitor: Data<Monitor>, rules: Arc<Rules>) -> Self {
        let writer = RefCell::new(monitor.requests().writer());
        let data = seen_by(&monitor, &[]);
        Self { monitor, rules, writer, routes: OnceCell::new(), data }
    }

    /// Whether the request asks for the metrics page.
    #[inline]
    pub(crate) fn is_scrape(&self, request: &ServiceRequest) -> bool {
        self.rules.endpoint.as_deref() == Some(request.path())
            && matches!(*request.method(), Method::GET | Method::HEAD)
    }

    /// Gives the request the monitor. `false` where it has it already: then an
    /// outer middleware records it.
    #[inline]
    pub(crate) fn adopt(&self, request: &mut ServiceRequest) -> bool {
        let data = match request.app_data::<SeenBy>() {
            None => Rc::clone(&self.data),
            Some(SeenBy(others)) if others.iter().any(|other| other.is(&self.monitor)) => {
                return false;
            }
            Some(SeenBy(others)) => seen_by(&self.monitor, others),
        };
        request.add_data_container(data);
        true
    }

    pub(crate) fn remember_routes(&self, request: &ServiceRequest) {
        self.routes.get_or_init(|| {
            let map = request.resource_map().clone();
            Routes { has_empty_prefix: map.has_resource(""), map }
        });
    }

    pub(crate) fn routes(&self) -> Option<&Routes> {
        self.routes.get()
    }

    #[inline]
    pub(crate) fn slot(&self, labels: &LabelSet<'_>) -> Slot {
        self.writer.borrow_mut().slot(labels)
    }

    #[inline]
    pub(crate) fn record(&self, slot: Slot, started: Instant, bytes: u64) {
        self.writer.borrow_mut().record(slot, started.elapsed(), bytes);
    }
}

fn seen_by(monitor: &Data<Monitor>, others: &[Data<Monitor>]) -> Rc<Extensions> {
    let mut data = Extensions::new();
    data.insert(monitor.clone());
    data.insert(SeenBy(others.iter().chain([monitor]).cloned().collect()));
    Rc::new(data)
}
