//! The metric types that prometheus-client does not have: a histogram counted in
//! single-writer shards and a counter without `_total`.

pub(crate) mod atomic;
pub(crate) mod buckets;
pub(crate) mod exemplars;
pub(crate) mod family;
pub(crate) mod in_flight;
pub(crate) mod info;
pub(crate) mod lane;
pub(crate) mod samples;
pub(crate) mod shard;
pub(crate) mod shelf;
pub(crate) mod verbatim;
