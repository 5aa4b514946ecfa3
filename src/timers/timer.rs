//! Timers for requests that actix does not see and for calls to dependencies.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::status::CallStatus;
use crate::clock::{Start, as_nanos};
use crate::labels::{CallKey, LabelSet, OwnValues, truncate};
use crate::monitor::handle::Monitor;
use crate::protocol;
use crate::store::pool::{PooledWriter, WriterPool};

/// Times one call and records it when finished or dropped.
///
/// Created by [`Monitor::start_request`] and [`Monitor::start_dependency_request`];
/// the duration begins there. A timer can be finished on any thread.
///
/// The labels are the app's choice: use templates (`"note by id"`), never raw ids. The
/// series limit bounds `addr`, `errorMessage` and labels of the app's own only, since the
/// other labels stay exact past it: the name, `type`, `method` and `status` must never be
/// text from outside.
///
/// # Drop
///
/// A timer that is dropped unfinished (a cancelled future, an early return, a panic)
/// records `status="unfinished"`, `isError="true"`.
///
/// # Examples
///
/// ```
/// # let monitor = actix_monitor::BigBrother::builder().isolated().build().monitor();
/// let timer =
///     monitor.start_dependency_request("postgres").kind("sql").method("SELECT").addr("note by id");
/// // … the query …
/// timer.finish("ok");
/// ```
#[must_use = "a timer that is dropped at once records an unfinished call"]
pub struct CallTimer {
    /// `None` once the call is recorded.
    call: Option<Call>,
}

struct Call {
    writer: Arc<PooledWriter>,
    /// Whether the `errorMessage` label is on.
    has_message: bool,
    started: Start,
    duration: Option<Duration>,
    /// The dependency; `None` for a request.
    name: Option<Cow<'static, str>>,
    kind: Cow<'static, str>,
    method: Cow<'static, str>,
    addr: Cow<'static, str>,
    message: Cow<'static, str>,
    /// Keys and values of the app's own labels.
    labels: Vec<(&'static str, Cow<'static, str>)>,
    bytes: u64,
    /// The status of a call that is dropped unfinished.
    status_if_dropped: &'static str,
}

impl Monitor {
    /// Starts a timer for a request that actix does not see, such as a message of a
    /// queue.
    ///
    /// It is recorded in `request_seconds` and `response_size_bytes` with `kind` as its
    /// `type` label.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::{BigBrother, Format};
    ///
    /// let monitor = BigBrother::builder().isolated().build().monitor();
    /// let timer = monitor.start_request("amqp").method("CONSUME").addr("orders");
    /// timer.response_bytes(120).finish("ack");
    /// let line = r#"request_seconds_count{type="amqp",status="ack",isError="false",method="CONSUME",addr="orders"} 1"#;
    /// assert!(monitor.encode(Format::Text).contains(line));
    /// ```
    pub fn start_request(&self, kind: impl Into<Cow<'static, str>>) -> CallTimer {
        CallTimer::start(self, self.other_requests(), None, kind.into())
    }

    /// Starts a timer for a call to a dependency.
    ///
    /// It is recorded in `dependency_request_seconds` under `name`. Its `type` label is
    /// `http` unless [`kind`](CallTimer::kind) sets another.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::{BigBrother, Format};
    ///
    /// let monitor = BigBrother::builder().isolated().build().monitor();
    /// monitor.start_dependency_request("redis").kind("resp").method("GET").addr("session").finish("ok");
    /// let line = r#"dependency_request_seconds_count{name="redis",type="resp",status="ok",isError="false",method="GET",addr="session"} 1"#;
    /// assert!(monitor.encode(Format::Text).contains(line));
    /// ```
    pub fn start_dependency_request(&self, name: impl Into<Cow<'static, str>>) -> CallTimer {
        CallTimer::start(self, self.calls(), Some(name.into()), protocol::HTTP.into())
    }
}

impl CallTimer {
    fn start(
        monitor: &Monitor,
        writers: &WriterPool,
        name: Option<Cow<'static, str>>,
        kind: Cow<'static, str>,
    ) -> Self {
        let call = Call {
            writer: writers.get(),
            has_message: monitor.config().error_message.is_some(),
            started: Start::now(),
            duration: None,
            name,
            kind,
            method: protocol::UNKNOWN.into(),
            addr: protocol::UNKNOWN.into(),
            message: "".into(),
            labels: Vec::new(),
            bytes: 0,
            status_if_dropped: protocol::UNFINISHED,
        };
        Self { call: Some(call) }
    }

    fn with(mut self, change: impl FnOnce(&mut Call)) -> Self {
        if let Some(call) = &mut self.call {
            change(call);
        }
        self
    }

    /// Sets the `type` label: the protocol of the call, such as `sql`.
    pub fn kind(self, kind: impl Into<Cow<'static, str>>) -> Self {
        self.with(|call| call.kind = kind.into())
    }

    /// Sets the `method` label, `unknown` by default.
    pub fn method(self, method: impl Into<Cow<'static, str>>) -> Self {
        self.with(|call| call.method = method.into())
    }

    /// Sets the `addr` label, `unknown` by default: a template, never a raw path.
    pub fn addr(self, addr: impl Into<Cow<'static, str>>) -> Self {
        self.with(|call| call.addr = addr.into())
    }

    /// Sets the `errorMessage` label, if
    /// [`error_message`](crate::BigBrotherBuilder::error_message) turned it on. Empty by
    /// default; truncated to 120 characters.
    pub fn error_message(self, message: impl Into<Cow<'static, str>>) -> Self {
        self.with(|call| call.message = message.into())
    }

    /// Sets the value of a label of the app's own, which
    /// [`label`](crate::BigBrotherBuilder::label) added. Empty by default; ignored if there is
    /// no such label. A call that is finished as a success can add a value to those that the
    /// label can have; of other calls, a value that it has not had is `_overflow`.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::{BigBrother, Format, Label};
    ///
    /// let middleware = BigBrother::builder().isolated().label("tenant", Label::header("x-tenant"));
    /// let monitor = middleware.build().monitor();
    /// monitor.start_request("amqp").method("CONSUME").addr("orders").label("tenant", "acme").finish("ack");
    /// let line = r#"method="CONSUME",addr="orders",tenant="acme"} 1"#;
    /// assert!(monitor.encode(Format::Text).contains(line));
    /// ```
    pub fn label(self, key: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.with(|call| call.labels.push((key, value.into())))
    }

    /// Sets the bytes to add to `response_size_bytes`, zero by default. Calls to
    /// dependencies have no such counter.
    pub fn response_bytes(self, bytes: u64) -> Self {
        self.with(|call| call.bytes = bytes)
    }

    /// Sets the duration to record, for calls that were timed elsewhere. By default it
    /// is the time since the timer was started.
    pub fn duration(self, duration: Duration) -> Self {
        self.with(|call| call.duration = Some(duration))
    }

    /// Sets the `status` of a call that is dropped unfinished.
    #[cfg(any(feature = "awc", feature = "reqwest"))]
    pub(crate) fn status_if_dropped(self, status: &'static str) -> Self {
        self.with(|call| call.status_if_dropped = status)
    }

    /// Records the call as a success (`isError="false"`).
    pub fn finish(mut self, status: impl Into<CallStatus>) {
        if let Some(call) = self.call.take() {
            call.record(&status.into(), false);
        }
    }

    /// Records the call as an error (`isError="true"`).
    pub fn fail(mut self, status: impl Into<CallStatus>) {
        if let Some(call) = self.call.take() {
            call.record(&status.into(), true);
        }
    }

    /// Stops the timer without recording the call.
    pub fn discard(mut self) {
        self.call = None;
    }

    /// Times `call` from its first poll and records it with status `ok`, or as an error
    /// with status `error`. A future that is dropped before its end is recorded as
    /// `unfinished`.
    ///
    /// # Errors
    ///
    /// Those of `call`, unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// # let monitor = actix_monitor::BigBrother::builder().isolated().build().monitor();
    /// # actix_web::rt::System::new().block_on(async {
    /// let row: Result<u8, std::io::Error> =
    ///     monitor.start_dependency_request("db").kind("sql").time(async { Ok(7) }).await;
    /// # assert_eq!(row.unwrap(), 7);
    /// # });
    /// ```
    pub async fn time<T, E>(self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let timer = self.with(|call| call.started = Start::now());
        let result = call.await;
        if result.is_ok() {
            timer.finish("ok");
        } else {
            timer.fail("error");
        }
        result
    }
}

impl Drop for CallTimer {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            call.record(&call.status_if_dropped.into(), true);
        }
    }
}

impl Call {
    fn record(&self, status: &CallStatus, is_error: bool) {
        let call = CallKey {
            name: self.name.as_deref(),
            kind: &self.kind,
            status: status.as_label(),
            is_error,
            method: &self.method,
        };
        let message = self.has_message.then(|| truncate(&self.message));
        let own = OwnValues::default();
        let labels = LabelSet { key: call.into(), addr: &self.addr, message, own };
        let nanos = self.duration.map_or_else(|| self.started.elapsed_nanos(), as_nanos);
        let own_value = |key: &str| self.own_value(key);
        self.writer.record(labels, !is_error, own_value, (nanos, self.bytes));
    }

    /// The value of a label of the app's own: the last one that was set.
    fn own_value(&self, key: &str) -> &str {
        let mut labels = self.labels.iter().rev();
        labels.find(|(other, _)| *other == key).map_or("", |(_, value)| value)
    }
}

impl fmt::Debug for CallTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.call.as_ref();
        f.debug_struct("CallTimer")
            .field("name", &call.and_then(|call| call.name.as_ref()))
            .field("addr", &call.map(|call| &call.addr))
            .finish_non_exhaustive()
    }
}
