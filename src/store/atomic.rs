//! The atomics that the store is built from, under one name, so that a model checker can
//! replace them.

pub(crate) use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
