//! `dependency_up`, made of the states of all dependencies.

use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use crate::dependency::set::DependencySet;
use crate::dependency::state::DependencyStatus;
use crate::labels::write_label;
use crate::metrics::verbatim::Verbatim;
use crate::protocol::{family, label};

/// Puts `dependency_up` onto the page.
#[derive(Debug)]
pub(crate) struct DependencyUp {
    pub(crate) dependencies: Arc<DependencySet>,
    pub(crate) const_labels: String,
}

impl Collector for DependencyUp {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let (name, help) = (family::DEPENDENCY_UP, family::DEPENDENCY_UP_HELP);
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for state in self.dependencies.states() {
            let value: u32 = match state.status() {
                // A sample would be wrong whatever its value.
                DependencyStatus::Unknown => continue,
                DependencyStatus::Up => 1,
                DependencyStatus::Down => 0,
            };
            let mut labels = self.const_labels.clone();
            write_label(&mut labels, label::NAME, state.name());
            metric.encode_family(&Verbatim(&labels))?.encode_gauge(&value)?;
        }
        Ok(())
    }
}
