//! Registries of prometheus-client, read from the text that it encodes.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::constant::Constant;
use super::family::CustomFamily;
use super::reader::Reader;
use super::rejected::Rejected;
use super::text_buffer::TextBuffer;

/// The prefix of all names in the text of a registry of this crate, removed when the text is
/// read.
///
/// It marks the lines of prometheus-client as a boundary marks the parts of a MIME
/// message. Help texts and label names are written as they are, so they can contain lines
/// that look like another family; but not this prefix, which is random.
static BOUNDARY: LazyLock<String> =
    LazyLock::new(|| format!("b{:016x}", RandomState::new().hash_one(())));

/// The boundary as prometheus-client writes it.
static PREFIX: LazyLock<String> = LazyLock::new(|| format!("{}_", *BOUNDARY));

/// Whether prometheus-client escapes help texts. Version 0.25.2 does not.
static IS_HELP_ESCAPED: LazyLock<bool> = LazyLock::new(|| {
    let mut registry = Registry::default();
    registry.register("probe", "\\", Gauge::<i64>::default());
    encode(&registry).is_ok_and(|text| text.contains("\\\\"))
});

/// Creates a registry for metrics of the app.
pub(crate) fn new_registry() -> Registry {
    Registry::with_prefix(BOUNDARY.as_str())
}

/// Encodes a registry.
///
/// # Errors
///
/// If a metric returns an error: prometheus-client skips all that follows it.
pub(crate) fn encode(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = TextBuffer::default();
    encode_registry(&mut text, registry)?;
    text.finish()
}

/// Reads an encoded registry: one of [`new_registry`] or one of the app. Families that are
/// not valid are left out and returned with the reason.
pub(crate) fn read<'a>(
    text: &'a str,
    constant: &'a Constant,
) -> (Vec<CustomFamily<'a>>, Vec<Rejected>) {
    Reader { prefix: &PREFIX, is_help_escaped: *IS_HELP_ESCAPED, constant }.read(text)
}
