//! Label sets that outlive their requests.

use std::sync::Arc;

use crate::labels::{CallKey, Key, LabelSet, OwnValues, RequestKey, StatusLabel};

/// A label set that outlives its request.
#[derive(Debug)]
pub(crate) struct OwnedLabelSet {
    key: OwnedKey,
    /// Shared with the writers that record the series.
    addr: Arc<str>,
    message: Option<Box<str>>,
    own: OwnValues,
}

#[derive(Debug)]
enum OwnedKey {
    Request(RequestKey),
    /// Boxed: most series are those of requests.
    Call(Box<OwnedCallKey>),
}

#[derive(Debug)]
struct OwnedCallKey {
    name: Option<Box<str>>,
    kind: Box<str>,
    status: OwnedStatus,
    is_error: bool,
    method: Box<str>,
}

#[derive(Debug)]
enum OwnedStatus {
    Code(u16),
    Word(Box<str>),
}

impl From<LabelSet<'_>> for OwnedLabelSet {
    fn from(labels: LabelSet<'_>) -> Self {
        let key = match labels.key {
            Key::Request(request) => OwnedKey::Request(request),
            Key::Call(call) => OwnedKey::Call(Box::new(OwnedCallKey {
                name: call.name.map(Into::into),
                kind: call.kind.into(),
                status: match call.status {
                    StatusLabel::Code(code) => OwnedStatus::Code(code),
                    StatusLabel::Word(word) => OwnedStatus::Word(word.into()),
                },
                is_error: call.is_error,
                method: call.method.into(),
            })),
        };
        let message = labels.message.map(Into::into);
        Self { key, addr: labels.addr.into(), message, own: labels.own }
    }
}

impl OwnedLabelSet {
    pub(crate) fn addr(&self) -> &Arc<str> {
        &self.addr
    }

    pub(crate) fn borrowed(&self) -> LabelSet<'_> {
        let key = match &self.key {
            OwnedKey::Request(request) => Key::Request(*request),
            OwnedKey::Call(call) => Key::Call(CallKey {
                name: call.name.as_deref(),
                kind: &call.kind,
                status: match &call.status {
                    OwnedStatus::Code(code) => StatusLabel::Code(*code),
                    OwnedStatus::Word(word) => StatusLabel::Word(word),
                },
                is_error: call.is_error,
                method: &call.method,
            }),
        };
        LabelSet { key, addr: &self.addr, message: self.message.as_deref(), own: self.own }
    }
}

#[cfg(test)]
mod tests {
    use super::OwnedLabelSet;
    use crate::labels::{CallKey, LabelSet, OwnValues, StatusLabel};

    #[test]
    fn a_copy_is_equal() {
        let request = CallKey {
            name: None,
            kind: "http",
            status: StatusLabel::Code(200),
            is_error: false,
            method: "GET",
        };
        let call = CallKey {
            name: Some("db"),
            kind: "sql",
            status: StatusLabel::Word("ok"),
            is_error: true,
            method: "SELECT",
        };
        for key in [request.into(), call.into()] {
            for message in [None, Some("no")] {
                let own = OwnValues::default().with(0, 3);
                let labels = LabelSet { key, addr: "/users/{id}", message, own };
                assert_eq!(OwnedLabelSet::from(labels).borrowed(), labels);
            }
        }
    }
}
