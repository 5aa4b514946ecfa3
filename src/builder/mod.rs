//! The builder: setters, validation, build.

pub(crate) mod build;
pub(crate) mod setters;
mod shared;
mod validation;
