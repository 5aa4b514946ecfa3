//! The Prometheus protobuf format: `MetricFamily` messages, each after its length.

pub(crate) mod custom;
pub(crate) mod families;
pub(crate) mod page;
pub(crate) mod wire;
