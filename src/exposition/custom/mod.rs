//! The registries of users on the page: encoded by prometheus-client, read back, checked.

pub(crate) mod family;
pub(crate) mod line;
pub(crate) mod names;
pub(crate) mod points;
pub(crate) mod reader;
pub(crate) mod registry;
pub(crate) mod rejected;
pub(crate) mod samples;
