//! Processes of their own, for tests of what exists once in a process: the shared monitor,
//! the logger, the panic hook, signals.

use std::any::type_name;
use std::process::Command;
use std::time::Duration;
use std::{env, process, thread};

/// The variable with the name of the test that a child process runs.
const SCENARIO: &str = "ACTIX_MONITOR_SCENARIO";

/// How long a child may take, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs `scenario`, a closure of a test, in a new process: the test binary again, which
/// runs this test alone.
///
/// # Panics
///
/// If the scenario panics, hangs, or ends its process.
#[track_caller]
pub(crate) fn in_a_process_of_its_own<S: FnOnce()>(scenario: S) {
    let name = name_of_test::<S>();
    if env::var(SCENARIO).as_deref() == Ok(&name) {
        end_when_it_hangs();
        return scenario();
    }
    let output = Command::new(env::current_exe().expect("the test binary"))
        .args([&name, "--exact", "--nocapture", "--test-threads=1"])
        .env(SCENARIO, &name)
        .env_remove("RUST_TEST_THREADS")
        .output()
        .expect("the test binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    // A name that matches no test succeeds as well.
    let is_passed = output.status.success() && said.contains("test result: ok. 1 passed");
    assert!(is_passed, "the process of {name} ended with {}:\n{said}\n{complained}", output.status);
}

/// The name of the test, which is part of the type name of its closure.
fn name_of_test<S>() -> String {
    let path = type_name::<S>().trim_end_matches("::{{closure}}");
    path.split_once("::").expect("a path within the test crate").1.to_owned()
}

fn end_when_it_hangs() {
    thread::spawn(|| {
        thread::sleep(LIMIT);
        eprintln!("the scenario hangs");
        process::abort();
    });
}

/// Sends SIGTERM to this process, as a service manager does.
pub(crate) fn terminate_this_process() {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -TERM {}", process::id())])
        .status()
        .expect("a shell");
    assert!(status.success(), "the signal is sent");
}
