//! The writer of a page: what differs between text 0.0.4 and OpenMetrics.

use super::custom::names::MetricType;
use super::format::Format;
use crate::labels::{escape, write_label};
use crate::protocol::label;
use crate::store::exemplars::Exemplar;

/// What describes a family on the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptor {
    /// Without the unit.
    pub(crate) name: &'static str,
    /// The last part of the full name.
    pub(crate) unit: Option<&'static str>,
    pub(crate) help: &'static str,
    pub(crate) metric_type: MetricType,
}

impl Descriptor {
    /// The name with its unit.
    pub(crate) fn full_name(&self) -> String {
        match self.unit {
            Some(unit) => format!("{}_{unit}", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// Writes a page in one format.
#[derive(Debug)]
pub(crate) struct PageWriter {
    format: Format,
    page: String,
}

impl PageWriter {
    pub(crate) fn new(format: Format, capacity: usize) -> Self {
        Self { format, page: String::with_capacity(capacity) }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// The page so far.
    pub(crate) fn page(&mut self) -> &mut String {
        &mut self.page
    }

    /// Writes the lines that begin a family. `unit` and `help` are empty if there are none.
    pub(crate) fn descriptor(
        &mut self,
        name: &str,
        metric_type: MetricType,
        unit: &str,
        help: &str,
    ) {
        let ((suffix, word), escaped): (_, &[char]) = match self.format {
            Format::Text => (metric_type.in_text(), &['\\', '\n']),
            Format::OpenMetrics => (("", metric_type.word()), &['\\', '\n', '"']),
        };
        let page = &mut self.page;
        if !help.is_empty() {
            page.extend(["# HELP ", name, suffix, " "]);
            escape(page, help, escaped);
            page.push('\n');
        }
        page.extend(["# TYPE ", name, suffix, " ", word, "\n"]);
        // OpenMetrics allows no unit for an info.
        let has_unit = !unit.is_empty() && metric_type != MetricType::Info;
        if has_unit && self.format == Format::OpenMetrics {
            page.extend(["# UNIT ", name, " ", unit, "\n"]);
        }
    }

    /// Writes a sample.
    pub(crate) fn sample(&mut self, name: &str, labels: &str, value: f64) {
        self.page.push_str(name);
        if !labels.is_empty() {
            self.page.extend(["{", labels, "}"]);
        }
        self.page.extend([" ", &value.to_string(), "\n"]);
    }

    /// Writes the exemplar of a sample whose value is written, if the format has
    /// exemplars.
    pub(crate) fn exemplar(&mut self, exemplar: &Exemplar) {
        if self.format != Format::OpenMetrics {
            return;
        }
        let mut labels = String::new();
        write_label(&mut labels, label::TRACE_ID, &exemplar.trace_id);
        let seconds = exemplar.nanos as f64 / 1e9;
        let at = exemplar.at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let timestamp = format!("{}.{:03}", at.as_secs(), at.subsec_millis());
        self.page.push_str(&format!(" # {{{labels}}} {seconds:?} {timestamp}"));
    }

    /// The finished page.
    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.page.push_str("# EOF\n");
        }
        self.page
    }
}
