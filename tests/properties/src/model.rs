//! What the page must contain, computed in the simplest way.

use std::collections::{BTreeMap, BTreeSet};

use actix_monitor::{ObserveAt, RequestSize, ResponseSize, Unmatched};

use crate::options::{Exclusion, MessageSource, Options};
use crate::request::{Body, End, Request, Route};

/// The labels of a series.
pub(crate) type Labels = BTreeMap<String, String>;

/// What is recorded under one label set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Series {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    pub(crate) received: u64,
    pub(crate) traces: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) series: BTreeMap<Labels, Series>,
    /// The label sets within the limit.
    known: BTreeSet<Labels>,
    tenants: BTreeSet<String>,
}

impl Model {
    pub(crate) fn of(options: &Options, requests: &[Request]) -> Self {
        let mut model = Self::default();
        requests.iter().for_each(|request| model.record(options, request));
        model
    }

    fn record(&mut self, options: &Options, request: &Request) {
        let status = status(request);
        let addr = addr(options, request, status);
        if options.exclusions.iter().any(|rule| excludes(*rule, request, status, &addr)) {
            return;
        }
        let mut labels = Labels::new();
        let mut set = |key: &str, value: &str| labels.insert(key.to_owned(), value.to_owned());
        set("type", "http");
        set("status", &status.to_string());
        set("isError", if options.errors.is_error(status) { "true" } else { "false" });
        set("method", if request.method == "PURGE" { "_OTHER" } else { request.method });
        set("addr", &addr);
        if let Some(source) = options.message {
            set("errorMessage", &message(source, request));
        }
        if let Some(limit) = options.tenants {
            let tenant = self.tenant(limit, request.tenant.as_deref().unwrap_or_default(), status);
            set("tenant", &tenant);
        }
        let mut labels = self.within_limit(options, labels);
        if let Some(value) = &options.const_label {
            labels.insert("region".to_owned(), value.clone());
        }
        let series = self.series.entry(labels).or_default();
        series.count += 1;
        series.bytes += bytes(options, request, status, &addr);
        series.received += received(options, request);
        series.traces.extend(request.trace.map(|trace| format!("{trace:032x}")));
    }

    /// The label's value: new ones are known if the request succeeds.
    fn tenant(&mut self, limit: usize, value: &str, status: u16) -> String {
        if value.is_empty() || self.tenants.contains(value) {
            return value.to_owned();
        }
        let is_success = status < 300 || status == 304;
        if value != "_overflow" && is_success && self.tenants.len() < limit {
            self.tenants.insert(value.to_owned());
            return value.to_owned();
        }
        "_overflow".to_owned()
    }

    fn within_limit(&mut self, options: &Options, mut labels: Labels) -> Labels {
        if self.known.contains(&labels) {
            return labels;
        }
        if self.known.len() < options.series_limit.unwrap_or(2000) {
            self.known.insert(labels.clone());
            return labels;
        }
        for (key, value) in &mut labels {
            let is_empty_tenant = key == "tenant" && value.is_empty();
            if ["addr", "errorMessage", "tenant"].contains(&key.as_str()) && !is_empty_tenant {
                *value = "_overflow".to_owned();
            }
        }
        labels
    }
}

fn status(request: &Request) -> u16 {
    match request.end {
        End::Panic | End::LayerPanic => 500,
        End::Timeout | End::Reset => 499,
        _ if request.route == Route::Nowhere && !request.end.is_in_layer() => 404,
        _ => request.status,
    }
}

fn addr(options: &Options, request: &Request, status: u16) -> String {
    let is_unhandled_404 = request.end == End::LayerResponse && status == 404;
    match request.route.pattern() {
        Some(pattern) if !is_unhandled_404 => pattern.to_owned(),
        _ if options.unmatched == Unmatched::Path => request.route.path().to_owned(),
        _ => "unmatched".to_owned(),
    }
}

fn excludes(rule: Exclusion, request: &Request, status: u16, addr: &str) -> bool {
    match rule {
        Exclusion::Path => request.route == Route::Root,
        Exclusion::Prefix => request.route == Route::Files,
        Exclusion::Pattern => addr == "/items/{id}",
        Exclusion::Probe => request.is_probe,
        Exclusion::Status(excluded) => status == excluded,
    }
}

/// Whether the response comes from the test's own code.
fn is_scripted(request: &Request) -> bool {
    request.route != Route::Nowhere || request.end.is_in_layer()
}

fn message(source: MessageSource, request: &Request) -> String {
    let text = request.message.as_deref().unwrap_or_default();
    let has_message = is_scripted(request)
        && match request.end {
            End::Panic | End::LayerPanic | End::Timeout | End::Reset => false,
            End::Error | End::LayerError => source == MessageSource::ActixError,
            _ => source != MessageSource::ActixError,
        };
    if has_message { text.chars().take(120).collect() } else { String::new() }
}

fn bytes(options: &Options, request: &Request, status: u16, addr: &str) -> u64 {
    let has_content = status >= 200 && ![204, 304].contains(&status);
    if request.method == "HEAD" || !has_content || !is_scripted(request) {
        return 0;
    }
    let sent: usize = request.chunks.iter().sum();
    let text = request.message.as_ref().map_or(0, String::len);
    let is_sent = options.response_size == ResponseSize::Sent;
    let bytes = match request.end {
        End::Panic | End::LayerPanic | End::Timeout | End::Reset => 0,
        // Passed on as an error: the body is not known.
        End::LayerError => text,
        _ if is_sent && ends_at_head(options, addr) => 0,
        End::Error => text,
        _ if request.body == Body::None => 0,
        _ if is_sent => sent,
        _ if request.body == Body::Stream => 0,
        _ => request.declared(),
    };
    bytes as u64
}

fn ends_at_head(options: &Options, addr: &str) -> bool {
    let of_route = options.observe_route.filter(|(route, _)| route.pattern() == Some(addr));
    of_route.map_or(options.observe_at, |(_, end)| end) == ObserveAt::Head
}

fn received(options: &Options, request: &Request) -> u64 {
    // The handler reads the body before it does anything.
    let is_read = is_scripted(request) && !request.end.is_in_layer();
    match options.request_size {
        None => 0,
        Some(RequestSize::Received) if !is_read => 0,
        Some(_) => request.sent as u64,
    }
}
