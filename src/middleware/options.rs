//! The options of one middleware.

use crate::options::exclude::Exclude;
use crate::options::exemplars::Exemplars;
use crate::options::label::Label;
use crate::options::measurement::{ObserveAt, RequestSize, Unmatched};
use crate::options::message::ErrorMessage;
use crate::protocol;
use crate::request::status::StatusTable;

/// The options that each middleware has for itself.
#[derive(Debug)]
pub(crate) struct MiddlewareOptions {
    /// Path of the metrics page; `None` if the middleware does not serve it.
    pub(crate) endpoint: Option<String>,
    /// Path of the dashboard, if the middleware serves it.
    #[cfg(feature = "dashboard")]
    pub(crate) dashboard: Option<String>,
    pub(crate) statuses: StatusTable,
    pub(crate) unmatched: Unmatched,
    pub(crate) excluded: Vec<Exclude>,
    /// When durations end for single routes, by pattern.
    pub(crate) observed_routes: Vec<(String, ObserveAt)>,
    pub(crate) error_message: Option<ErrorMessage>,
    pub(crate) exemplars: Option<Exemplars>,
    /// The app's own labels; none inherits them.
    pub(crate) labels: Vec<(String, Label)>,
    pub(crate) request_size: Option<RequestSize>,
}

impl Default for MiddlewareOptions {
    fn default() -> Self {
        Self {
            endpoint: Some(protocol::ENDPOINT.to_owned()),
            #[cfg(feature = "dashboard")]
            dashboard: None,
            statuses: StatusTable::default(),
            unmatched: Unmatched::default(),
            excluded: Vec::new(),
            observed_routes: Vec::new(),
            error_message: None,
            exemplars: None,
            labels: Vec::new(),
            request_size: None,
        }
    }
}

/// A page that the middleware serves in place of the app.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OwnPage {
    Metrics,
    #[cfg(feature = "dashboard")]
    Dashboard,
}

impl MiddlewareOptions {
    /// The page of the middleware at this path.
    #[inline]
    pub(crate) fn page_at(&self, path: &str) -> Option<OwnPage> {
        if self.endpoint.as_deref() == Some(path) {
            return Some(OwnPage::Metrics);
        }
        #[cfg(feature = "dashboard")]
        if self.dashboard.as_deref() == Some(path) {
            return Some(OwnPage::Dashboard);
        }
        None
    }

    /// Whether an option depends on the route of a request.
    pub(crate) fn has_route_rules(&self) -> bool {
        !self.observed_routes.is_empty()
            || self.excluded.iter().any(|exclude| exclude.route().is_some())
    }

    #[inline(never)]
    pub(crate) fn excludes_route(&self, addr: &str) -> bool {
        self.excluded.iter().any(|exclude| exclude.route() == Some(addr))
    }

    /// When durations of this route end, if that is set for the route. The last
    /// setting wins.
    #[inline(never)]
    pub(crate) fn observe_route_at(&self, addr: &str) -> Option<ObserveAt> {
        let mut routes = self.observed_routes.iter().rev();
        routes.find(|(pattern, _)| pattern == addr).map(|(_, end)| *end)
    }
}
