//! Pure: what a request and its end mean as labels and as a size. When a request
//! ends is the middleware's business, what is counted for it the recorder's.

pub(crate) mod exclude;
pub(crate) mod exemplar;
pub(crate) mod message;
pub(crate) mod options;
pub(crate) mod route;
pub(crate) mod size;
pub(crate) mod status;
