//! What a request and its end mean: route, status and size. Pure functions.

pub(crate) mod route;
pub(crate) mod size;
pub(crate) mod status;
