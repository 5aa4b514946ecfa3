//! README.md and the guides in `docs/`, so that their code is compiled with the tests.

#[doc = include_str!("../README.md")]
struct Readme;

// Its examples use both HTTP clients.
#[cfg(all(feature = "awc", feature = "reqwest"))]
#[doc = include_str!("../docs/dependencies.md")]
struct Dependencies;

#[doc = include_str!("../docs/blocked-workers.md")]
struct BlockedWorkers;

#[cfg(feature = "dashboard")]
#[doc = include_str!("../docs/dashboard.md")]
struct Dashboard;

#[doc = include_str!("../docs/deployment.md")]
struct Deployment;

#[doc = include_str!("../docs/labels.md")]
struct Labels;

#[doc = include_str!("../docs/migrating.md")]
struct Migrating;

#[cfg(feature = "native-histograms")]
#[doc = include_str!("../docs/native-histograms.md")]
struct NativeHistograms;
