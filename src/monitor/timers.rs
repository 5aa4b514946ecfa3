//! Timers in the app's hands: for requests that actix never sees and for calls to
//! dependencies.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::call_status::CallStatus;
use super::handle::Monitor;
use crate::clock::{Start, as_nanos};
use crate::labels::{LabelSet, cut};
use crate::protocol;
use crate::recorder::shared::Seat;

/// A label given by the app.
type Word = Cow<'static, str>;

/// Times one call, and is the call's record once it is finished.
///
/// Made by [`Monitor::record_request`] and [`Monitor::dependency_request`]; the
/// time runs from there. `kind` becomes the `type` label. The labels are the
/// app's own choice: give templates (`"note by id"`), never raw ids. The series
/// limit bounds `addr` and the message alone, since all else stays exact past it:
/// name, `kind`, `method` and `status` must never be text from outside.
///
/// ```
/// # let monitor = actix_monitor::BigBrother::builder().isolated().build().handle();
/// let timer = monitor.dependency_request("postgres").kind("sql").method("SELECT").addr("note by id");
/// // … the query …
/// timer.finish("ok", false);
/// ```
///
/// # Drop
/// Dropped unfinished (a cancelled future, an early return, a panic) it records
/// `status="unfinished"`, `isError="true"`.
#[must_use = "a timer that is not kept records an unfinished call at once"]
pub struct CallTimer {
    /// `None` once the call is recorded.
    call: Option<Call>,
}

struct Call {
    seat: Arc<Seat>,
    /// Whether the `errorMessage` label is switched on.
    has_message: bool,
    started: Start,
    took: Option<Duration>,
    /// The dependency; `None` for a request.
    name: Option<Word>,
    kind: Word,
    method: Word,
    addr: Word,
    message: Word,
    bytes: u64,
    /// The status of a call that is dropped unfinished.
    dropped_as: &'static str,
}

impl Monitor {
    /// Starts to time a request that actix does not see, such as a message of a
    /// queue, to be counted in `request_seconds` and `response_size_bytes` with
    /// this `type`. It may be finished on any thread.
    ///
    /// ```
    /// use actix_monitor::{BigBrother, Format};
    ///
    /// let monitor = BigBrother::builder().isolated().build().handle();
    /// let timer = monitor.record_request("amqp").method("CONSUME").addr("orders");
    /// timer.bytes(120).finish("ack", false);
    /// let line = r#"request_seconds_count{type="amqp",status="ack",isError="false",method="CONSUME",addr="orders"} 1"#;
    /// assert!(monitor.encode(Format::Text)?.contains(line));
    /// # Ok::<(), std::fmt::Error>(())
    /// ```
    pub fn record_request(&self, kind: impl Into<Cow<'static, str>>) -> CallTimer {
        CallTimer::start(self, None, kind.into())
    }

    /// Starts to time a call to a dependency, to be counted in
    /// `dependency_request_seconds` under this `name`; its `type` is `http`
    /// unless [`kind`](CallTimer::kind) says otherwise. It may be finished on any
    /// thread.
    ///
    /// ```
    /// use actix_monitor::{BigBrother, Format};
    ///
    /// let monitor = BigBrother::builder().isolated().build().handle();
    /// monitor.dependency_request("redis").kind("resp").method("GET").addr("session").finish("ok", false);
    /// let line = r#"dependency_request_seconds_count{name="redis",type="resp",status="ok",isError="false",method="GET",addr="session"} 1"#;
    /// assert!(monitor.encode(Format::Text)?.contains(line));
    /// # Ok::<(), std::fmt::Error>(())
    /// ```
    pub fn dependency_request(&self, name: impl Into<Cow<'static, str>>) -> CallTimer {
        CallTimer::start(self, Some(name.into()), protocol::HTTP.into())
    }
}

impl CallTimer {
    fn start(monitor: &Monitor, name: Option<Word>, kind: Word) -> Self {
        let call = Call {
            seat: monitor.writers(name.is_some()).seat(),
            has_message: monitor.settings().error_message.is_some(),
            started: Start::now(),
            took: None,
            name,
            kind,
            method: protocol::UNKNOWN.into(),
            addr: protocol::UNKNOWN.into(),
            message: "".into(),
            bytes: 0,
            dropped_as: protocol::UNFINISHED,
        };
        Self { call: Some(call) }
    }

    fn with(mut self, change: impl FnOnce(&mut Call)) -> Self {
        if let Some(call) = &mut self.call {
            change(call);
        }
        self
    }

    /// The `type` label: the protocol that is spoken, such as `sql`.
    ///
    /// ```
    /// # let monitor = actix_monitor::BigBrother::builder().isolated().build().handle();
    /// monitor.dependency_request("db").kind("sql").finish("ok", false);
    /// ```
    pub fn kind(self, kind: impl Into<Cow<'static, str>>) -> Self {
        self.with(|call| call.kind = kind.into())
    }

    /// The `method` label: `unknown` by default.
    ///
    /// ```
    /// # let monitor = actix_monitor::BigBrother::builder().isolated().build().handle();
    /// monitor.dependency_request("db").method("SELECT").finish("ok", false);
    /// ```
    pub fn method(self, method: impl Into<Cow<'static, str>>) -> Self {
        self.with(|call| call.method = method.into())
    }

    /// The `addr` label: `unknown` by default. Give a template, never a raw path.
    ///
    /// ```
    /// # let monitor = actix_monitor::BigBrother::builder().isolated().build().handle();
    /// monitor.dependency_request("quotes").addr("/quotes/{id}").finish(200, false);
    /// ```
    pub fn addr(self, addr: impl Into<Cow<'static, str>>) -> Self {
        self.with(|call| call.addr = addr.into())
    }

    /// The `errorMessage` label, where that is switched on: empty by default.
    ///
    /// ```
    /// # let monitor = actix_monitor::BigBrother::builder().isolated().build().handle();
    /// monitor.record_request("amqp").message("unroutable").finish("nack", true);
    /// ```
    pub fn message(self, message: impl Into<Cow<'static, str>>) -> Self {
        self.with(|call| call.message = message.into())
    }

    /// Bytes to be added to `response_size_bytes`: zero by default. Calls to
    /// dependencies have no such counter.
    ///
    /// ```
    /// # let monitor = actix_monitor::BigBrother::builder().isolated().build().handle();
    /// monitor.record_request("amqp").bytes(512).finish("ack", false);
    /// ```
    pub fn bytes(self, bytes: u64) -> Self {
        self.with(|call| call.bytes = bytes)
    }

    /// The duration to be recorded, for calls that were timed elsewhere: by
    /// default the time since this timer was made.
    ///
    /// ```
    /// # let monitor = actix_monitor::BigBrother::builder().isolated().build().handle();
    /// # use std::time::Duration;
    /// monitor.record_request("batch").took(Duration::from_secs(3)).finish("ok", false);
    /// ```
    pub fn took(self, duration: Duration) -> Self {
        self.with(|call| call.took = Some(duration))
    }

    /// The `status` of a call that is dropped unfinished.
    #[cfg(any(feature = "awc", feature = "reqwest"))]
    pub(crate) fn dropped_as(self, word: &'static str) -> Self {
        self.with(|call| call.dropped_as = word)
    }

    /// Records the call.
    ///
    /// ```
    /// # let monitor = actix_monitor::BigBrother::builder().isolated().build().handle();
    /// monitor.dependency_request("quotes").method("GET").finish(503, true);
    /// ```
    pub fn finish(mut self, status: impl Into<CallStatus>, is_error: bool) {
        if let Some(call) = self.call.take() {
            call.record(&status.into(), is_error);
        }
    }

    /// Times `call` and records it: `ok` or `error`, or `unfinished` if the future
    /// is dropped before its end. The time runs from the first poll.
    ///
    /// ```
    /// # let monitor = actix_monitor::BigBrother::builder().isolated().build().handle();
    /// # actix_web::rt::System::new().block_on(async {
    /// let row: Result<u8, std::io::Error> =
    ///     monitor.dependency_request("db").kind("sql").time(async { Ok(7) }).await;
    /// # assert_eq!(row.unwrap(), 7);
    /// # });
    /// ```
    ///
    /// # Errors
    /// Those of `call`, unchanged.
    pub async fn time<T, E>(self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let timer = self.with(|call| call.started = Start::now());
        let result = call.await;
        timer.finish(if result.is_ok() { "ok" } else { "error" }, result.is_err());
        result
    }
}

impl Drop for CallTimer {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            call.record(&call.dropped_as.into(), true);
        }
    }
}

impl Call {
    fn record(&self, status: &CallStatus, is_error: bool) {
        let labels = LabelSet {
            addr: &self.addr,
            status: status.label(),
            method: &self.method,
            is_error,
            kind: &self.kind,
            name: self.name.as_deref(),
            message: self.has_message.then(|| cut(&self.message)),
        };
        let nanos = self.took.map_or_else(|| self.started.nanos(), as_nanos);
        self.seat.record(&labels, nanos, self.bytes);
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
