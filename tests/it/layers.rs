//! The sources, held to the plan of the house: who may name whom, and what may
//! stand where.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::source::{Source, Token};

/// Rooms from the top down. A room names itself and rooms below it.
const ORDER: [&str; 18] = [
    "lib",
    "guides",
    "builder",
    "middleware",
    "readiness",
    "page",
    "client",
    "monitor",
    "dependency",
    "process",
    "outcome",
    "recorder",
    "exposition",
    "metrics",
    "labels",
    "clock",
    "error",
    "protocol",
];

/// The rooms and files in which another crate is at home.
const HOMES: [(&str, &[&str]); 5] = [
    ("actix_web", &["builder", "middleware", "readiness", "page", "client", "monitor", "outcome"]),
    ("actix_rt", &["dependency"]),
    ("quanta", &["clock"]),
    ("tokio", &["dependency", "monitor/scrape"]),
    (
        "prometheus_client",
        &["lib", "builder", "monitor", "process", "exposition", "metrics", "labels"],
    ),
];

const LONGEST_FILE: usize = 350;

/// Calls that end a thread, as methods or by their path.
const FATAL_CALLS: [&str; 4] = ["unwrap", "unwrap_err", "expect", "expect_err"];
const FATAL_MACROS: [&str; 4] = ["panic!", "unreachable!", "todo!", "unimplemented!"];

#[test]
fn imports_point_down() {
    assert_none(breaches(upward_imports));
}

#[test]
fn every_room_has_its_place_in_the_order() {
    let unknown = |path: &str, _: &Source| {
        if ORDER.contains(&room_of(path)) { Vec::new() } else { vec!["has no place".to_owned()] }
    };
    assert_none(breaches(unknown));
}

#[test]
fn foreign_crates_stay_at_home() {
    assert_none(breaches(strangers));
}

#[test]
fn index_files_hold_nothing_of_their_own() {
    assert_none(breaches(items_of_an_index));
}

#[test]
fn nothing_panics_but_build() {
    let mut found = breaches(panics);
    found.retain(|breach| breach != "builder/build.rs: panic! in build");
    assert_none(found);
    assert_eq!(breaches(panics).len(), 1, "the one of build");
}

#[test]
fn nothing_is_imported_by_a_star() {
    assert_none(breaches(|_, source| {
        let stars = source
            .all_tokens()
            .windows(2)
            .filter(|pair| matches!(pair, [Token::PathSeparator, Token::Other('*')]));
        stars.map(|_| "imports by a star".to_owned()).collect()
    }));
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    assert_none(breaches(|_, source| {
        let lines = source.lines();
        if lines > LONGEST_FILE { vec![format!("has {lines} lines")] } else { Vec::new() }
    }));
}

/// Each rule, shown a file that breaks it: a reader of sources that finds nothing
/// anywhere would let everything pass.
#[test]
fn each_rule_finds_a_planted_breach() {
    let planted = "use crate::{monitor::handle::Monitor, protocol};\nuse super::super::page;\n\
                   fn f() { actix_web::rt::spawn(async { x.unwrap() }); unreachable!() }";
    let source = Source::read(planted);
    assert_eq!(
        upward_imports("outcome/route.rs", &source),
        ["outcome names monitor", "outcome names page"]
    );
    assert_eq!(upward_imports("builder/setters.rs", &source), [""; 0]);
    assert_eq!(strangers("labels.rs", &source), ["names actix_web"]);
    assert_eq!(panics("labels.rs", &source), ["unwrap in f", "unreachable! in f"]);
    assert_eq!(items_of_an_index("metrics/mod.rs", &source), ["holds `fn`"]);
}

#[test]
fn comments_strings_and_tests_are_not_taken_for_code() {
    let source = Source::read(
        "//! crate::page\n/* crate::page /* panic!() */ */\n/// x.unwrap()\n\
         const A: &str = \"crate::page \\\" panic!()\"; const B: char = '\"';\n\
         const C: &str = r#\"crate::page \" \"#; fn f<'a>(x: &'a str) {}\n\
         #[cfg(test)]\nmod tests {\n fn g() { super::f(x.unwrap()); crate::page::x(); }\n}\n",
    );
    assert_eq!(upward_imports("protocol.rs", &source), [""; 0]);
    assert_eq!(panics("protocol.rs", &source), [""; 0]);
}

type Breaches = Vec<String>;

fn breaches(rule: impl Fn(&str, &Source) -> Breaches) -> Breaches {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = files_below(&root);
    assert!(files.len() > 20, "the sources are somewhere else: {files:?}");
    let mut found = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).expect("below it").to_str().expect("a plain name");
        let source = Source::read(&fs::read_to_string(&file).expect("a source"));
        found.extend(rule(path, &source).into_iter().map(|breach| format!("{path}: {breach}")));
    }
    found
}

#[track_caller]
fn assert_none(breaches: Breaches) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a folder").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The folder or the file at the top that `path` belongs to.
fn room_of(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap_or(path)
}

fn place_of(room: &str) -> usize {
    ORDER.iter().position(|known| *known == room).unwrap_or(ORDER.len())
}

/// How many modules stand above the file's own: its `super`s up to the root.
fn depth_of(path: &str) -> usize {
    let folders = path.matches('/').count();
    folders + usize::from(!path.ends_with("mod.rs") && path != "lib.rs")
}

fn upward_imports(path: &str, source: &Source) -> Breaches {
    let room = room_of(path);
    let named = source.named_from_the_root(depth_of(path));
    let upward = named.into_iter().filter(|named| {
        // Of the crate's root only rooms have a place; a macro or re-export of
        // `lib.rs` counts as the top.
        let place = ORDER.iter().position(|known| known == named).unwrap_or(0);
        place < place_of(room)
    });
    upward.map(|named| format!("{room} names {named}")).collect()
}

fn strangers(path: &str, source: &Source) -> Breaches {
    let stem = path.trim_end_matches(".rs");
    let strange = HOMES.iter().filter(|(name, homes)| {
        source.begins_a_path_with(name)
            && !homes.iter().any(|home| *home == room_of(path) || *home == stem)
    });
    strange.map(|(name, _)| format!("names {name}")).collect()
}

fn items_of_an_index(path: &str, source: &Source) -> Breaches {
    if !path.ends_with("mod.rs") && path != "lib.rs" {
        return Vec::new();
    }
    let items = source.items().into_iter().filter(|item| item != "mod" && item != "use");
    items.map(|item| format!("holds `{item}`")).collect()
}

fn panics(_: &str, source: &Source) -> Breaches {
    let calls = source.calls().into_iter();
    let fatal = [FATAL_CALLS, FATAL_MACROS].concat();
    let fatal = calls.filter(|(name, _)| fatal.contains(&name.as_str()));
    fatal.map(|(name, function)| format!("{name} in {function}")).collect()
}
