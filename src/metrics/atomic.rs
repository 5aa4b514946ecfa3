//! The atomics that the shard is built from, under one name, so that a model
//! checker can put its own in their place.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};
