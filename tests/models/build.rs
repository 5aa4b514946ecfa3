//! Writes the mutants of the cell that the models must catch: each is the real source
//! with one line changed.

use std::path::PathBuf;
use std::{env, fs};

const SOURCE: &str = "../../src/store/cell.rs";

/// The name of a mutant, the line that is changed, and its replacement.
const MUTANTS: [(&str, &str, &str); 9] = [
    ("version_never_odd", "version.store(odd, Ordering::Relaxed);", ""),
    ("no_release_fence", "fence(Ordering::Release);", ""),
    (
        "words_published_relaxed",
        "version.store(odd + 1, Ordering::Release);",
        "version.store(odd + 1, Ordering::Relaxed);",
    ),
    (
        "words_written_after_the_version",
        "fence(Ordering::Release);",
        "fence(Ordering::Release); version.store(odd + 1, Ordering::Release);",
    ),
    (
        "version_read_relaxed",
        "let before = self.word(0).load(Ordering::Acquire);",
        "let before = self.word(0).load(Ordering::Relaxed);",
    ),
    ("odd_version_read", "if before % 2 == 1 {", "if false {"),
    ("no_acquire_fence", "fence(Ordering::Acquire);", ""),
    ("record_never_finished", "version.store(odd + 1, Ordering::Release);", ""),
    ("version_not_compared", "self.word(0).load(Ordering::Relaxed) == before", "true"),
];

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=build.rs");
    let source = fs::read_to_string(SOURCE).expect("the source of the cell");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by Cargo"));
    for (name, line, change) in MUTANTS {
        let found = source.matches(line).count();
        assert_eq!(
            found, 1,
            "{name}: the cell has changed, so the mutant must change as well: {line}"
        );
        let copy = source.replace(line, change);
        fs::write(out.join(name).with_extension("rs"), without_its_head(&copy))
            .expect("Cargo's directory can be written to");
    }
}

/// Inner comments stand at the head of a file only, and `include!` has none.
fn without_its_head(source: &str) -> String {
    let lines = source.lines().filter(|line| !line.starts_with("//!"));
    lines.flat_map(|line| [line, "\n"]).collect()
}
