//! The histogram cell, its native buckets, and its mutants, built from loom's atomics. `claims`
//! contains what holds for the cell, `mutants` that each mutant is caught.

#![cfg(test)]

mod claims;
mod mutants;
mod subject;

mod atomic;
#[path = "../../../src/store/cell.rs"]
mod cell;
#[expect(dead_code, reason = "the models need its cell only")]
#[path = "../../../src/store/native.rs"]
mod native;

mod version_never_odd {
    include!(concat!(env!("OUT_DIR"), "/version_never_odd.rs"));
}
mod no_release_fence {
    include!(concat!(env!("OUT_DIR"), "/no_release_fence.rs"));
}
mod words_published_relaxed {
    include!(concat!(env!("OUT_DIR"), "/words_published_relaxed.rs"));
}
mod words_written_after_the_version {
    include!(concat!(env!("OUT_DIR"), "/words_written_after_the_version.rs"));
}
mod version_read_relaxed {
    include!(concat!(env!("OUT_DIR"), "/version_read_relaxed.rs"));
}
mod odd_version_read {
    include!(concat!(env!("OUT_DIR"), "/odd_version_read.rs"));
}
mod no_acquire_fence {
    include!(concat!(env!("OUT_DIR"), "/no_acquire_fence.rs"));
}
mod version_not_compared {
    include!(concat!(env!("OUT_DIR"), "/version_not_compared.rs"));
}
mod record_never_finished {
    include!(concat!(env!("OUT_DIR"), "/record_never_finished.rs"));
}
