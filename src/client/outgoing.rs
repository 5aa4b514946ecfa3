//! What is recorded of an outgoing call, whichever client makes it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::dependency::cell::DependencyCell;
use crate::monitor::handle::Monitor;
use crate::protocol;
use crate::timers::timer::CallTimer;

/// Middleware that records each call of an HTTP client in
/// `dependency_request_seconds`.
///
/// It is a middleware of `awc` (feature `awc`) and of `reqwest-middleware` (feature
/// `reqwest`). A call ends when the head of its answer arrives. The labels are the
/// same for both clients:
///
/// - `name`: the name of the dependency;
/// - `type`: `http`;
/// - `status`: the status code of the answer. Without an answer it is `unreachable`
///   (no connection), `timeout`, `bad_answer` (not HTTP, or broken off), `cancelled`
///   (the future of the call was dropped, which awc's own timeout does) or `failed`
///   (any other error);
/// - `isError`: `true` for 4xx, 5xx and calls without an answer;
/// - `method`: the method of the request, or `_OTHER`;
/// - `addr`: what [`addr`](Self::addr) or [`addr_from`](Self::addr_from) sets, never
///   the raw path.
///
#[cfg_attr(
    feature = "awc",
    doc = r#"
```
use actix_monitor::{BigBrother, ClientMonitor};

# actix_web::rt::System::new().block_on(async {
let monitor = BigBrother::builder().isolated().build().monitor();
let client = awc::Client::builder()
    .wrap(ClientMonitor::new(&monitor, "quotes").addr("/quotes/{id}").dependency_up())
    .finish();
# });
```
"#
)]
#[derive(Clone)]
#[must_use = "a client is watched once it is wrapped with this"]
pub struct ClientMonitor {
    monitor: Monitor,
    name: Cow<'static, str>,
    addr: Addr,
    dependency: Option<Arc<DependencyCell>>,
}

#[derive(Clone)]
enum Addr {
    Template(Cow<'static, str>),
    Function(Arc<AddrFn>),
}

/// From method and path to a template.
type AddrFn = dyn Fn(&str, &str) -> Cow<'static, str> + Send + Sync;

impl ClientMonitor {
    /// Creates a middleware that records calls under the dependency's `name`.
    pub fn new(monitor: &Monitor, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            monitor: monitor.clone(),
            name: name.into(),
            addr: Addr::Template(protocol::UNKNOWN.into()),
            dependency: None,
        }
    }

    /// Sets the `addr` of all calls of this client, such as `/quotes/{id}`.
    ///
    /// The default is `unknown`. A raw path would create a series for each value in
    /// it.
    pub fn addr(mut self, template: impl Into<Cow<'static, str>>) -> Self {
        self.addr = Addr::Template(template.into());
        self
    }

    /// Sets a function that returns the `addr` of a call from its method and path.
    ///
    /// It should return one of a few templates. It overrides [`addr`](Self::addr).
    ///
    /// # Examples
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, ClientMonitor};
    /// # let monitor = BigBrother::builder().isolated().build().monitor();
    /// let watched = ClientMonitor::new(&monitor, "quotes").addr_from(|_method, path| {
    ///     if path.starts_with("/quotes/") { "/quotes/{id}".into() } else { "other".into() }
    /// });
    /// ```
    pub fn addr_from(
        mut self,
        template: impl Fn(&str, &str) -> Cow<'static, str> + Send + Sync + 'static,
    ) -> Self {
        self.addr = Addr::Function(Arc::new(template));
        self
    }

    /// Derives `dependency_up` from the calls of this client.
    ///
    /// The dependency is down after a 5xx, a timeout, a call without a connection or
    /// an answer that is not HTTP, and up after any other answer. A cancelled call
    /// does not change its state. If the dependency also has a check, the check alone
    /// decides.
    ///
    /// The reason for down is a fixed sentence, with the status code if there is one.
    /// The client's error text is not shown: it contains the URL.
    pub fn dependency_up(mut self) -> Self {
        self.dependency = Some(self.monitor.dependency_set().observed(&self.name));
        self
    }

    /// Begins a call. `template` takes precedence over `addr` and `addr_from`.
    pub(super) fn begin(
        &self,
        method: &str,
        path: &str,
        template: Option<Cow<'static, str>>,
    ) -> Outgoing {
        let addr = template.unwrap_or_else(|| match &self.addr {
            Addr::Template(template) => template.clone(),
            Addr::Function(function) => function(method, path),
        });
        let timer = self.monitor.start_dependency_request(self.name.clone()).addr(addr);
        let timer = timer
            .method(protocol::MethodLabel::from_method(method).as_str())
            .status_if_dropped(protocol::CANCELLED);
        Outgoing { timer, dependency: self.dependency.clone() }
    }
}

impl fmt::Debug for ClientMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientMonitor").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a call has no answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    Unreachable,
    Timeout,
    BadAnswer,
    /// Not known to be the fault of the dependency.
    Other,
}

impl Failure {
    fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::BadAnswer => "bad_answer",
            Self::Other => "failed",
        }
    }

    /// Why the dependency is down; `None` if the failure does not show that it is.
    /// Never the error text of the client, which contains the URL.
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::Unreachable => Some("no connection"),
            Self::Timeout => Some("no answer in time"),
            Self::BadAnswer => Some("answer that is not HTTP or breaks off"),
            Self::Other => None,
        }
    }
}

/// A call under way.
///
/// # Drop
///
/// Records the call as cancelled unless it has ended.
pub(super) struct Outgoing {
    timer: CallTimer,
    dependency: Option<Arc<DependencyCell>>,
}

impl Outgoing {
    pub(super) fn answered(self, status: u16) {
        if let Some(dependency) = &self.dependency {
            let is_up = status < 500;
            let reason = || format!("answer with status {status}");
            dependency.observe(if is_up { Ok(()) } else { Err(reason()) });
        }
        if (400..600).contains(&status) {
            self.timer.fail(status);
        } else {
            self.timer.finish(status);
        }
    }

    pub(super) fn failed(self, failure: Failure) {
        if let (Some(dependency), Some(reason)) = (&self.dependency, failure.reason()) {
            dependency.observe(Err(reason.to_owned()));
        }
        self.timer.fail(failure.word());
    }
}
