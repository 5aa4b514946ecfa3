//! What the crate's own tests are made of, which use more of it.

#![allow(dead_code, reason = "not all of it is needed here")]

#[path = "../../it/support/client.rs"]
pub(crate) mod client;
#[path = "../../it/support/http2.rs"]
pub(crate) mod http2;
#[path = "../../it/support/page.rs"]
pub(crate) mod page;
#[path = "../../it/support/patience.rs"]
pub(crate) mod patience;
#[path = "../../it/support/server.rs"]
pub(crate) mod server;
