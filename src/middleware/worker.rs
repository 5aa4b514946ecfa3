//! What one worker keeps between requests.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::{Extensions, ResourceMap, ServiceRequest};
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};

use super::facts::Facts;
use crate::labels::{Outcome, cut};
use crate::monitor::handle::Monitor;
use crate::outcome::exclude::Exclude;
use crate::outcome::exemplar::Exemplars;
use crate::outcome::message::ErrorMessage;
use crate::outcome::options::Unmatched;
use crate::outcome::status::StatusTable;
use crate::page::TextOnly;
use crate::recorder::writer::{Slot, Writer};

/// The options that belong to one middleware.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) endpoint: Option<String>,
    pub(crate) openmetrics: bool,
    pub(crate) statuses: StatusTable,
    pub(crate) unmatched: Unmatched,
    pub(crate) excluded: Vec<Exclude>,
    pub(crate) error_message: Option<ErrorMessage>,
    pub(crate) exemplars: Option<Exemplars>,
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) monitor: Data<Monitor>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) has_in_flight: bool,
    /// Where messages come from; `None` where the label is off.
    error_message: Option<ErrorMessage>,
    excludes_routes: bool,
    writer: RefCell<Writer>,
    /// Facts of requests that have ended, to be used again.
    #[expect(clippy::vec_box, reason = "the boxes are what is kept")]
    spare: RefCell<Vec<Box<Facts>>>,
    /// The app's routes, for requests that are gone when they are asked for
    /// theirs. The same for all requests of a worker.
    routes: OnceCell<Box<Routes>>,
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

/// As many requests as a worker is likely to have under way.
const SPARE: usize = 256;

/// The monitors that see a request, outermost first.
struct SeenBy(Vec<Data<Monitor>>);

impl SeenBy {
    fn by(&self, monitor: &Monitor) -> bool {
        self.0.iter().any(|other| other.is(monitor))
    }

    /// What a request is given whom `monitor` sees as well.
    fn and_by(&self, monitor: &Data<Monitor>, rules: &Rules) -> Rc<Extensions> {
        let mut data = Extensions::new();
        data.insert(monitor.clone());
        if !rules.openmetrics {
            data.insert(TextOnly);
        }
        data.insert(Self(self.0.iter().chain([monitor]).cloned().collect()));
        Rc::new(data)
    }
}

thread_local! {
    /// Workers of middlewares on this thread: a request is looked at for the marks
    /// of others only where there are others.
    static WORKERS: Cell<usize> = const { Cell::new(0) };
}

impl Worker {
    pub(crate) fn new(monitor: Data<Monitor>, rules: Arc<Rules>) -> Self {
        let writer = RefCell::new(monitor.requests().writer());
        let settings = monitor.settings();
        WORKERS.set(WORKERS.get() + 1);
        Self {
            has_in_flight: settings.requests_in_flight,
            error_message: rules.error_message.clone().or_else(|| settings.error_message.clone()),
            excludes_routes: rules.excluded.iter().any(Exclude::is_route),
            data: SeenBy(Vec::new()).and_by(&monitor, &rules),
            routes: OnceCell::new(),
            spare: RefCell::default(),
            monitor,
            rules,
            writer,
        }
    }

    /// Whether the request asks for the metrics page.
    #[inline]
    pub(crate) fn is_scrape(&self, path: &str, method: &Method) -> bool {
        self.rules.endpoint.as_deref() == Some(path)
            && matches!(*method, Method::GET | Method::HEAD)
    }

    /// Whether this thread has other middlewares, which may see what this one answers.
    #[inline]
    pub(crate) fn has_company() -> bool {
        WORKERS.get() > 1
    }

    /// Whether the request has been here before: then an outer middleware of the same
    /// monitor records it.
    #[inline]
    pub(crate) fn has_seen(&self, request: &ServiceRequest) -> bool {
        let is_seen = || request.app_data::<SeenBy>().is_some_and(|seen| seen.by(&self.monitor));
        Self::has_company() && is_seen()
    }

    /// Gives the request the monitor, and the mark that it was here.
    #[inline]
    pub(crate) fn adopt(&self, request: &mut ServiceRequest) {
        let others = if Self::has_company() { request.app_data::<SeenBy>() } else { None };
        let data = match others {
            None => Rc::clone(&self.data),
            Some(seen) => seen.and_by(&self.monitor, &self.rules),
        };
        request.add_data_container(data);
    }

    #[inline]
    pub(crate) fn remember_routes(&self, request: &ServiceRequest) {
        self.routes.get_or_init(|| {
            let map = request.resource_map().clone();
            Box::new(Routes { has_empty_prefix: map.has_resource(""), map })
        });
    }

    pub(crate) fn routes(&self) -> Option<&Routes> {
        self.routes.get().map(Box::as_ref)
    }

    /// Whether the request is left out, as far as that can be told before routing.
    #[inline]
    pub(crate) fn excludes(&self, path: &str, request: &ServiceRequest) -> bool {
        self.rules.excluded.iter().any(|exclude| exclude.takes_request(path, request))
    }

    /// Where requests for `addr` with this outcome are counted; `None` where they are
    /// not. `message` is asked for the `errorMessage` label if that is on.
    #[inline]
    pub(crate) fn slot(
        &self,
        addr: &str,
        outcome: Outcome,
        message: impl FnOnce(&ErrorMessage) -> String,
    ) -> Option<Slot> {
        if self.excludes_routes && self.excludes_route(addr) {
            return None;
        }
        match &self.error_message {
            None => self.writer.borrow_mut().request_slot(addr, outcome, None),
            Some(source) => self.slot_with_message(addr, outcome, || message(source)),
        }
    }

    #[inline(never)]
    fn slot_with_message(
        &self,
        addr: &str,
        outcome: Outcome,
        message: impl FnOnce() -> String,
    ) -> Option<Slot> {
        let message = message();
        let mut writer = self.writer.borrow_mut();
        if message.is_empty() {
            writer.request_slot(addr, outcome, Some(""))
        } else {
            writer.slot(&outcome.at(addr, Some(cut(&message))))
        }
    }

    #[inline(never)]
    fn excludes_route(&self, addr: &str) -> bool {
        self.rules.excluded.iter().any(|exclude| exclude.takes_route(addr))
    }

    /// The `errorMessage` of an answer to a request that is gone; empty where the
    /// label is off.
    pub(crate) fn lost_message(&self, response: &HttpResponse, error: &Error) -> String {
        let source = self.error_message.as_ref();
        source.map(|source| source.of(response, Some(error))).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn record(&self, slot: Slot, nanos: u64, bytes: u64) {
        self.writer.borrow_mut().record(slot, nanos, bytes);
    }

    pub(crate) fn exemplify(&self, slot: Slot, nanos: u64, trace_id: String) {
        self.writer.borrow_mut().exemplify(slot, nanos, trace_id);
    }

    /// Room for the facts of a request.
    #[inline]
    pub(super) fn take_spare(&self) -> Box<Facts> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps the room for another request.
    #[inline]
    pub(super) fn put_spare(&self, facts: Box<Facts>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE {
            spare.push(facts);
        }
    }

    pub(crate) fn add_in_flight(&self, change: i64) {
        self.writer.borrow_mut().add_in_flight(change);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        WORKERS.set(WORKERS.get() - 1);
    }
}
