//! The routes that blocked their workers.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::panics::contain;
use crate::protocol::LOG;

/// How often and for how long each route blocked its worker. Locked: blocking a worker
/// is rare, and takes milliseconds when it happens.
#[derive(Debug, Default)]
pub(crate) struct BlockedRoutes {
    /// By `addr` and `method`. No more than there are series of requests.
    routes: Mutex<BTreeMap<(String, &'static str), Blocks>>,
}

/// The polls of one route that blocked their worker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Blocks {
    pub(crate) count: u64,
    pub(crate) nanos: u64,
}

impl Blocks {
    pub(crate) fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.nanos = self.nanos.saturating_add(other.nanos);
    }
}

impl BlockedRoutes {
    /// Adds the blocks of one request, and logs the first ones of its route.
    pub(crate) fn add(&self, method: &'static str, addr: &str, blocks: Blocks) {
        let mut is_first = false;
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let route = routes.entry((addr.to_owned(), method)).or_insert_with(|| {
            is_first = true;
            Blocks::default()
        });
        route.add(blocks);
        // A logger may ask for the page, or send a request of its own.
        drop(routes);
        if is_first {
            let millis = blocks.nanos / 1_000_000;
            contain(|| {
                log::warn!(
                    target: LOG,
                    "{method} {addr} blocked its worker for {millis} ms, and all other connections of \
                     the worker with it; move the code that blocks into actix_web::web::block; logged \
                     once per route, see worker_blocked_seconds_total for all of them",
                )
            });
        }
    }

    /// The blocks of each route by `addr` and `method`, in their order.
    pub(crate) fn snapshot(&self) -> Vec<((String, &'static str), Blocks)> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.iter().map(|(route, blocks)| (route.clone(), *blocks)).collect()
    }
}
