//! What the figures were measured on, and how busy it was with other things.

use std::fs::read_to_string;
use std::num::NonZero;
use std::process::Command;
use std::thread::available_parallelism;

pub fn describe() -> String {
    let cores = available_parallelism().map_or(1, NonZero::get);
    let linux = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let (model, linux, rustc) = (model(), linux.trim(), rustc());
    format!("{model}, {cores} cores, Linux {linux}, {rustc}, load {load} at the start")
}

fn model() -> String {
    let cpus = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    model.unwrap_or(std::env::consts::ARCH).to_owned()
}

/// Asked at run time: cargo, which runs this, finds the same one.
fn rustc() -> String {
    let said = Command::new("rustc").arg("--version").output();
    let said = said.map_or_else(|_| Vec::new(), |said| said.stdout);
    String::from_utf8_lossy(&said).trim().to_owned()
}
