//! The process metrics (feature `process`, on Linux): names, types and values.

use std::fs::File;
use std::sync::{Arc, Barrier};
use std::time::{SystemTime, UNIX_EPOCH};

use actix_monitor::{Format, Monitor};

use crate::support::child::in_a_process_of_its_own;
use crate::support::oracle::page_of;
use crate::support::page::Page;
use crate::support::patience::eventually;
use crate::support::server::monitor;

#[track_caller]
fn value(monitor: &Monitor, name: &str) -> f64 {
    page_of(monitor).value(name, &[]).unwrap_or_else(|| panic!("{name} is not on the page"))
}

/// The process metrics in `format`, with their types.
fn families(format: Format) -> Vec<String> {
    let page = Page::parse(&monitor().monitor().encode(format));
    let own = page.types.iter().filter(|(name, _)| name.starts_with("process_"));
    own.map(|(name, kind)| format!("{name} {kind}")).collect()
}

#[test]
fn the_names_and_types_are_those_of_every_prometheus_client() {
    assert_eq!(
        families(Format::Text),
        [
            "process_cpu_seconds_total counter",
            "process_max_fds gauge",
            "process_open_fds gauge",
            "process_resident_memory_bytes gauge",
            "process_start_time_seconds gauge",
            "process_threads gauge",
            "process_virtual_memory_bytes gauge",
        ]
    );
    assert_eq!(
        families(Format::OpenMetrics),
        [
            "process_cpu_seconds counter",
            "process_max_fds gauge",
            "process_open_fds gauge",
            "process_resident_memory_bytes gauge",
            "process_start_time_seconds gauge",
            "process_threads gauge",
            "process_virtual_memory_bytes gauge",
        ]
    );
    let page = page_of(&monitor().monitor());
    let samples = page.samples.iter().filter(|sample| sample.name.starts_with("process_"));
    assert_eq!(samples.count(), 7, "{}", page.text);
}

#[test]
fn the_values_are_those_of_this_process() {
    let monitor = monitor().monitor();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let started = value(&monitor, "process_start_time_seconds");
    assert!(started <= now + 1.0 && started > now - 86_400.0, "{started} {now}");
    let resident = value(&monitor, "process_resident_memory_bytes");
    let virtual_memory = value(&monitor, "process_virtual_memory_bytes");
    assert!(resident > 1e6 && resident <= virtual_memory, "{resident} {virtual_memory}");
    let limits = std::fs::read_to_string("/proc/self/limits").expect("it is Linux");
    let most = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let most: f64 = most
        .and_then(|limits| limits.split_whitespace().next()?.parse().ok())
        .expect("a limit of open files");
    assert_eq!(value(&monitor, "process_max_fds"), most);
    assert!(value(&monitor, "process_open_fds") < most);
}

#[test]
fn cpu_time_only_grows() {
    let monitor = monitor().monitor();
    let mut last = value(&monitor, "process_cpu_seconds_total");
    // Encoding pages takes CPU time.
    for _ in 0..2 {
        last = eventually("the processor has worked a tick longer", || {
            let now = value(&monitor, "process_cpu_seconds_total");
            assert!(now >= last, "{now} after {last}");
            (now > last).then_some(now)
        });
    }
}

#[test]
fn cpu_time_and_start_are_those_of_the_kernel() {
    in_a_process_of_its_own(|| {
        let monitor = monitor().monitor();
        let ticks = std::process::Command::new("getconf").arg("CLK_TCK").output().expect("libc");
        let ticks = String::from_utf8_lossy(&ticks.stdout).trim().parse::<f64>().expect("a number");
        // From the third field on, which follows the name of the program.
        let stat = |field: usize| {
            let stat = std::fs::read_to_string("/proc/self/stat").expect("it is Linux");
            let (_, fields) = stat.rsplit_once(") ").expect("a name");
            fields.split(' ').nth(field - 3).and_then(|text| text.parse::<f64>().ok())
        };
        let [user, system] = [14, 15].map(|field| move || stat(field).expect("a number"));
        eventually("the program and the kernel have worked for it", || {
            assert!((0..1_000).all(|_| user() >= 0.0));
            (user() > 0.0 && system() > 0.0).then_some(())
        });
        let cpu = || (user() + system()) / ticks;
        let before = cpu();
        let shown = value(&monitor, "process_cpu_seconds_total");
        assert!((before..=cpu()).contains(&shown), "{shown} is not from {before} on");

        let boot = std::fs::read_to_string("/proc/stat").expect("it is Linux");
        let boot = boot.lines().find_map(|line| line.strip_prefix("btime "));
        let boot: f64 = boot.and_then(|seconds| seconds.parse().ok()).expect("a time");
        let started = boot + stat(22).expect("a number") / ticks;
        let shown = value(&monitor, "process_start_time_seconds");
        // The kernel computes the time of the boot anew each time.
        assert!((shown - started).abs() < 2.0, "{shown} is not {started}");
    });
}

#[test]
fn open_files_and_threads_are_counted() {
    in_a_process_of_its_own(|| {
        const FILES: usize = 50;
        const THREADS: usize = 10;
        let monitor = monitor().monitor();
        let [files, threads] = ["process_open_fds", "process_threads"];
        let (fds, count) = (value(&monitor, files), value(&monitor, threads));
        let opened: Vec<_> =
            (0..FILES).map(|_| File::open("/proc/self/exe").expect("our own file")).collect();
        assert_eq!(value(&monitor, files), fds + FILES as f64);
        drop(opened);
        assert_eq!(value(&monitor, files), fds);

        let gate = Arc::new(Barrier::new(THREADS + 1));
        let waiting: Vec<_> = (0..THREADS)
            .map(|_| {
                let gate = Arc::clone(&gate);
                std::thread::spawn(move || gate.wait())
            })
            .collect();
        assert_eq!(value(&monitor, threads), count + THREADS as f64);
        gate.wait();
        waiting.into_iter().for_each(|thread| assert!(thread.join().is_ok()));
        // A thread may be listed for a while after it was joined.
        eventually("they are gone", || (value(&monitor, threads) == count).then_some(()));
    });
}
