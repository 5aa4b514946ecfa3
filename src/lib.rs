#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
#[cfg(any(feature = "awc", feature = "reqwest"))]
mod client;
mod clock;
mod dependency;
mod error;
mod exposition;
#[cfg(doctest)]
mod guides;
mod labels;
mod metrics;
mod middleware;
mod monitor;
mod outcome;
mod page;
#[cfg(all(feature = "process", target_os = "linux"))]
mod process;
mod protocol;
mod readiness;
mod recorder;

pub use prometheus_client;

pub use crate::builder::setters::BigBrotherBuilder;
#[cfg(any(feature = "awc", feature = "reqwest"))]
pub use crate::client::outgoing::ClientMonitor;
#[cfg(feature = "reqwest")]
pub use crate::client::reqwest::AddrTemplate;
pub use crate::dependency::check::{CheckResult, Dependency};
pub use crate::dependency::state::{DependencyState, DependencyStatus};
pub use crate::error::{BucketsError, BuildError, ConstLabelError};
pub use crate::exposition::format::Format;
pub use crate::middleware::transform::BigBrother;
pub use crate::monitor::call_status::CallStatus;
pub use crate::monitor::handle::Monitor;
pub use crate::monitor::timers::CallTimer;
pub use crate::outcome::exclude::Exclude;
pub use crate::outcome::exemplar::Exemplars;
pub use crate::outcome::message::{ErrorMessage, ErrorText};
pub use crate::outcome::options::{ObserveAt, ResponseSize, Unmatched};
pub use crate::page::metrics;
pub use crate::readiness::{readiness, readiness_with_reasons};
