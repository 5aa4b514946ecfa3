//! The behaviour that users can observe. Each file covers one promise.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod addr;
mod blocked;
mod bodies;
mod bounds;
mod builder;
mod check_lifetime;
mod check_threads;
#[cfg(all(feature = "awc", feature = "reqwest"))]
mod clients;
mod composition;
#[cfg(all(feature = "gzip", target_os = "linux"))]
mod compression;
mod concurrency;
mod custom;
#[cfg(feature = "dashboard")]
mod dashboard;
mod debug;
mod dependencies;
mod documentation;
mod exclusions;
mod exemplars;
mod exposure;
mod faults_http2;
mod faults_loggers;
mod faults_sockets;
#[cfg(target_os = "linux")]
mod faults_system;
mod in_flight;
mod labels;
mod layers;
#[cfg(target_os = "linux")]
mod memory_bounds;
mod messages;
#[cfg(feature = "native-histograms")]
mod native;
mod normalised_paths;
#[cfg(target_os = "linux")]
mod overflow;
mod own_label_values;
mod own_labels;
mod page;
#[cfg(target_os = "linux")]
mod page_delivery;
#[cfg(all(feature = "process", target_os = "linux"))]
mod process;
mod protocol;
mod readiness;
mod reentrancy;
mod registry;
mod request_sizes;
mod requests;
mod route_measurement;
mod routes;
#[cfg(target_os = "linux")]
mod scrape_limits;
mod scrapes;
mod sharing;
mod sources;
mod support;
mod text_sources;
mod timers;
mod validation;
