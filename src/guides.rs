//! The guides in `docs/`, so that their code is compiled with the documentation's.

#[doc = include_str!("../docs/dependencies.md")]
struct Dependencies;

#[doc = include_str!("../docs/deployment.md")]
struct Deployment;
