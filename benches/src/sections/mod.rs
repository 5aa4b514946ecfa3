//! The sections: each answers one question about the cost.

pub mod compression;
pub mod counts;
pub mod memory;
pub mod native;
pub mod options;
pub mod pauses;
#[cfg(feature = "tricks")]
pub mod reading;
pub mod scrape;
pub mod sources;
pub mod threads;
pub mod time;
#[cfg(feature = "tricks")]
pub mod tricks;
