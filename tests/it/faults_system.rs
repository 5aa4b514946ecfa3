//! Faults of the system: no descriptors left, thousands of connections.

use std::fs::{File, read_dir};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio, exit};

use actix_monitor::BigBrother;
use actix_web::web;
use fork::{Fork, waitpid};

use crate::support::child::in_a_process_of_its_own;
use crate::support::client::Client;
use crate::support::memory::{MIB, resident};
use crate::support::page::Page;
use crate::support::patience::eventually;
use crate::support::server::Server;

fn ok(app: &mut web::ServiceConfig) {
    app.route("/ok", web::get().to(async || "ok"));
}

/// Sets how many descriptors this process may have.
fn limit_descriptors(limit: &str) {
    let status = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), &format!("--nofile={limit}")])
        .status()
        .expect("util-linux");
    assert!(status.success(), "the limit is set");
}

fn descriptors() -> usize {
    read_dir("/proc/self/fd").expect("Linux").count()
}

#[test]
fn without_descriptors_requests_and_scrapes_of_open_connections_are_complete() {
    in_a_process_of_its_own(|| {
        let server = Server::watched(BigBrother::builder().isolated().build(), ok);
        let mut client = server.connect();
        assert_eq!(client.get("/ok").text(), "ok");
        limit_descriptors("100:");
        let mut files = Vec::new();
        let exhausted = loop {
            match File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) => break error,
            }
        };
        assert_eq!(exhausted.raw_os_error(), Some(24), "{exhausted}");
        for sent in 2..=5 {
            assert_eq!(client.get("/ok").text(), "ok");
            let response = client.get("/metrics");
            assert_eq!((response.status, response.is_complete), (200, true));
            let expected = format!("200 false GET /ok: {sent} of {} bytes", 2 * sent);
            assert_eq!(Page::parse(&response.text()).recorded(), [expected]);
        }
        // One descriptor for a client, and none with which the server could accept it.
        files.pop();
        let mut waiting = server.connect();
        waiting.send_request("GET", "/ok", &[]);
        assert_eq!(client.get("/ok").text(), "ok");
        drop(files);
        assert_eq!(waiting.read_response().text(), "ok");
        assert_eq!(server.metrics().recorded(), ["200 false GET /ok: 7 of 14 bytes"]);
    });
}

const CONNECTIONS: usize = 10_000;

/// The variable with the address to which a process of its own connects: the system allows a
/// process fewer descriptors than both ends of all connections need.
const SERVER: &str = "ACTIX_MONITOR_IDLE_CLIENTS_OF";

/// Makes a request on each connection, and keeps all of them until the input is closed.
fn keep_connections(address: &str) {
    let address = address.parse().expect("an address");
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| Client::connect(address)).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/ok").text(), "ok"));
    std::io::stdout().write_all(b"\nidle\n").expect("the test reads");
    let end = std::io::stdin().read(&mut [0]).expect("the test closes it");
    assert_eq!(end, 0);
    clients.into_iter().for_each(|client| client.reset());
}

#[test]
fn ten_thousand_idle_connections_cost_nothing() {
    if let Ok(address) = std::env::var(SERVER) {
        return keep_connections(&address);
    }
    in_a_process_of_its_own(|| {
        limit_descriptors("12000:");
        let watched = BigBrother::builder().isolated().requests_in_flight().build();
        let server = Server::watched(watched, ok);
        assert_eq!(server.connect().get("/ok").text(), "ok");
        let before = (descriptors(), resident());
        let mut clients = Command::new(std::env::current_exe().expect("the test binary"))
            .args(["faults_system::ten_thousand_idle_connections_cost_nothing", "--exact"])
            .arg("--nocapture")
            .env(SERVER, server.address().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test binary runs");
        let lines = BufReader::new(clients.stdout.take().expect("a pipe")).lines();
        let mut lines = lines.map(|line| line.expect("text"));
        assert!(lines.any(|line| line == "idle"), "all are connected");
        assert!(descriptors() >= CONNECTIONS);
        let page = server.metrics();
        assert_eq!(page.recorded(), ["200 false GET /ok: 10001 of 20002 bytes"]);
        assert_eq!(page.total("requests_in_flight"), 0.0);
        // What actix keeps for a connection.
        let each = resident().saturating_sub(before.1) / CONNECTIONS;
        assert!(each < MIB / 32, "{each} bytes");
        drop(clients.stdin.take());
        assert!(clients.wait().is_ok_and(|status| status.success()), "all have responses");
        drop(lines);
        eventually("all are closed", || (descriptors() <= before.0).then_some(()));
        assert_eq!(server.connect().get("/ok").text(), "ok");
        assert_eq!(server.metrics().recorded(), ["200 false GET /ok: 10002 of 20004 bytes"]);
    });
}

/// Runs a scenario in a process that is forked from this one, with this thread alone.
#[track_caller]
fn in_a_fork(scenario: impl FnOnce()) {
    match fork::fork().expect("there is room for a process") {
        Fork::Child => {
            let result = catch_unwind(AssertUnwindSafe(scenario));
            exit(i32::from(result.is_err()));
        }
        Fork::Parent(child) => {
            let status = waitpid(child).expect("the process exists");
            assert_eq!(status, 0, "the fork panicked");
        }
    }
}

/// A service that becomes a daemon between the build and the start of its server.
#[test]
fn a_monitor_records_and_is_scraped_in_a_fork_of_the_process_that_built_it() {
    in_a_process_of_its_own(|| {
        let before = Server::watched(BigBrother::builder().build(), ok);
        assert_eq!(before.connect().get("/ok").text(), "ok");
        assert_eq!(before.connect().get("/metrics").status, 200);
        let recorded =
            |requests: usize| format!("200 false GET /ok: {requests} of {} bytes", 2 * requests);
        for _ in 0..2 {
            in_a_fork(|| {
                let server = Server::watched(BigBrother::builder().build(), ok);
                assert_eq!(server.connect().get("/ok").text(), "ok");
                for _ in 0..2 {
                    let page = server.connect().get("/metrics").text();
                    assert_eq!(Page::parse(&page).recorded(), [recorded(2)]);
                }
            });
        }
        let page = before.connect().get("/metrics").text();
        assert_eq!(Page::parse(&page).recorded(), [recorded(1)]);
    });
}
