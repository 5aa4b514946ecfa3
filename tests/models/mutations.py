#!/usr/bin/env python3
"""Changes one line of the store at a time, in a copy of the tree, and shows what notices.

    tests/models/mutations.py [NAME]...

Prints a table. Fails if a change is not noticed, or if a memory ordering of `src` that can be
weakened has no change here.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# For a build and a test.
SECONDS = "900"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "mutations"
CELL, SHARD, SNAPSHOT, FAMILY, OWN = (
    f"src/store/{name}.rs" for name in ("cell", "shard", "snapshot", "family", "own_labels")
)
WHOLE = "claims::the_cell_shows_whole_observations"
LOST = "claims::the_cell_loses_nothing_when_its_worker_ends"
NATIVE = "claims::native_buckets_are_read_with_the_observation_that_they_count"
NEXT = "claims::a_cell_is_whole_again_after_the_record_that_follows_an_unfinished_one"
SERIES = "shards::a_cell_that_a_reader_finds_is_of_its_series"
ODD = "version.store(odd, Ordering::Relaxed);"
EVEN = "version.store(odd + 1, Ordering::Release);"
BEFORE = "let before = self.word(0).load(Ordering::Acquire);"
AFTER = "self.word(0).load(Ordering::Relaxed) == before"
STORE_LEN = "self.len.store(index + 1, Ordering::Release);"
STORE_SERIES = "self.blocks.get(index / BLOCK)?.series[index % BLOCK].store(series, Ordering::Relaxed);"

# The tool is loom, or Miri if the line is in a structure that loom cannot run.
CHANGES = [
    # (name, file, text, replacement, tool, test)
    ("version never odd", CELL, ODD, "", "loom", WHOLE),
    ("version made even after a lost record", CELL, "| 1;", "+ 1;", "loom", NEXT),
    ("no release fence", CELL, "fence(Ordering::Release);", "", "loom", WHOLE),
    ("release fence weakened to acquire", CELL, "fence(Ordering::Release);", "fence(Ordering::Acquire);", "loom", WHOLE),
    ("sum not counted", CELL, "add(sum, nanos);", "", "loom", LOST),
    ("bytes not counted", CELL, "add(sent, bytes);", "", "loom", LOST),
    ("bucket not counted", CELL, "add(count, 1);", "", "loom", LOST),
    ("native bucket not counted", CELL, "add(native, 1);", "let _ = native;", "loom", NATIVE),
    ("native bucket counted before the lock", CELL, ODD, "if let Some(native) = native { add(native, 1); } let native: Option<&AtomicU64> = None; " + ODD, "loom", NATIVE),
    ("version even before the words", CELL, "fence(Ordering::Release);", "fence(Ordering::Release); " + EVEN, "loom", WHOLE),
    ("words published relaxed", CELL, EVEN, EVEN.replace("Release", "Relaxed"), "loom", WHOLE),
    ("record never finished", CELL, EVEN, "", "loom", LOST),
    ("version read relaxed", CELL, BEFORE, BEFORE.replace("Acquire", "Relaxed"), "loom", WHOLE),
    ("odd version accepted", CELL, "if before % 2 == 1 {", "if false {", "loom", WHOLE),
    ("native buckets read after the lock", CELL, AFTER, "let is_same = " + AFTER + "; load_native(); is_same", "loom", NATIVE),
    ("no acquire fence", CELL, "fence(Ordering::Acquire);", "", "loom", WHOLE),
    ("acquire fence weakened to release", CELL, "fence(Ordering::Acquire);", "fence(Ordering::Release);", "loom", WHOLE),
    ("version not compared", CELL, AFTER, "true", "loom", WHOLE),
    ("cell published relaxed", SHARD, STORE_LEN, STORE_LEN.replace("Release", "Relaxed"), "loom", SERIES),
    ("cell published before its series", SHARD, STORE_SERIES, STORE_LEN + STORE_SERIES, "loom", SERIES),
    ("cell not published", SHARD, STORE_LEN, "", "loom", SERIES),
    ("length read relaxed", SHARD, "self.len.load(Ordering::Acquire)", "self.len.load(Ordering::Relaxed)", "loom", SERIES),
    ("full family not looked at again", FAMILY, "        // Another thread may have filled the family while this one waited.\n        if let Some(full) = self.full.get() {", "        if let (true, Some(full)) = (false, self.full.get()) {", "miri", "threads_that_race_for_the_last_series_agree_and_lose_nothing"),
    ("values of other threads not looked at again", OWN, "        let found = self.find_new(table, value);\n        if", "        let found = None;\n        if", "miri", "a_value_of_a_label_has_one_number_in_all_threads"),
]


def uncovered():
    """The orderings of `src` stronger than relaxed that no change weakens or removes."""
    lines = {(file, line.strip()) for _, file, text, *_ in CHANGES for line in text.splitlines()}
    for path in sorted((ROOT / "src").rglob("*.rs")):
        file = str(path.relative_to(ROOT))
        for number, line in enumerate(path.read_text().splitlines(), 1):
            is_strong = re.search(r"Ordering::(Acquire|Release|AcqRel|SeqCst)", line)
            if is_strong and not any(file == other and text in line for other, text in lines):
                yield f"{file}:{number}: {line.strip()}"


def run(tool, test, tree):
    """Runs a test. Returns the exit code, 124 if it did not end in time, and the output."""
    environment = dict(os.environ, CARGO_TARGET_DIR=str(TARGET / tool), CARGO_INCREMENTAL="0")
    if tool == "loom":
        environment |= {"RUSTFLAGS": "--cfg loom", "LOOM_MAX_BRANCHES": "20000"}
        command = ["cargo", "test", "--release", "--manifest-path", "tests/models/Cargo.toml"]
        command += ["--", "--exact", test]
    else:
        environment["MIRIFLAGS"] = "-Zmiri-many-seeds=0..32 -Zmiri-ignore-leaks -Zmiri-deterministic-floats"
        command = ["cargo", "+nightly", "miri", "test", "--lib", test]
    command = ["timeout", SECONDS, *command]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def notice(change, tree):
    """How the test of a change fails; empty if it passes."""
    name, file, text, replacement, tool, test = change
    source = (ROOT / file).read_text()
    if source.count(text) != 1:
        sys.exit(f"{name}: {file} does not contain this text exactly once: {text}")
    # Written anew, so that Cargo sees the change.
    (tree / file).write_text(source.replace(text, replacement))
    code, output = run(tool, test, tree)
    (tree / file).write_text(source)
    # Cargo would otherwise have run what it built of the unchanged source. Miri reads the source.
    if tool == "loom" and not re.search(r"Compiling actix-monitor", output):
        sys.exit(f"{name}: the change was not compiled:\n{output}")
    if code == 0:
        return ""
    # An endless loop. All tests pass in a tenth of that time.
    if code == 124:
        return ", which does not end"
    if not re.search(r"panicked at|test result: FAILED|error: Undefined", output):
        sys.exit(f"{name}: the change does not compile:\n{output}")
    return ", which fails"


def main():
    missing = list(uncovered())
    if missing:
        sys.exit("no change weakens these orderings:\n" + "\n".join(missing))
    tree = TARGET / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    ignored = shutil.ignore_patterns("target", ".git", "node_modules")
    TARGET.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT, tree, ignore=ignored)
    chosen = [change for change in CHANGES if not sys.argv[1:] or change[0] in sys.argv[1:]]
    print("| file | change | noticed by |\n|---|---|---|", flush=True)
    survivors = []
    for change in chosen:
        name, file, _, _, tool, test = change
        how = notice(change, tree)
        by = f"{tool}: `{test.split('::')[-1]}`{how}" if how else "**nothing**"
        print(f"| `{Path(file).name}` | {name} | {by} |", flush=True)
        survivors += [] if how else [name]
    if survivors:
        sys.exit("not noticed: " + ", ".join(survivors))


main()
