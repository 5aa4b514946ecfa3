//! Copies of the crate, one module each: unchanged, and without one of its tricks.

include!(concat!(env!("OUT_DIR"), "/variants.rs"));
