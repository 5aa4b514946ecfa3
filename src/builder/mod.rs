//! Every setting with its default, and what is refused.

pub(crate) mod build;
pub(crate) mod setters;
mod shared;
pub(crate) mod validation;
