//! One family of the app's metrics, and how each format writes it.

use std::ops::Range;

use super::names::{MetricType, Suffix};
use super::rejected::{Part, Reason, Rejected};
use crate::exposition::format::Format;
use crate::exposition::writer::PageWriter;

/// A checked family of the app's metrics.
#[derive(Debug)]
pub(crate) struct CustomFamily {
    pub(crate) name: String,
    pub(crate) metric_type: MetricType,
    /// The last part of the name. Empty if there is none.
    pub(crate) unit: String,
    /// Not escaped.
    pub(crate) help: String,
    pub(crate) samples: Vec<Sample>,
    /// What the samples refer to.
    pub(crate) text: String,
    /// Why OpenMetrics does not allow these samples.
    pub(crate) text_only: Option<&'static str>,
}

/// A sample, with the ranges of its parts in the text of its family.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) suffix: Suffix,
    /// As both text formats write them, without braces.
    pub(crate) labels: Range<usize>,
    pub(crate) value: Range<usize>,
    /// In seconds.
    pub(crate) timestamp: Option<f64>,
    /// As OpenMetrics writes it, from the opening brace of its labels on. Empty if there is none.
    pub(crate) exemplar: Range<usize>,
}

impl CustomFamily {
    /// Writes the family, or nothing if the writer's format does not allow it.
    pub(crate) fn write(&self, writer: &mut PageWriter) -> Result<(), Rejected> {
        let format = writer.format();
        if let (Format::OpenMetrics, Some(why)) = (format, self.text_only) {
            return Err(Rejected::new(Part::OpenMetrics, &self.name, Reason::TextOnly(why)));
        }
        writer.descriptor(&self.name, self.metric_type, &self.unit, &self.help);
        let names = self.metric_type.suffixes().iter();
        let names: Vec<_> =
            names.map(|suffix| (*suffix, self.name.clone() + suffix.as_str())).collect();
        let page = writer.page();
        page.reserve(self.text.len() + self.samples.len() * (self.name.len() + 16));
        for sample in &self.samples {
            let name = names.iter().find(|(suffix, _)| *suffix == sample.suffix);
            let Some((_, name)) = name else { continue };
            match format {
                // It would be a family of its own.
                Format::Text if sample.suffix == Suffix::Created => continue,
                _ => self.write_sample(name, sample, format, page),
            }
        }
        Ok(())
    }

    /// The text format has no exemplars and no times of creation, and its timestamps are in
    /// milliseconds.
    fn write_sample(&self, name: &str, sample: &Sample, format: Format, page: &mut String) {
        page.push_str(name);
        if !sample.labels.is_empty() {
            page.push('{');
            page.push_str(&self.text[sample.labels.clone()]);
            page.push('}');
        }
        page.push(' ');
        page.push_str(&self.text[sample.value.clone()]);
        match (sample.timestamp, format) {
            (None, _) => {}
            (Some(seconds), Format::Text) => page.push_str(&format!(" {:.0}", seconds * 1e3)),
            (Some(seconds), Format::OpenMetrics) => page.push_str(&format!(" {seconds}")),
        }
        if format == Format::OpenMetrics && !sample.exemplar.is_empty() {
            page.push_str(" # ");
            page.push_str(&self.text[sample.exemplar.clone()]);
        }
        page.push('\n');
    }
}
