//! The guides in `docs/`, so that their code is compiled with the documentation's.

// One of its checks uses awc.
#[cfg(feature = "awc")]
#[doc = include_str!("../docs/dependencies.md")]
struct Dependencies;

#[doc = include_str!("../docs/deployment.md")]
struct Deployment;
