//! What the promises are checked with: a real server, a client that can
//! misbehave, readers of pages, ours and another's, patience with a deadline,
//! and the log.

pub(crate) mod checks;
pub(crate) mod child;
pub(crate) mod client;
pub(crate) mod journal;
pub(crate) mod oracle;
pub(crate) mod page;
pub(crate) mod patience;
pub(crate) mod server;
pub(crate) mod services;
pub(crate) mod source;
