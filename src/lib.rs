#![doc = include_str!("../docs/crate.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
#[cfg(any(feature = "awc", feature = "reqwest"))]
mod client;
mod clock;
mod dependency;
mod endpoint;
mod error;
mod exposition;
#[cfg(doctest)]
mod guides;
mod labels;
mod middleware;
mod monitor;
mod options;
mod panics;
#[cfg(all(feature = "process", target_os = "linux"))]
mod process;
mod protocol;
mod request;
mod store;
mod timers;
mod workers;

pub use prometheus_client;

pub use crate::builder::setters::BigBrotherBuilder;
#[cfg(any(feature = "awc", feature = "reqwest"))]
pub use crate::client::outgoing::ClientMonitor;
#[cfg(feature = "reqwest")]
pub use crate::client::reqwest::AddrTemplate;
pub use crate::dependency::check::{CheckResult, Dependency};
pub use crate::dependency::state::{DependencyState, DependencyStatus};
#[cfg(feature = "dashboard")]
pub use crate::endpoint::dashboard::dashboard;
pub use crate::endpoint::metrics::metrics;
pub use crate::endpoint::readiness::{readiness, readiness_with_reasons};
pub use crate::error::BuildError;
pub use crate::exposition::format::Format;
pub use crate::middleware::transform::BigBrother;
pub use crate::monitor::handle::Monitor;
pub use crate::options::exclude::Exclude;
pub use crate::options::exemplars::Exemplars;
pub use crate::options::label::Label;
pub use crate::options::measurement::{ObserveAt, RequestSize, ResponseSize, Unmatched};
pub use crate::options::message::{ErrorMessage, ErrorText};
pub use crate::options::request_labels::RequestLabels;
pub use crate::options::source::MetricSource;
pub use crate::timers::status::CallStatus;
pub use crate::timers::timer::CallTimer;
