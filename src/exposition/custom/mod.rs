//! The app's metrics on the page: read from what their libraries encode, and checked.

#[cfg(test)]
mod alike;
mod buckets;
mod builder;
pub(crate) mod constant;
mod draft;
pub(crate) mod family;
mod key;
pub(crate) mod labels;
pub(crate) mod line;
mod lines;
pub(crate) mod names;
mod openmetrics;
mod points;
#[cfg(feature = "prometheus")]
pub(crate) mod prometheus;
mod reader;
pub(crate) mod registry;
pub(crate) mod rejected;
pub(crate) mod sample;
mod scan;
mod template;
pub(crate) mod text;
mod text_buffer;
