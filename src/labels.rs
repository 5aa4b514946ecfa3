//! Label sets: the labels of one series, borrowed from a request or from the
//! store.

use crate::protocol::{self, MethodLabel, label};

/// The labels of one series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LabelSet<'a> {
    pub(crate) key: Key<'a>,
    pub(crate) addr: &'a str,
    /// The `errorMessage` label; `None` if it is off.
    pub(crate) message: Option<&'a str>,
    pub(crate) own: OwnValues,
}

/// How many labels of its own an app can have.
pub(crate) const OWN_LABELS: usize = 4;

/// The values of the app's own labels: for each label, the number of its value
/// (`store/own_labels.rs`) in 16 bits, the lowest of which are the first label's. All are
/// missing if there are no such labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct OwnValues(u64);

impl OwnValues {
    /// The number of `_overflow`. Zero is that of a missing value.
    pub(crate) const OVERFLOW: u16 = 1;

    /// The values with that of a label, whose value is missing.
    #[inline]
    pub(crate) fn with(self, label: usize, number: u16) -> Self {
        Self(self.0 | u64::from(number) << (label * u16::BITS as usize))
    }

    /// The number of the value of a label.
    pub(crate) fn number(self, label: usize) -> u16 {
        (self.0 >> (label * u16::BITS as usize)) as u16
    }

    /// A number of its own for all values.
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    fn overflowed(self) -> Self {
        (0..OWN_LABELS).fold(Self::default(), |values, label| {
            values.with(label, self.number(label).min(Self::OVERFLOW))
        })
    }
}

/// All labels but `addr` and `errorMessage`. A call whose labels could be those of a
/// request is a `Request`, so label sets with the same text are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key<'a> {
    Request(RequestKey),
    Call(CallKey<'a>),
}

/// The labels of an HTTP request. Compared on each request, so it is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RequestKey {
    pub(crate) status: u16,
    pub(crate) method: MethodLabel,
    pub(crate) is_error: bool,
}

/// The labels of what an app times itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallKey<'a> {
    /// The dependency; `None` for a request.
    pub(crate) name: Option<&'a str>,
    pub(crate) kind: &'a str,
    pub(crate) status: StatusLabel<'a>,
    pub(crate) is_error: bool,
    pub(crate) method: &'a str,
}

/// A `status` label: an HTTP status code, or a word of another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StatusLabel<'a> {
    Code(u16),
    Word(&'a str),
}

impl RequestKey {
    /// A number of its own for each key.
    #[inline]
    pub(crate) fn to_bits(self) -> u32 {
        u32::from(self.status) << 16 | (self.method as u32) << 8 | u32::from(self.is_error)
    }
}

impl<'a> From<CallKey<'a>> for Key<'a> {
    fn from(call: CallKey<'a>) -> Self {
        let CallKey { name, kind, status, is_error, method } = call;
        match (name, status, MethodLabel::from_label(method)) {
            (None, StatusLabel::Code(status), Some(method)) if kind == protocol::HTTP => {
                Self::Request(RequestKey { status, method, is_error })
            }
            _ => Self::Call(call),
        }
    }
}

impl LabelSet<'_> {
    /// These labels once their family is full: what clients choose is replaced,
    /// what error rates are computed from stays.
    pub(crate) fn overflowed(self) -> Self {
        Self {
            addr: protocol::OVERFLOW,
            message: self.message.map(|_| protocol::OVERFLOW),
            own: self.own.overflowed(),
            ..self
        }
    }

    /// Passes each label of the protocol to `visit`, in its order.
    pub(crate) fn try_for_each<E>(
        &self,
        mut visit: impl FnMut(&str, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        let CallKey { name, kind, status, is_error, method } = match self.key {
            Key::Call(call) => call,
            Key::Request(RequestKey { status, method, is_error }) => CallKey {
                name: None,
                kind: protocol::HTTP,
                status: StatusLabel::Code(status),
                is_error,
                method: method.as_str(),
            },
        };
        if let Some(name) = name {
            visit(label::NAME, name)?;
        }
        visit(label::TYPE, kind)?;
        match status {
            StatusLabel::Code(code) => visit(label::STATUS, itoa::Buffer::new().format(code))?,
            StatusLabel::Word(word) => visit(label::STATUS, word)?,
        }
        visit(label::IS_ERROR, if is_error { "true" } else { "false" })?;
        if let Some(message) = self.message {
            visit(label::ERROR_MESSAGE, message)?;
        }
        visit(label::METHOD, method)?;
        visit(label::ADDR, self.addr)
    }
}

/// Appends `key="value"` as both text formats escape it, after a comma unless it
/// is the first label.
pub(crate) fn write_label(out: &mut String, key: &str, value: &str) {
    if !out.is_empty() {
        out.push(',');
    }
    out.push_str(key);
    out.push_str("=\"");
    escape(out, value, &['\\', '"', '\n']);
    out.push('"');
}

/// Appends `text` with a backslash before each of the characters of `escaped`, and `n` for
/// a line break.
pub(crate) fn escape(out: &mut String, text: &str, escaped: &[char]) {
    let mut rest = text;
    while let Some(at) = rest.find(escaped) {
        out.push_str(&rest[..at]);
        out.push('\\');
        out.push_str(if rest[at..].starts_with('\n') { "n" } else { &rest[at..=at] });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// Resolves the escapes of a help text or a label value: a backslash before one
/// of these characters.
pub(crate) fn unescape(text: &str, escapes: &[char]) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, characters.as_str().chars().next()) {
            ('\\', Some(escaped)) if escapes.contains(&escaped) => {
                unescaped.push(if escaped == 'n' { '\n' } else { escaped });
                characters.next();
            }
            _ => unescaped.push(character),
        }
    }
    unescaped
}

/// The first 120 characters of a text from outside: a limit of label sets alone
/// does not bound the size of the page.
#[inline]
pub(crate) fn truncate(text: &str) -> &str {
    // Most texts are short: their characters do not have to be counted.
    if text.len() <= protocol::TEXT_LENGTH {
        return text;
    }
    match text.char_indices().nth(protocol::TEXT_LENGTH) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{
        CallKey, Key, LabelSet, OwnValues, RequestKey, StatusLabel, truncate, write_label,
    };
    use crate::protocol::MethodLabel;

    const CALL: CallKey<'_> = CallKey {
        name: Some("db"),
        kind: "sql",
        status: StatusLabel::Word("ok"),
        is_error: false,
        method: "SELECT",
    };

    fn labels(call: CallKey<'_>) -> LabelSet<'_> {
        LabelSet { key: call.into(), addr: "/users/{id}", message: None, own: OwnValues::default() }
    }

    fn written(labels: LabelSet<'_>) -> String {
        let mut out = String::new();
        let write = |key: &str, value: &str| {
            write_label(&mut out, key, value);
            Ok::<_, ()>(())
        };
        labels.try_for_each(write).expect("writing does not fail");
        out
    }

    const REQUEST: CallKey<'_> = CallKey {
        name: None,
        kind: "http",
        status: StatusLabel::Code(200),
        is_error: false,
        method: "GET",
    };

    #[test]
    fn labels_are_in_the_order_of_the_protocol() {
        assert_eq!(
            written(labels(REQUEST)),
            r#"type="http",status="200",isError="false",method="GET",addr="/users/{id}""#
        );
        assert_eq!(
            written(LabelSet { message: Some("no"), ..labels(CALL) }),
            r#"name="db",type="sql",status="ok",isError="false",errorMessage="no",method="SELECT",addr="/users/{id}""#
        );
    }

    #[test]
    fn values_are_escaped() {
        let mut out = String::new();
        write_label(&mut out, "k", "a\\b\"c\nd");
        assert_eq!(out, r#"k="a\\b\"c\nd""#);
    }

    #[test]
    fn text_is_truncated_between_characters() {
        assert_eq!(truncate(&"é".repeat(500)), "é".repeat(120));
        assert_eq!(truncate(&"é".repeat(120)), "é".repeat(120));
        assert_eq!(truncate(""), "");
    }

    #[test]
    fn label_sets_are_equal_if_and_only_if_their_text_is() {
        let others = [
            labels(REQUEST),
            LabelSet { addr: "/", ..labels(CALL) },
            LabelSet { message: Some(""), ..labels(CALL) },
            labels(CallKey { name: None, ..CALL }),
            labels(CallKey { kind: "http", ..CALL }),
            labels(CallKey { status: StatusLabel::Word("200"), ..CALL }),
            labels(CallKey { is_error: true, ..CALL }),
            labels(CallKey { method: "PUT", ..CALL }),
            labels(CallKey { method: "BREW", ..REQUEST }),
            labels(CallKey { status: StatusLabel::Word("OK"), ..REQUEST }),
            labels(CallKey { kind: "amqp", ..REQUEST }),
            labels(CallKey { name: Some("http"), ..REQUEST }),
        ];
        assert!(matches!(labels(REQUEST).key, Key::Request(_)));
        for (index, left) in others.iter().enumerate() {
            for (other, right) in others.iter().enumerate() {
                assert_eq!(left == right, index == other, "{left:?} {right:?}");
                assert_eq!(left == right, written(*left) == written(*right));
            }
        }
    }

    #[test]
    fn each_key_and_each_set_of_values_has_a_number_of_its_own() {
        let key = RequestKey { status: 200, method: MethodLabel::Get, is_error: false };
        let keys = [
            key,
            RequestKey { status: 201, ..key },
            RequestKey { method: MethodLabel::Post, ..key },
            RequestKey { is_error: true, ..key },
        ];
        assert_eq!(keys.map(RequestKey::to_bits).into_iter().collect::<BTreeSet<_>>().len(), 4);
        let max = u16::MAX;
        let values =
            [[0; 4], [1, 2, 3, 4], [2, 2, 3, 4], [1, 3, 3, 4], [1, 2, 4, 4], [1, 2, 3, max]];
        let numbers = values.map(|values| {
            let labels = 0..values.len();
            let own =
                labels.fold(OwnValues::default(), |own, label| own.with(label, values[label]));
            assert_eq!([0, 1, 2, 3].map(|label| own.number(label)), values);
            own.to_bits()
        });
        assert_eq!(BTreeSet::from(numbers).len(), 6);
    }
}
