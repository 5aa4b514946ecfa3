//! The app's metrics on the page: read from what their libraries encode, and checked.

pub(crate) mod builder;
pub(crate) mod family;
pub(crate) mod line;
pub(crate) mod names;
pub(crate) mod points;
#[cfg(feature = "prometheus")]
pub(crate) mod prometheus;
pub(crate) mod reader;
pub(crate) mod registry;
pub(crate) mod rejected;
pub(crate) mod text;
