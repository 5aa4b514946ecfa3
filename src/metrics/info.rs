//! `application_info`: a family that only tells a label.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::verbatim::Verbatim;
use crate::labels::write_label;
use crate::protocol::{family, label};

/// The running version, of value 1 for ever.
#[derive(Debug)]
pub(crate) struct ApplicationInfo {
    labels: String,
}

impl ApplicationInfo {
    pub(crate) fn new(version: &str, const_labels: &str) -> Self {
        let mut labels = const_labels.to_owned();
        write_label(&mut labels, label::VERSION, version);
        Self { labels }
    }
}

impl Collector for ApplicationInfo {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        encoder
            .encode_descriptor(
                family::APPLICATION,
                family::APPLICATION_HELP,
                None,
                MetricType::Info,
            )?
            .encode_info(&Verbatim(&self.labels))
    }
}
