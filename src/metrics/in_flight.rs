//! `requests_in_flight`: a gauge summed over the lanes of all workers.

use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::family::Family;
use super::verbatim::Verbatim;
use crate::protocol::family;

/// Puts the gauge onto the page.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) family: Arc<Family>,
    pub(crate) const_labels: String,
}

impl Collector for InFlight {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let requests: i64 = self.family.lanes().iter().map(|lane| lane.in_flight()).sum();
        let (name, help) = (family::IN_FLIGHT, family::IN_FLIGHT_HELP);
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        if self.const_labels.is_empty() {
            return metric.encode_gauge(&requests);
        }
        metric.encode_family(&Verbatim(&self.const_labels))?.encode_gauge(&requests)
    }
}
