# `just RECIPE` runs a recipe, `just` lists them. `.ci/run` runs `just ci`.

# Incremental data fills the disk, and a single build does not need it.
export CARGO_INCREMENTAL := "0"

# The oldest Rust that the crate supports.
msrv := "1.89.0"

target := env("CARGO_TARGET_DIR", justfile_directory() / "target")

# Packages outside of the workspace build there as well, and share what is equal.
export CARGO_TARGET_DIR := target
export CARGO_PROFILE_DEV_DEBUG := "0"

[private]
default:
    @{{ just_executable() }} --list --unsorted

# Format, spelling, lints with each feature and with all, documentation
check:
    cargo fmt --all --check
    "$(.ci/tool typos)"
    cargo clippy --no-default-features --all-targets -- --deny warnings
    for feature in awc dashboard gzip native-histograms process prometheus reqwest tsc; do \
        cargo clippy --no-default-features --features $feature -- --deny warnings || exit; \
    done
    # The other model of the prometheus crate, which its default features turn on.
    cargo clippy --no-default-features --features prometheus,prometheus/protobuf -- --deny warnings
    cargo clippy --workspace --all-features --all-targets -- --deny warnings
    RUSTDOCFLAGS="--deny warnings" cargo doc --all-features --no-deps

# All tests, with all features
test:
    cargo test --workspace --all-features

# The tests of the published crate, without its features
package:
    #!/usr/bin/env bash
    set -euo pipefail
    folder="{{ target }}/package"
    rm -rf "$folder"
    cargo package --locked --allow-dirty --no-verify
    tar -xzf "$folder"/*.crate -C "$folder"
    cd "$folder"/actix-monitor-*/
    # Otherwise Cargo takes it for a member of the workspace around it.
    echo '[workspace]' >>Cargo.toml
    CARGO_TARGET_DIR="{{ target }}" cargo test --locked

# The loom models of the lock-free parts
models:
    cargo fmt --manifest-path tests/models/Cargo.toml --check
    RUSTFLAGS="--cfg loom" LOOM_MAX_BRANCHES=20000 CARGO_TARGET_DIR="{{ target }}/loom" \
        cargo test --release --manifest-path tests/models/Cargo.toml

# The tests of the store under Miri, with weak memory, in the orders of some seeds
miri seeds="8":
    cargo +nightly miri --version || \
        rustup toolchain install nightly --profile minimal --component miri --component rust-src
    MIRIFLAGS="-Zmiri-many-seeds=0..{{ seeds }} -Zmiri-ignore-leaks -Zmiri-deterministic-floats" \
        CARGO_TARGET_DIR="{{ target }}/miri" cargo +nightly miri test --lib store::

# Changes of the lock and of each memory ordering, and what notices them
mutations *names:
    CARGO_TARGET_DIR="{{ target }}" tests/models/mutations.py {{ names }}

# The tests of concurrent requests, timers and scrapes with ThreadSanitizer
tsan *tests="concurrency:: timers:: scrapes:: native::":
    # Without backtraces: a scenario that panics on purpose would exceed its time limit.
    RUST_BACKTRACE=0 RUSTFLAGS="-Zsanitizer=thread" CARGO_TARGET_DIR="{{ target }}/tsan" \
        cargo +nightly test --all-features -Zbuild-std --target x86_64-unknown-linux-gnu --test it -- {{ tests }}

# Counts, routes and texts with random apps and requests; more cases with PROPTEST_CASES=10000
properties *arguments:
    #!/usr/bin/env bash
    set -euo pipefail
    command -v promtool >/dev/null ||
        { echo "promtool is missing; install Debian's package prometheus, as just e2e does" >&2; exit 1; }
    venv="{{ target }}/properties-venv"
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        -r tests/properties/requirements.txt
    cargo fmt --manifest-path tests/properties/Cargo.toml --check
    cargo clippy --manifest-path tests/properties/Cargo.toml --locked --tests -- --deny warnings
    PROPERTIES_PYTHON="$venv/bin/python" \
        cargo test --manifest-path tests/properties/Cargo.toml --locked {{ arguments }}

# Counts, patterns and sizes inside and outside of the middlewares and services of other crates
composition *arguments:
    cargo fmt --manifest-path tests/composition/Cargo.toml --check
    cargo clippy --locked --manifest-path tests/composition/Cargo.toml --tests -- --deny warnings
    cargo test --locked --manifest-path tests/composition/Cargo.toml --lib {{ arguments }}

# Runs each fuzz target, or the one named, for some seconds: `just fuzz 3600 socket`
fuzz seconds="60" targets="accept escaping exclusions registries socket":
    #!/usr/bin/env bash
    set -euo pipefail
    cargo fmt --manifest-path fuzz/Cargo.toml --check
    # What cargo-fuzz sets. The sanitizers, which need nightly, are left out: the code is safe.
    sancov="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing"
    host=$(rustc --print host-tuple)
    RUSTFLAGS=$sancov cargo build --locked --release --target "$host" --manifest-path fuzz/Cargo.toml
    fuzz() {
        # What is found stays in this folder; the corpus in the repository is only read.
        found="{{ target }}/fuzz/$1"
        mkdir -p "$found/corpus"
        "{{ target }}/$host/release/$1" -max_total_time={{ seconds }} -max_len=2048 -timeout=60 \
            -print_final_stats=1 -artifact_prefix="$found/" "$found/corpus" "fuzz/corpus/$1" \
            >"$found/log" 2>&1 || { tail -n 60 "$found/log"; return 1; }
        echo "$1: $(grep -a DONE "$found/log")"
    }
    export -f fuzz
    export host
    # Two at a time.
    printf '%s\n' {{ targets }} | xargs -P 2 -I NAME bash -c 'fuzz NAME'

# Mixed traffic with faults on HTTP/1 and HTTP/2 for some seconds: `just soak 7200` is two hours
soak seconds="60":
    cargo fmt --manifest-path tests/soak/Cargo.toml --check
    cargo clippy --locked --manifest-path tests/soak/Cargo.toml -- --deny warnings
    cargo run --locked --release --manifest-path tests/soak/Cargo.toml -- {{ seconds }}

# Mutations of src that a test must catch: all in days, or `just mutants --shard 1/50`, `just mutants -F NAME`
mutants *arguments:
    #!/usr/bin/env bash
    set -euo pipefail
    PATH="{{ target }}/tools/bin:$PATH"
    command -v cargo-mutants >/dev/null || cargo install --locked --root "{{ target }}/tools" cargo-mutants
    cargo mutants {{ arguments }}

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
newest: (copy "newest")
    #!/usr/bin/env bash
    set -euo pipefail
    cd "{{ target }}/newest"
    # Otherwise Cargo leaves out versions that need a newer Rust than the crate does.
    export CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS=allow
    cargo update
    CARGO_TARGET_DIR="{{ target }}" cargo test --workspace --all-features

# The crate with the oldest Rust that it supports
msrv: (toolchain msrv)
    cargo +{{ msrv }} check --locked --lib --no-default-features --target-dir "{{ target }}/msrv"
    cargo +{{ msrv }} check --locked --lib --all-features --target-dir "{{ target }}/msrv"
    rm -r "{{ target }}/msrv"

# Lints with each pair of features
features:
    "$(.ci/tool cargo-hack)" hack clippy --locked --lib --feature-powerset --depth 2 -- --deny warnings

# The crate on Arm, Windows and macOS
targets:
    for target in aarch64-unknown-linux-gnu x86_64-pc-windows-gnu x86_64-apple-darwin; do \
        rustup target add $target && \
        cargo check --locked --lib --all-features --target $target && \
        rm -r "{{ target }}/$target" || exit; \
    done

# The crate and its tests with the oldest versions that Cargo.toml allows, in a copy of the tree
minimal command="test": (copy "minimal")
    #!/usr/bin/env bash
    set -euo pipefail
    cd "{{ target }}/minimal"
    # The example has requirements of its own.
    sed -i 's/^members = .*/members = []/' Cargo.toml
    rm Cargo.lock
    cargo +nightly update -Z direct-minimal-versions
    CARGO_TARGET_DIR=target cargo {{ command }} --locked --all-features --lib --test it
    rm -r target

# Licences, sources and duplicates of the crates that the crate depends on
deny:
    "$(.ci/tool cargo-deny)" --locked check bans licenses sources

# Known vulnerabilities of these crates; fetches the RustSec database from its repository
advisories:
    "$(.ci/tool cargo-deny)" --locked check advisories

# The list of public items: fails if `docs/api.txt` is not up to date, `just api update` writes it
api action="check": (toolchain msrv)
    #!/usr/bin/env bash
    set -euo pipefail
    cargo fmt --manifest-path tests/api/Cargo.toml --check
    # The JSON of rustdoc is unstable, so one compiler writes it wherever the recipe runs.
    RUSTC_BOOTSTRAP=1 cargo +{{ msrv }} rustdoc --locked --lib --all-features \
        --target-dir "{{ target }}/api" -- -Z unstable-options --output-format json
    items="{{ target }}/api.txt"
    cargo run --quiet --locked --manifest-path tests/api/Cargo.toml --target-dir "{{ target }}/api" -- \
        "{{ target }}/api/doc/actix_monitor.json" >"$items"
    rm -r "{{ target }}/api"
    [ "{{ action }}" = check ] || cp "$items" docs/api.txt
    diff -u docs/api.txt "$items" ||
        { echo "the public API has changed; run \`just api update\` and review the difference" >&2; exit 1; }

# Breaking changes of the public API since a revision, such as `just semver v0.1.0`
semver revision="HEAD^":
    "$(.ci/tool cargo-semver-checks)" semver-checks --all-features --baseline-rev {{ revision }}

# What the tests of the crate execute, line by line, in target/coverage/html
coverage:
    #!/usr/bin/env bash
    set -euo pipefail
    rustup component add llvm-tools
    program=$(.ci/tool cargo-llvm-cov)
    export CARGO_TARGET_DIR="{{ target }}/coverage"
    "$program" llvm-cov --no-report --locked --all-features --lib --test it
    "$program" llvm-cov report --summary-only
    "$program" llvm-cov report --html --output-dir "{{ target }}/coverage"

# Copies the tree to a folder whose path is always the same, so that builds of it do not add up.
[private]
copy folder:
    rm -rf "{{ target }}/{{ folder }}"
    mkdir -p "{{ target }}/{{ folder }}"
    tar -c --exclude=target --exclude=.git . | tar -x -C "{{ target }}/{{ folder }}"

[private]
toolchain version:
    rustup run {{ version }} rustc --version || rustup toolchain install {{ version }} --profile minimal || \
        { echo "Rust {{ version }} is missing and cannot be installed; install it with rustup" >&2; exit 1; }

# Everything that must pass before a change is merged
ci: check deny api msrv test package models miri bench-check newest e2e properties composition fuzz soak
