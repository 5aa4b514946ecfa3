//! The atomics that the cell is built from, under one name, so that a model checker can
//! replace them.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};
