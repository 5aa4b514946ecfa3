//! The structure of the crate: the order of its modules, and no circles of imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The modules from the top down. A file imports from its own module and those below.
const ORDER: &str = "lib guides builder client middleware endpoint timers monitor dependency \
                     workers exposition store request options labels error protocol clock panics process";

/// Files by their path below `src` without `.rs`, with their code.
type Sources = BTreeMap<String, String>;

/// Files, each with those that it imports from.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn imports_follow_the_order_of_the_modules() {
    assert_eq!(upward_imports(&graph(&sources())), [""; 0]);
}

#[test]
fn files_do_not_import_in_circles() {
    assert_eq!(circular(&graph(&sources())), [""; 0]);
}

#[test]
fn index_files_contain_declarations_only() {
    for (file, code) in sources() {
        let allowed: &[&str] = match file.rsplit('/').next() {
            Some("mod") => &["mod ", "pub(crate) mod "],
            Some("lib") => &["mod ", "pub use "],
            _ => continue,
        };
        for item in code.split(';').map(str::trim).filter(|item| !item.is_empty()) {
            assert!(allowed.iter().any(|start| item.starts_with(start)), "{file}: {item}");
        }
    }
}

#[test]
fn names_of_modules_say_what_they_contain() {
    for file in sources().keys() {
        let vague = ["utils", "util", "common", "helpers", "helper", "misc"];
        assert!(!file.split('/').any(|name| vague.contains(&name)), "{file}");
    }
}

#[test]
fn planted_circles_and_upward_imports_are_found() {
    let planted = |files: &[(&str, &str)]| {
        graph(&files.iter().map(|(file, text)| ((*file).to_owned(), code(text))).collect())
    };
    let names = ("page/custom/names", "use super::line::is_name;");
    let deep = planted(&[names, ("page/custom/line", "crate::page::custom::names::A")]);
    assert_eq!(circular(&deep), ["page/custom/line", "page/custom/names"]);
    let family =
        ("store/family", "use super::cell::{self, Cell};\n#[cfg(test)]\nmod tests { crate::x }");
    let clock = ("clock", "/// crate::store::cell\npub(crate) fn now() {}");
    let tree = planted(&[clock, family, ("store/cell", "use crate::clock; // super::family")]);
    assert_eq!((circular(&tree), upward_imports(&tree)), (vec![], vec![]));
    assert_eq!(tree["store/cell"], ["clock".to_owned()].into());
    let cell =
        ("store/cell", "use crate::timers::{timer, status::B};\nfn f(x: super::family::F) {}");
    let timers = [("timers/timer", ""), ("timers/status", "")];
    let bad = planted(&[cell, family, timers[0], timers[1]]);
    assert_eq!(circular(&bad), ["store/cell", "store/family"]);
    let upward = ["status", "timer"].map(|file| format!("store/cell imports from timers/{file}"));
    assert_eq!(upward_imports(&bad), upward);
    let circle = [("b/x", "super::y"), ("b/y", "crate::c"), ("c", "crate::b::x")];
    let beside = [("a", "crate::b::x"), ("d", "")];
    assert_eq!(circular(&planted(&[&circle[..], &beside].concat())), ["b/x", "b/y", "c"]);
}

fn sources() -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut paths, mut sources) = (vec![root.clone()], Sources::new());
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            paths.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(&root).expect("below it").with_extension("");
            let text = fs::read_to_string(&path).expect("a source");
            sources.insert(file.to_str().expect("UTF-8").to_owned(), code(&text));
        }
    }
    sources
}

/// The code without comments, attributes and unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

fn graph(sources: &Sources) -> Graph {
    sources.iter().map(|(file, code)| (file.clone(), imports(file, code, sources))).collect()
}

/// The files to which the paths in `code` lead. Each must lead to one.
fn imports(file: &str, code: &str, sources: &Sources) -> BTreeSet<String> {
    let folder = &file[..file.rfind('/').map_or(0, |slash| slash + 1)];
    let mut found = BTreeSet::new();
    for (root, folder) in [("crate::", ""), ("super::", folder)] {
        for mut path in code.split(root).skip(1) {
            let mut folder = folder.to_owned();
            while let Some((first, rest)) = path.split_once("::")
                && sources.keys().any(|file| file.starts_with(&format!("{folder}{first}/")))
            {
                (folder, path) = (format!("{folder}{first}/"), rest);
            }
            let group = path.strip_prefix('{').and_then(|path| path.split('}').next());
            let names = group.unwrap_or(path).trim_end().trim_end_matches(',').split(',');
            for name in names.take(group.map_or(1, str::len)) {
                let imported = format!("{folder}{}", word(name));
                assert!(sources.contains_key(&imported), "{file}: {imported} is not a file");
                found.insert(imported);
            }
        }
    }
    found.remove(file);
    found
}

fn word(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.trim_start().split(|c| !is_part(c)).next().unwrap_or_default()
}

fn upward_imports(graph: &Graph) -> Vec<String> {
    let place = |file: &str| {
        let module = file.split('/').next();
        let place = ORDER.split_whitespace().position(|known| Some(known) == module);
        place.unwrap_or_else(|| panic!("the module of {file} is not in the order"))
    };
    let imports = graph.iter().flat_map(|(file, all)| all.iter().map(move |other| (file, other)));
    let upward = imports.filter(|(file, other)| place(other) < place(file));
    upward.map(|(file, other)| format!("{file} imports from {other}")).collect()
}

/// The files from which imports lead back to themselves, by a depth-first search.
fn circular(graph: &Graph) -> Vec<&String> {
    let leads_back = |file: &&String| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![*file]);
        while let Some(file) = next.pop() {
            next.extend(graph[file].iter().filter(|other| reached.insert(*other)));
        }
        reached.contains(*file)
    };
    graph.keys().filter(leads_back).collect()
}
