//! What is recorded of an outgoing call, whichever client makes it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::monitor::handle::Monitor;
use crate::monitor::state::Watched;
use crate::monitor::timers::CallTimer;
use crate::protocol;

/// Records every call of an HTTP client in `dependency_request_seconds`.
///
/// It is a middleware for `awc` (feature `awc`) and for `reqwest-middleware`
/// (feature `reqwest`), with the same labels for both: `type="http"`; `status`
/// the code of the answer, or one word: `unreachable` (no connection), `timeout`,
/// `bad_answer` (not HTTP, or broken off), `cancelled` (the call's future was
/// dropped, as awc's own timeout does) and `failed` for the rest; `isError` for
/// 4xx, 5xx and all words; `method`; and `addr`, which is what
/// [`addr`](Self::addr) says and never the raw path. A call lasts until the head
/// of its answer.
///
#[cfg_attr(
    feature = "awc",
    doc = r#"
```
use actix_monitor::{BigBrother, ClientMonitor};

# actix_web::rt::System::new().block_on(async {
let monitor = BigBrother::builder().isolated().build().handle();
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
    seen: Option<Arc<Watched>>,
}

#[derive(Clone)]
enum Addr {
    Template(Cow<'static, str>),
    Function(Arc<AddrFn>),
}

/// From method and path to a template.
type AddrFn = dyn Fn(&str, &str) -> Cow<'static, str> + Send + Sync;

impl ClientMonitor {
    /// Records calls under this `name`, which is that of the dependency.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, ClientMonitor};
    /// let monitor = BigBrother::builder().isolated().build().handle();
    /// let watched = ClientMonitor::new(&monitor, "quotes");
    /// ```
    pub fn new(monitor: &Monitor, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            monitor: monitor.clone(),
            name: name.into(),
            addr: Addr::Template(protocol::UNKNOWN.into()),
            seen: None,
        }
    }

    /// The `addr` of all calls of this client: `unknown` by default. Give a
    /// template, never a raw path.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, ClientMonitor};
    /// # let monitor = BigBrother::builder().isolated().build().handle();
    /// let watched = ClientMonitor::new(&monitor, "quotes").addr("/quotes/{id}");
    /// ```
    pub fn addr(mut self, template: impl Into<Cow<'static, str>>) -> Self {
        self.addr = Addr::Template(template.into());
        self
    }

    /// The `addr` of each call, told from its method and path. Make it answer with
    /// a few templates.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, ClientMonitor};
    /// # let monitor = BigBrother::builder().isolated().build().handle();
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

    /// Keeps `dependency_up` from what the calls show, without a check: down after
    /// a 5xx, no connection, a bad answer or a timeout, up after any other answer;
    /// a cancelled call shows nothing. Where a dependency of this name is checked,
    /// the check decides alone.
    ///
    /// ```
    /// # use actix_monitor::{BigBrother, ClientMonitor};
    /// # let monitor = BigBrother::builder().isolated().build().handle();
    /// let watched = ClientMonitor::new(&monitor, "quotes").dependency_up();
    /// ```
    pub fn dependency_up(mut self) -> Self {
        self.seen = self.monitor.see(&self.name);
        self
    }

    /// A call begins. `template` goes before what the client was told.
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
        let timer = self.monitor.dependency_request(self.name.clone()).addr(addr);
        let timer =
            timer.method(protocol::Method::of(method).word()).dropped_as(protocol::CANCELLED);
        Outgoing { timer, seen: self.seen.clone() }
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
    /// Not the dependency's fault, as far as can be told.
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
}

/// A call under way.
///
/// # Drop
/// Dropped without an end, the call is recorded as cancelled.
pub(super) struct Outgoing {
    timer: CallTimer,
    seen: Option<Arc<Watched>>,
}

impl Outgoing {
    pub(super) fn answered(self, status: u16) {
        if let Some(seen) = &self.seen {
            let is_up = status < 500;
            let verdict = if is_up { Ok(()) } else { Err(format!("it answered {status}")) };
            seen.report(verdict, None);
        }
        self.timer.finish(status, (400..600).contains(&status));
    }

    pub(super) fn failed(self, failure: Failure, error: &dyn fmt::Display) {
        if let (Some(seen), false) = (&self.seen, matches!(failure, Failure::Other)) {
            seen.report(Err(error.to_string()), None);
        }
        self.timer.finish(failure.word(), true);
    }
}
