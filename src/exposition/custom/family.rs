//! One family of the app's metrics, and how each format writes it.

use std::borrow::Cow;
use std::ops::Range;

use super::names::MetricType;
use super::rejected::{Part, Reason, Rejected};
use crate::exposition::format::Format;
use crate::exposition::writer::PageWriter;

/// A checked family of the app's metrics.
#[derive(Debug)]
pub(crate) struct CustomFamily<'a> {
    pub(crate) name: &'a str,
    pub(crate) metric_type: MetricType,
    /// The last part of the name. Empty if there is none.
    pub(crate) unit: &'a str,
    /// Not escaped.
    pub(crate) help: Cow<'a, str>,
    /// The lines of its samples, as OpenMetrics writes them.
    pub(crate) lines: Cow<'a, str>,
    /// The parts of the lines that the text format writes differently, in order, and how.
    pub(crate) in_text: Vec<(Range<usize>, String)>,
    /// Why OpenMetrics does not allow these samples.
    pub(crate) text_only: Option<&'static str>,
}

impl CustomFamily<'_> {
    /// Writes the family, or nothing if the writer's format does not allow it.
    pub(crate) fn write(&self, writer: &mut PageWriter) -> Result<(), Rejected> {
        let format = writer.format();
        if let (Format::OpenMetrics, Some(why)) = (format, self.text_only) {
            return Err(Rejected::new(Part::OpenMetrics, self.name, Reason::TextOnly(why)));
        }
        writer.descriptor(self.name, self.metric_type, self.unit, &self.help);
        let page = writer.page();
        let mut written = 0;
        if format == Format::Text {
            for (range, text) in &self.in_text {
                page.push_str(&self.lines[written..range.start]);
                page.push_str(text);
                written = range.end;
            }
        }
        page.push_str(&self.lines[written..]);
        Ok(())
    }
}
