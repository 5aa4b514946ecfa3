//! The actix middleware, in the order in which a request passes it: transform,
//! service, future, body. The guard records the request, whichever way it ends, from its
//! state; the watch measures its polls, if workers are watched.

pub(crate) mod body;
mod extras;
pub(crate) mod future;
pub(crate) mod guard;
pub(crate) mod options;
mod payload;
mod progress;
pub(crate) mod request_state;
pub(crate) mod service;
mod slot;
pub(crate) mod state;
pub(crate) mod transform;
pub(crate) mod watch;
