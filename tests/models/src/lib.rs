//! The lock-free parts of the store, built from loom's atomics: the histogram cell, its native
//! buckets and the shard. `claims` contains what holds for a cell, `shards` for a shard.
//! `../mutations.py` changes a line of the sources at a time, and a claim must fail.

#![cfg(all(test, loom))]

mod claims;
mod shards;
mod subject;

mod atomic;
#[expect(dead_code, reason = "the models need no text")]
#[path = "../../../src/store/buckets.rs"]
mod buckets;
#[path = "../../../src/store/cell.rs"]
mod cell;
#[expect(dead_code, reason = "the models need its cell only")]
#[path = "../../../src/store/native.rs"]
mod native;
#[path = "../../../src/store/shard.rs"]
mod shard;

/// Stands in for `store::series`.
mod series {
    pub(crate) type SeriesId = u32;
}
