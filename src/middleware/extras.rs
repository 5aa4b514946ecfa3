//! What options that are off by default add to a request: further labels and families, and
//! exemplars.

use std::cell::Cell;
use std::mem;
use std::rc::Rc;

use actix_web::dev::{Payload, ResponseHead, ServiceRequest};
use actix_web::http::StatusCode;
use actix_web::{HttpMessage as _, HttpRequest};

use super::options::MiddlewareOptions;
use super::payload::CountedPayload;
use crate::clock::Start;
use crate::labels::{Key, LabelSet, OwnValues, RequestKey, truncate};
use crate::monitor::handle::Monitor;
use crate::options::exemplars::Exemplars;
use crate::options::label::{Label, Source};
use crate::options::measurement::RequestSize;
use crate::options::message::ErrorMessage;
use crate::options::request_labels::RequestLabels;
use crate::request::{route, size};
use crate::store::slots::Slot;
use crate::store::writer::Writer;

/// The options of a middleware with which a request has more than the labels of the
/// protocol, or is recorded elsewhere as well. A request without them takes none of the steps.
#[derive(Debug)]
pub(super) struct Extras {
    /// Whether there is something to do when a request begins, and maybe when it is recorded.
    pub(super) begins: bool,
    /// Whether requests have other labels than those of the protocol, or other slots.
    pub(super) has_slots: bool,
    message: Option<ErrorMessage>,
    exemplars: Option<Exemplars>,
    /// The app's own labels.
    labels: Vec<(String, Label)>,
    /// Whether handlers set one of the labels.
    has_extension: bool,
    /// The writer of `request_head_seconds`.
    heads: Option<Writer>,
    /// The writer of `request_size_bytes`.
    sizes: Option<(RequestSize, Writer)>,
}

/// What is kept of a request for the options above.
#[derive(Debug, Default)]
pub(super) struct ExtraState {
    /// Empty if there is none.
    trace_id: String,
    /// The values of the labels, as far as they are known.
    values: Vec<String>,
    /// The values that handlers set.
    set_values: Option<RequestLabels>,
    /// The declared length of the request's body.
    declared: u64,
    /// The bytes received, if they are counted.
    received: Option<Rc<Cell<u64>>>,
    /// Where the size is recorded.
    size_slot: Option<Slot>,
}

/// What is left of a request whose labels are looked up.
pub(super) struct Ending<'a> {
    pub(super) started: Start,
    pub(super) status: StatusCode,
    /// The path if the request is gone.
    pub(super) request: Result<&'a HttpRequest, &'a str>,
    /// `None` without a response.
    pub(super) response: Option<&'a ResponseHead>,
    pub(super) pattern: Option<&'a str>,
    /// `None` if the label is off.
    pub(super) message: Option<String>,
}

impl Extras {
    pub(super) fn new(monitor: &Monitor, options: &MiddlewareOptions) -> Self {
        let config = monitor.config();
        let message = options.error_message.clone().or_else(|| config.error_message.clone());
        let exemplars = options.exemplars.clone();
        let labels = if options.labels.is_empty() { &config.labels } else { &options.labels };
        let is_extension = |label: &Label| matches!(label.source(), Source::Extension);
        let heads = monitor.heads().map(|recorder| recorder.writer());
        let sizes = monitor.request_sizes().and_then(|recorder| {
            Some((options.request_size.or(config.request_size)?, recorder.writer()))
        });
        let (has_labels, has_sizes) = (!labels.is_empty(), sizes.is_some());
        Self {
            begins: has_labels || has_sizes || exemplars.is_some(),
            has_slots: has_labels || has_sizes || message.is_some() || heads.is_some(),
            message,
            exemplars,
            labels: labels.clone(),
            has_extension: labels.iter().any(|(_, label)| is_extension(label)),
            heads,
            sizes,
        }
    }

    /// A request begins. Closures of the app are called last, because they may panic.
    #[inline(never)]
    pub(super) fn begin(&self, state: &mut ExtraState, request: &mut ServiceRequest) {
        state.values.resize_with(self.labels.len(), String::new);
        if let Some((size, _)) = self.sizes {
            state.count_bytes(size, request);
        }
        if self.has_extension {
            state.set_values = Some(RequestLabels::attach(state.set_values.take(), request));
        }
        if let Some(source) = &self.exemplars {
            state.trace_id = source.trace_id(request).unwrap_or_default();
        }
        for ((_, label), value) in self.labels.iter().zip(&mut state.values) {
            if let Some(text) = label.of_request(request) {
                value.push_str(truncate(&text));
            }
        }
    }

    /// The message that `extract` returns, empty if there is none; `None` without the label.
    pub(super) fn message(&self, extract: impl FnOnce(&ErrorMessage) -> String) -> Option<String> {
        self.message.as_ref().map(extract)
    }

    /// Finds the slot of a request, and records that its response head is ready.
    pub(super) fn slot(
        &self,
        state: &mut ExtraState,
        writer: &Writer,
        (key, addr): (RequestKey, &str),
        ending: &Ending<'_>,
    ) -> Option<Slot> {
        let own = self.own_values(state, writer, ending);
        let message = ending.message.as_deref().map(truncate);
        let labels = LabelSet { key: Key::Request(key), addr, message, own };
        let find = |writer: &Writer| match message {
            None => writer.labelled_slot(key, own, addr),
            Some(_) => writer.slot(&labels),
        };
        let slot = find(writer);
        if let Some((_, sizes)) = &self.sizes {
            state.size_slot = find(sizes);
        }
        if let Some(heads) = &self.heads
            && let Some(slot) = find(heads)
        {
            heads.record(slot, ending.started.elapsed_nanos(), 0);
        }
        slot
    }

    #[inline]
    fn own_values(
        &self,
        state: &mut ExtraState,
        writer: &Writer,
        ending: &Ending<'_>,
    ) -> OwnValues {
        if self.labels.is_empty() {
            return OwnValues::default();
        }
        let ExtraState { values, set_values, .. } = state;
        // A closure that excludes requests may have panicked before the request began.
        values.resize_with(self.labels.len(), String::new);
        for ((key, label), value) in self.labels.iter().zip(&mut *values) {
            ending.copy_value(label, (key, set_values.as_ref()), value);
        }
        let value = |index: usize, _: &str| values.get(index).map_or("", String::as_str);
        writer.own_values(is_success(ending.status), value)
    }

    /// Records what the families of all requests do not contain.
    pub(super) fn record(&self, state: &mut ExtraState, writer: &Writer, slot: Slot, nanos: u64) {
        if let (Some((_, sizes)), Some(slot)) = (&self.sizes, state.size_slot) {
            let received = state.received.as_ref();
            sizes.record(slot, 0, received.map_or(state.declared, |bytes| bytes.get()));
        }
        if !state.trace_id.is_empty() {
            writer.record_exemplar(slot, nanos, mem::take(&mut state.trace_id));
        }
    }
}

/// Whether a value of a label can be trusted: the app has accepted the request. 304 is the
/// response to clients that have an earlier one.
fn is_success(status: StatusCode) -> bool {
    status < StatusCode::MULTIPLE_CHOICES || status == StatusCode::NOT_MODIFIED
}

impl ExtraState {
    /// Removes what is left of a request that has ended.
    pub(super) fn reset(&mut self) {
        self.trace_id.clear();
        self.values.iter_mut().for_each(String::clear);
        self.set_values = self.set_values.take().and_then(RequestLabels::reused);
        (self.declared, self.received, self.size_slot) = (0, None, None);
    }

    fn count_bytes(&mut self, size: RequestSize, request: &mut ServiceRequest) {
        match size {
            RequestSize::Declared => self.declared = size::content_length(request.headers()),
            RequestSize::Received => match request.take_payload() {
                Payload::None => {}
                payload => {
                    let bytes = self.received.insert(Rc::default());
                    request.set_payload(CountedPayload::wrap(payload, Rc::clone(bytes)));
                }
            },
        }
    }
}

impl Ending<'_> {
    /// Copies the value of a label that is not known before the request ends.
    #[inline]
    fn copy_value(
        &self,
        label: &Label,
        (key, set_values): (&str, Option<&RequestLabels>),
        value: &mut String,
    ) {
        let mut copy = |text: &str| {
            value.clear();
            value.push_str(truncate(text));
        };
        match label.source() {
            Source::PathParameter(name) => {
                let (matched, path) = match self.request {
                    Ok(request) => (request.match_info().get(name), request.path()),
                    Err(path) => (None, path),
                };
                if let Some(matched) = matched {
                    copy(matched);
                } else if let Some(pattern) = self.pattern
                    && let Some(found) = route::parameter(pattern, path, name)
                {
                    copy(&found);
                }
            }
            Source::Extension => {
                if let Some(set_values) = set_values {
                    set_values.copy_value(key, copy);
                }
            }
            Source::Response(function) => {
                if let Some(text) = self.response.and_then(|response| function(response)) {
                    copy(&text);
                }
            }
            Source::Header(_) | Source::Request(_) => {}
        }
    }
}
