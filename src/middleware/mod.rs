//! The actix middleware, in the order of a request's way: transform, service,
//! future, body.

pub(crate) mod body;
pub(crate) mod facts;
pub(crate) mod future;
pub(crate) mod report;
pub(crate) mod service;
pub(crate) mod transform;
pub(crate) mod worker;
