# `just RECIPE` runs a recipe, `just` lists them. `.ci/run` runs `just ci`.

# Incremental data fills the disk, and a single build does not need it.
export CARGO_INCREMENTAL := "0"

target := env("CARGO_TARGET_DIR", justfile_directory() / "target")

[private]
default:
    @{{ just_executable() }} --list --unsorted

# Format, lints with each feature and with all, documentation
check:
    cargo fmt --all --check
    cargo clippy --no-default-features --all-targets -- --deny warnings
    for feature in awc dashboard gzip native-histograms process prometheus reqwest tsc; do \
        cargo clippy --no-default-features --features $feature -- --deny warnings || exit; \
    done
    # The other model of the prometheus crate, which its default features turn on.
    cargo clippy --no-default-features --features prometheus,prometheus/protobuf -- --deny warnings
    cargo clippy --workspace --all-features --all-targets -- --deny warnings
    RUSTDOCFLAGS="--deny warnings" cargo doc --all-features --no-deps

# All tests, and those of the crate without its features
test:
    cargo test --workspace --all-features
    cargo test --no-default-features --lib --test it

# The tests of the published crate, unpacked in a folder of its own
package:
    #!/usr/bin/env bash
    set -euo pipefail
    rm -f "{{ target }}"/package/*.crate
    cargo package --locked --allow-dirty --no-verify
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    tar -xzf "{{ target }}"/package/*.crate -C "$folder"
    cd "$folder"/*
    CARGO_TARGET_DIR="{{ target }}" cargo test --locked

# The loom models of the lock-free parts
models:
    cargo fmt --manifest-path tests/models/Cargo.toml --check
    cargo test --release --manifest-path tests/models/Cargo.toml

# Measures the middleware beside its peers: everything, or `just bench --quick scrape`
bench *arguments:
    cargo run --release --manifest-path benches/Cargo.toml -- {{ arguments }}

# Format and lints of the benches
bench-check:
    cargo fmt --manifest-path benches/Cargo.toml --check
    cargo clippy --manifest-path benches/Cargo.toml -- --deny warnings

# The end-to-end suite: the example with Prometheus, VictoriaMetrics, Redis and a browser
e2e:
    tests/e2e/run

# All tests with the newest versions that Cargo.toml allows, in a copy of the tree
newest:
    #!/usr/bin/env bash
    set -euo pipefail
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    tar -c --exclude=target --exclude=.git . | tar -x -C "$folder"
    cd "$folder"
    # Otherwise Cargo leaves out versions that need a newer Rust than the crate does.
    export CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS=allow
    cargo update
    CARGO_TARGET_DIR="{{ target }}" cargo test --workspace --all-features

# Everything that must pass before a change is merged
ci: check test package models bench-check newest e2e
