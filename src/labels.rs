//! The label set of a series: how two are told apart and how one is written.
//! Which request has which labels is decided in `outcome`.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use crate::protocol::{self, Method, label};

/// A `status` label: the three digits of HTTP, or another protocol's own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status<'a> {
    Code(u16),
    Text(&'a str),
}

/// One label set, borrowed from the request that carries it.
///
/// `name` is there for calls to dependencies only, `message` only where the
/// `errorMessage` label is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LabelSet<'a> {
    pub(crate) addr: &'a str,
    pub(crate) status: Status<'a>,
    pub(crate) method: &'a str,
    pub(crate) is_error: bool,
    pub(crate) kind: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) message: Option<&'a str>,
}

/// The labels of a request that the middleware saw, `addr` aside: the status, the
/// method and whether it is an error, in one word, since they are compared on each
/// request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome(u32);

impl Outcome {
    #[inline]
    pub(crate) fn new(method: Method, status: u16, is_error: bool) -> Self {
        let [low, high] = status.to_le_bytes();
        Self(u32::from_le_bytes([low, high, method.place(), is_error.into()]))
    }

    /// A number of its own for each outcome.
    #[inline]
    pub(crate) fn code(self) -> u64 {
        self.0.into()
    }

    pub(crate) fn at<'a>(self, addr: &'a str, message: Option<&'a str>) -> LabelSet<'a> {
        let [low, high, method, is_error] = self.0.to_le_bytes();
        LabelSet {
            addr,
            status: Status::Code(u16::from_le_bytes([low, high])),
            method: Method::at(method).word(),
            is_error: is_error != 0,
            kind: protocol::HTTP,
            name: None,
            message,
        }
    }
}

impl Hash for LabelSet<'_> {
    /// Mixes what tells the series of a service apart; the rest is left to `Eq`.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.addr.as_bytes());
        let mut word = u64::from(self.is_error);
        for byte in self.method.bytes().take(4) {
            word = word << 8 | u64::from(byte);
        }
        match self.status {
            Status::Code(code) => word = word << 16 | u64::from(code),
            Status::Text(text) => state.write(text.as_bytes()),
        }
        state.write_u64(word);
        for text in [self.name, self.message].into_iter().flatten() {
            state.write(text.as_bytes());
        }
    }
}

impl LabelSet<'_> {
    pub(crate) fn hash_with(&self, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one(self)
    }

    /// This label set once its family is full: what an outsider chooses gives
    /// way, what error rates are computed from stays.
    pub(crate) fn overflowed(self) -> Self {
        Self { addr: protocol::OVERFLOW, message: self.message.map(|_| protocol::OVERFLOW), ..self }
    }

    /// The label set as the exposition formats write it, without braces.
    pub(crate) fn write(&self, out: &mut String) {
        if let Some(name) = self.name {
            write_label(out, label::NAME, name);
        }
        write_label(out, label::TYPE, self.kind);
        match self.status {
            Status::Code(code) => {
                write_label(out, label::STATUS, itoa::Buffer::new().format(code));
            }
            Status::Text(text) => write_label(out, label::STATUS, text),
        }
        write_label(out, label::IS_ERROR, if self.is_error { "true" } else { "false" });
        if let Some(message) = self.message {
            write_label(out, label::ERROR_MESSAGE, message);
        }
        write_label(out, label::METHOD, self.method);
        write_label(out, label::ADDR, self.addr);
    }
}

/// Appends `key="value"`, after a comma unless it is the first label.
pub(crate) fn write_label(out: &mut String, key: &str, value: &str) {
    if !out.is_empty() {
        out.push(',');
    }
    out.push_str(key);
    out.push_str("=\"");
    for part in value.split_inclusive(['\\', '"', '\n']) {
        match part.as_bytes().last() {
            Some(b'\\') => out.extend([&part[..part.len() - 1], "\\\\"]),
            Some(b'"') => out.extend([&part[..part.len() - 1], "\\\""]),
            Some(b'\n') => out.extend([&part[..part.len() - 1], "\\n"]),
            _ => out.push_str(part),
        }
    }
    out.push('"');
}

/// The first characters of a text that may come from outside: a limit of label
/// sets alone would not bound the page.
pub(crate) fn cut(message: &str) -> &str {
    match message.char_indices().nth(protocol::TEXT_LENGTH) {
        Some((end, _)) => &message[..end],
        None => message,
    }
}

/// A label set that outlives its request. The protocol's own words are kept by
/// reference: they are most of what a series holds.
#[derive(Debug)]
pub(crate) struct OwnedLabelSet {
    /// Shared with the workers that look for it.
    addr: Arc<str>,
    method: Cow<'static, str>,
    kind: Cow<'static, str>,
    status: OwnedStatus,
    is_error: bool,
    name: Option<Box<str>>,
    message: Option<Box<str>>,
}

#[derive(Debug)]
enum OwnedStatus {
    Code(u16),
    Text(Box<str>),
}

impl From<&LabelSet<'_>> for OwnedLabelSet {
    fn from(labels: &LabelSet<'_>) -> Self {
        Self {
            addr: labels.addr.into(),
            method: intern(labels.method),
            kind: intern(labels.kind),
            status: match labels.status {
                Status::Code(code) => OwnedStatus::Code(code),
                Status::Text(text) => OwnedStatus::Text(text.into()),
            },
            is_error: labels.is_error,
            name: labels.name.map(Into::into),
            message: labels.message.map(Into::into),
        }
    }
}

impl OwnedLabelSet {
    pub(crate) fn is(&self, labels: &LabelSet<'_>) -> bool {
        self.borrowed() == *labels
    }

    pub(crate) fn addr(&self) -> &Arc<str> {
        &self.addr
    }

    pub(crate) fn borrowed(&self) -> LabelSet<'_> {
        LabelSet {
            addr: &self.addr,
            status: match &self.status {
                OwnedStatus::Code(code) => Status::Code(*code),
                OwnedStatus::Text(text) => Status::Text(text),
            },
            method: &self.method,
            is_error: self.is_error,
            kind: &self.kind,
            name: self.name.as_deref(),
            message: self.message.as_deref(),
        }
    }
}

fn intern(text: &str) -> Cow<'static, str> {
    match protocol::METHODS.into_iter().chain([protocol::HTTP]).find(|word| *word == text) {
        Some(word) => Cow::Borrowed(word),
        // A string of exactly its own length: a series is never edited.
        None => Cow::Owned(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{LabelSet, OwnedLabelSet, Status, cut, write_label};

    const PLAIN: LabelSet<'_> = LabelSet {
        addr: "/users/{id}",
        status: Status::Code(200),
        method: "GET",
        is_error: false,
        kind: "http",
        name: None,
        message: None,
    };

    fn written(labels: LabelSet<'_>) -> String {
        let mut out = String::new();
        labels.write(&mut out);
        out
    }

    #[test]
    fn keys_stand_in_the_order_of_the_protocol() {
        assert_eq!(
            written(PLAIN),
            r#"type="http",status="200",isError="false",method="GET",addr="/users/{id}""#
        );
        assert_eq!(
            written(LabelSet { name: Some("db"), message: Some("no"), ..PLAIN }),
            r#"name="db",type="http",status="200",isError="false",errorMessage="no",method="GET",addr="/users/{id}""#
        );
    }

    #[test]
    fn values_are_escaped() {
        let mut out = String::new();
        write_label(&mut out, "k", "a\\b\"c\nd");
        assert_eq!(out, r#"k="a\\b\"c\nd""#);
    }

    #[test]
    fn messages_are_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(500)), "é".repeat(120));
        assert_eq!(cut(&"é".repeat(120)), "é".repeat(120));
        assert_eq!(cut(""), "");
    }

    #[test]
    fn an_owned_label_set_equals_its_origin() {
        let labels = LabelSet { status: Status::Text("OK"), name: Some("x"), ..PLAIN };
        assert_eq!(OwnedLabelSet::from(&labels).borrowed(), labels);
        assert!(OwnedLabelSet::from(&labels).is(&labels));
        for other in [
            PLAIN,
            LabelSet { addr: "/", ..labels },
            LabelSet { status: Status::Text("KO"), ..labels },
            LabelSet { method: "PUT", ..labels },
            LabelSet { is_error: true, ..labels },
            LabelSet { kind: "amqp", ..labels },
            LabelSet { name: None, ..labels },
            LabelSet { message: Some(""), ..labels },
        ] {
            assert!(!OwnedLabelSet::from(&other).is(&labels), "{other:?}");
        }
    }
}
