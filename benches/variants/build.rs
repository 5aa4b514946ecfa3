//! Copies the crate's sources once per variant, each into a module, and changes the
//! copies. A copy never falls behind the crate: a change that no longer applies fails the
//! build.

mod changes;

use std::path::{Path, PathBuf};
use std::{env, fs};

use changes::{Change, Find, VARIANTS, Variant};

const SOURCE: &str = "../../src";
const WRITABLE: &str = "Cargo's folder is writable";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=changes.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by Cargo"));
    let mut modules = String::new();
    for Variant(name, changes) in &VARIANTS {
        let folder = out.join(name);
        // A file that the crate no longer has would remain.
        if folder.exists() {
            fs::remove_dir_all(&folder).expect(WRITABLE);
        }
        copy(Path::new(SOURCE), &folder, name);
        for change in *changes {
            apply(change, &folder, name);
        }
        let root = folder.join("lib.rs");
        modules += &format!("#[allow(warnings)]\n#[path = {root:?}]\npub mod {name};\n");
    }
    fs::write(out.join("variants.rs"), modules).expect(WRITABLE);
}

/// Copies a folder of sources into the module of this name.
fn copy(from: &Path, to: &Path, name: &str) {
    fs::create_dir_all(to).expect(WRITABLE);
    for entry in fs::read_dir(from).expect("the crate's sources") {
        let from = entry.expect("the crate's sources").path();
        let to = to.join(from.file_name().expect("a file has a name"));
        if from.is_dir() {
            copy(&from, &to, name);
            continue;
        }
        let source = fs::read_to_string(&from).expect("sources are text");
        // Attributes of a crate are not allowed on a module.
        let lines = source.lines().filter(|line| !line.starts_with("#!["));
        let source: String = lines.flat_map(|line| [line, "\n"]).collect();
        let source = source.replace("crate::", &format!("crate::{name}::"));
        fs::write(to, source).expect(WRITABLE);
    }
}

fn apply(change: &Change, folder: &Path, name: &str) {
    let Change { file, find, replace } = change;
    let path = folder.join(file);
    let source = fs::read_to_string(&path);
    let source = source.unwrap_or_else(|error| panic!("{name}: {file}: {error}"));
    let found = match find {
        Find::Text(text) => Some(*text).filter(|text| source.contains(text)),
        Find::Body(declaration) => body(&source, declaration),
    };
    let Some(found) = found else {
        let (Find::Text(missing) | Find::Body(missing)) = find;
        panic!("{name}: src/{file} no longer contains `{missing}`; update variants/changes.rs");
    };
    fs::write(path, source.replace(found, replace)).expect(WRITABLE);
}

/// What is between the braces of a function.
fn body<'a>(source: &'a str, declaration: &str) -> Option<&'a str> {
    let function = &source[source.find(declaration)?..];
    let start = function.find(" {\n")? + 2;
    let mut depth = 1;
    let end = function[start..].find(|character| {
        depth += i32::from(character == '{') - i32::from(character == '}');
        depth == 0
    })?;
    Some(&function[start..start + end])
}
