//! This crate's own families, written straight from a snapshot.

use super::writer::{Descriptor, PageWriter};
use crate::labels::write_label;
use crate::protocol::label;
use crate::store::buckets::Buckets;
use crate::store::series::ConstLabels;
use crate::store::snapshot::Snapshot;

/// A family with its samples, at one scrape.
#[derive(Debug)]
pub(crate) struct FamilySnapshot<'a> {
    pub(crate) descriptor: Descriptor,
    pub(crate) const_labels: &'a ConstLabels,
    pub(crate) samples: Samples<'a>,
}

#[derive(Debug)]
pub(crate) enum Samples<'a> {
    /// A histogram per series.
    Histograms(&'a Snapshot<'a>),
    /// The byte counter per series.
    Bytes(&'a Snapshot<'a>),
    /// One histogram without labels besides the constant ones.
    Histogram(HistogramValue<'a>),
    /// Single values.
    Values(Vec<Value>),
}

/// The state of a histogram.
#[derive(Debug)]
pub(crate) struct HistogramValue<'a> {
    pub(crate) buckets: &'a Buckets,
    /// Observations per bucket, not cumulated, `+Inf` last.
    pub(crate) counts: Vec<u64>,
    pub(crate) nanos: u64,
}

/// A sample with its labels besides the constant ones.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) value: f64,
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self { labels: Vec::new(), value }
    }
}

impl FamilySnapshot<'_> {
    pub(crate) fn write(&self, writer: &mut PageWriter) {
        let Descriptor { unit, help, metric_type, .. } = self.descriptor;
        let name = self.descriptor.full_name();
        writer.descriptor(&name, metric_type, unit.unwrap_or_default(), help);
        match &self.samples {
            Samples::Histograms(snapshot) => write_histograms(writer, &name, snapshot),
            Samples::Bytes(snapshot) => write_bytes(writer, &name, snapshot),
            Samples::Histogram(histogram) => self.write_histogram(writer, &name, histogram),
            Samples::Values(values) => self.write_values(writer, &name, values),
        }
    }

    fn write_values(&self, writer: &mut PageWriter, name: &str, values: &[Value]) {
        let name = format!("{name}{}", self.descriptor.metric_type.in_text().0);
        for Value { labels, value } in values {
            writer.sample(&name, &self.labels(labels), *value);
        }
    }

    fn write_histogram(&self, writer: &mut PageWriter, name: &str, histogram: &HistogramValue<'_>) {
        let mut cumulated = 0;
        for (bound, count) in histogram.buckets.le_labels().zip(&histogram.counts) {
            cumulated += count;
            let labels = self.labels(&[(label::LE, bound)]);
            writer.sample(&format!("{name}_bucket"), &labels, cumulated as f64);
        }
        let labels = self.labels(&[]);
        writer.sample(&format!("{name}_sum"), &labels, histogram.nanos as f64 / 1e9);
        writer.sample(&format!("{name}_count"), &labels, cumulated as f64);
    }

    /// The constant labels and those of a sample, as both text formats write them.
    fn labels(&self, of_sample: &[(&str, String)]) -> String {
        let mut labels = String::new();
        for (key, value) in self.const_labels.iter() {
            write_label(&mut labels, key, value);
        }
        for (key, value) in of_sample {
            write_label(&mut labels, key, value);
        }
        labels
    }
}

fn write_histograms(writer: &mut PageWriter, name: &str, snapshot: &Snapshot<'_>) {
    let bucket = format!("{name}_bucket{{");
    let (sum, count) = (format!("{name}_sum{{"), format!("{name}_count{{"));
    let bounds: Vec<_> =
        snapshot.le_labels().map(|bound| format!(",{}=\"{bound}\"}} ", label::LE)).collect();
    let mut digits = itoa::Buffer::new();
    for row in snapshot.rows() {
        let labels = row.series.text();
        let mut cumulated = 0_u64;
        for (index, (bound, observations)) in bounds.iter().zip(row.counts).enumerate() {
            cumulated = cumulated.saturating_add(*observations);
            push(writer.page(), [&bucket, labels, bound, digits.format(cumulated)]);
            if let Some(exemplar) = snapshot.exemplar(&row, index) {
                writer.exemplar(exemplar);
            }
            writer.page().push('\n');
        }
        let (seconds, nanos) = (row.nanos / 1_000_000_000, row.nanos % 1_000_000_000);
        push(writer.page(), [&sum, labels, "} ", digits.format(seconds)]);
        write_fraction(writer.page(), nanos);
        push(writer.page(), ["\n", &count, labels, "} "]);
        push(writer.page(), [digits.format(cumulated), "\n", "", ""]);
    }
}

fn write_bytes(writer: &mut PageWriter, name: &str, snapshot: &Snapshot<'_>) {
    let name = format!("{name}{{");
    let mut digits = itoa::Buffer::new();
    for row in snapshot.rows() {
        push(writer.page(), [&name, row.series.text(), "} ", digits.format(row.bytes)]);
        writer.page().push('\n');
    }
}

/// Four parts at once: most of a page is written here.
#[inline]
fn push(page: &mut String, parts: [&str; 4]) {
    page.reserve(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        page.push_str(part);
    }
}

/// Appends the exact fraction of a second: `.5` for 500,000,000 ns, `.0` for none.
fn write_fraction(page: &mut String, nanos: u64) {
    let mut digits = [b'0'; 9];
    let mut rest = nanos;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    let length = digits.iter().rposition(|digit| *digit != b'0').map_or(1, |last| last + 1);
    page.push('.');
    page.extend(digits[..length].iter().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::write_fraction;

    #[test]
    fn fractions_are_exact() {
        for (nanos, written) in [
            (0, ".0"),
            (1, ".000000001"),
            (500_000_000, ".5"),
            (123_456_789, ".123456789"),
            (120_000_000, ".12"),
            (999_999_999, ".999999999"),
        ] {
            let mut page = String::new();
            write_fraction(&mut page, nanos);
            assert_eq!(page, written);
        }
    }
}
