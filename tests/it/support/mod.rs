//! What tests are made of: a real server, a client that can misbehave, two parsers of
//! pages, waiting with a time limit, and the log.

pub(crate) mod checks;
pub(crate) mod child;
pub(crate) mod client;
#[cfg(target_os = "linux")]
pub(crate) mod collectors;
pub(crate) mod http2;
pub(crate) mod journal;
#[cfg(target_os = "linux")]
pub(crate) mod memory;
pub(crate) mod oracle;
pub(crate) mod page;
pub(crate) mod patience;
#[cfg(feature = "native-histograms")]
pub(crate) mod protobuf;
pub(crate) mod server;
pub(crate) mod services;
