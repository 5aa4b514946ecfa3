//! The store: histograms (and the byte counter beside them) that many threads
//! record into without a lock, and the snapshot that a scrape takes of them.
//!
//! ```text
//!  Family ── series:  0 ─ GET /users 200   1 ─ GET /orders 200   2 ─ …     append-only, all threads
//!    │       index:   label set → series                                  locked, first use only
//!    ├── Shard of thread A ── cells: series 1 │ series 0 │ …
//!    └── Shard of thread B ── cells: series 0 │ series 2 │ …
//!                              │
//!         HistogramCell:  [ version │ nanoseconds │ bytes │ ≤0.1 │ ≤0.3 │ ≤1.5 │ ≤10.5 │ +Inf ]
//!                           one cache line of eight words with the default buckets
//! ```
//!
//! Each thread owns a [`Writer`](writer::Writer): its shard, and a table from label
//! sets to the cells of that shard. To record is to look up that table and to add to
//! one cell. A scrape adds up the cells of all shards, series by series. With native
//! histograms a cell also has exponential buckets: see [`native`].

pub(crate) mod atomic;
pub(crate) mod buckets;
pub(crate) mod cell;
pub(crate) mod exemplars;
pub(crate) mod family;
pub(crate) mod native;
pub(crate) mod own_labels;
pub(crate) mod owned_labels;
pub(crate) mod pool;
#[cfg(test)]
mod races;
pub(crate) mod series;
pub(crate) mod shard;
pub(crate) mod slots;
pub(crate) mod snapshot;
#[cfg(test)]
mod versions;
pub(crate) mod writer;
