//! The trace of a request, recorded as an exemplar.

use std::fmt;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderName;

use crate::protocol;

/// The source of the trace id of a request.
///
/// Off by default. If it is set, each bucket of `request_seconds` shows the latest
/// request with a trace as an OpenMetrics exemplar
/// (`# {trace_id="…"} seconds timestamp`), so that a dashboard can link a slow
/// bucket to a trace. Exemplars are part of the protobuf format and of OpenMetrics, which
/// this option turns on for scrapers that ask for it. Prometheus stores them with
/// `--enable-feature=exemplar-storage`.
///
/// # Examples
///
/// ```
/// use actix_monitor::{BigBrother, Exemplars};
///
/// let middleware = BigBrother::builder().isolated().exemplars(Exemplars::traceparent()).build();
/// ```
#[derive(Clone)]
pub struct Exemplars(Source);

/// Parsed once: a header that is looked up by its text is parsed on each request.
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

type TraceIdFn = dyn Fn(&ServiceRequest) -> Option<String> + Send + Sync;

#[derive(Clone)]
enum Source {
    TraceParent,
    Function(Arc<TraceIdFn>),
}

impl Exemplars {
    /// The trace id of the request's `traceparent` header
    /// ([W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header)),
    /// if its sampled flag is set: traces that are not sampled cannot be opened.
    pub fn traceparent() -> Self {
        Self(Source::TraceParent)
    }

    /// The trace id that `trace_id` returns for a request, or `None` for no exemplar.
    ///
    /// Ids that are empty or longer than 120 characters are ignored, because
    /// OpenMetrics limits the labels of an exemplar to 128 characters. The closure is
    /// called on each request before it is routed, on the worker's thread, and must
    /// not block. If it panics, the request is recorded with status 500.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::Exemplars;
    ///
    /// let exemplars = Exemplars::from_fn(|request| {
    ///     Some(request.headers().get("x-request-id")?.to_str().ok()?.to_owned())
    /// });
    /// ```
    pub fn from_fn(
        trace_id: impl Fn(&ServiceRequest) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self(Source::Function(Arc::new(trace_id)))
    }

    pub(crate) fn trace_id(&self, request: &ServiceRequest) -> Option<String> {
        match &self.0 {
            Source::TraceParent => {
                let header = request.headers().get(&TRACEPARENT)?.to_str().ok()?;
                sampled_trace_id(header).map(ToOwned::to_owned)
            }
            Source::Function(trace_id) => trace_id(request)
                .filter(|id| !id.is_empty() && id.chars().count() <= protocol::TEXT_LENGTH),
        }
    }
}

/// The trace id of a `traceparent` whose sampled flag is set.
fn sampled_trace_id(header: &str) -> Option<&str> {
    let mut parts = header.trim().split('-');
    let (version, trace_id, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // Later versions may append fields; version ff is not valid.
    let is_known = version != "ff" && (version != "00" || parts.next().is_none());
    let is_hex = |text: &str, length| {
        text.len() == length
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_valid = is_known
        && is_hex(version, 2)
        && is_hex(trace_id, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        && [trace_id, parent].iter().all(|id| id.bytes().any(|byte| byte != b'0'));
    let is_sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
    (is_valid && is_sampled).then_some(trace_id)
}

impl fmt::Debug for Exemplars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::TraceParent => "Exemplars::traceparent",
            Source::Function(_) => "Exemplars::from_fn",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::sampled_trace_id;

    #[test]
    fn only_valid_and_sampled_trace_ids_are_used() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        for header in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
        ] {
            assert_eq!(sampled_trace_id(header), Some(id), "{header}");
        }
        for header in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319\"-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-é1",
        ] {
            assert_eq!(sampled_trace_id(header), None, "{header}");
        }
    }
}
