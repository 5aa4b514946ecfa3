//! What the integration tests are made of.

#[path = "../../it/support/client.rs"]
pub(crate) mod client;
#[path = "../../it/support/http2.rs"]
pub(crate) mod http2;
#[path = "../../it/support/memory.rs"]
pub(crate) mod memory;
#[path = "../../it/support/page.rs"]
pub(crate) mod page;
#[path = "../../it/support/patience.rs"]
pub(crate) mod patience;
#[path = "../../it/support/protobuf.rs"]
pub(crate) mod protobuf;
