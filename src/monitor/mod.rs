//! What all workers share and what the app holds.

pub(crate) mod call_status;
pub(crate) mod dependencies;
pub(crate) mod handle;
pub(crate) mod instance;
pub(crate) mod registries;
pub(crate) mod scrape;
pub(crate) mod settings;
pub(crate) mod timers;
