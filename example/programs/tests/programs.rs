//! Starts each program, sends it requests and checks its page.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A running program, ended when it is dropped.
struct Program {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Program {
    fn start(path: &str) -> Self {
        let mut command = Command::new(path);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let lines = BufReader::new(process.stdout.take().expect("a pipe"));
        Self { process, lines }
    }

    /// The address of the next URL that the program prints.
    fn address(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("text");
        let address = line.strip_prefix("http://").and_then(|url| url.split('/').next());
        address.unwrap_or_else(|| panic!("not a URL: {line:?}")).to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The body of the response, which must be a success.
#[track_caller]
fn send(address: &str, request: &str) -> String {
    let (status, body) = exchange(address, request);
    assert!((200..300).contains(&status), "{request}: {status}");
    body
}

/// The status and the body of the response.
fn exchange(address: &str, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the program listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a TCP socket");
    let accept = "accept: application/openmetrics-text, */*;q=0.5";
    let head =
        format!("{request} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{accept}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("the program reads");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a response");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}

#[track_caller]
fn has(page: &str, line: &str) {
    assert!(page.lines().any(|other| other == line), "not on the page: {line}\n{page}");
}

/// The line with the number of requests of a series.
fn requests(status: u16, method: &str, addr: &str, count: u64) -> String {
    format!(
        r#"request_seconds_count{{type="http",status="{status}",isError="false",method="{method}",addr="{addr}"}} {count}"#
    )
}

#[test]
fn the_shortest_server_counts_its_requests() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_shortest"));
    let address = program.address();
    assert_eq!(send(&address, "GET /users/7"), "a user");
    let page = send(&address, "GET /metrics");
    has(&page, &requests(200, "GET", "/users/{id}", 1));
    has(&page, r#"application_info{version="v0.1.2"} 1"#);
}

#[test]
fn the_page_is_on_the_private_port_only() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_private_port"));
    let (public, private) = (program.address(), program.address());
    assert_eq!(send(&public, "GET /"), "hello");
    let page = send(&private, "GET /metrics");
    has(&page, &requests(200, "GET", "/", 1));
    assert!(send(&private, "GET /ready").contains(r#""ready":true"#));
    assert_eq!(exchange(&public, "GET /metrics").0, 404);
}

#[test]
fn metrics_of_the_app_have_labels_of_their_own() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_own_metrics"));
    let address = program.address();
    for country in ["br", "br", "de", "nowhere"] {
        send(&address, &format!("POST /orders/{country}"));
    }
    let page = send(&address, "GET /metrics");
    has(&page, r#"orders_total{country="br",payment="Card"} 2"#);
    has(&page, r#"orders_total{country="other",payment="Invoice"} 1"#);
    has(&page, &requests(201, "POST", "/orders/{country}", 4));
    has(&page, r#"order_weight_kilograms_count{country="de",payment="Invoice"} 1"#);
}

#[test]
fn exemplars_have_the_trace_of_the_request() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_exemplars"));
    let address = program.address();
    let trace = send(&address, "GET /");
    assert_eq!(trace.len(), 32);
    let page = send(&address, "GET /metrics");
    let exemplar = format!(r#" # {{trace_id="{trace}"}} "#);
    let bucket = page.lines().find(|line| line.contains(&exemplar));
    assert!(bucket.is_some_and(|line| line.starts_with("request_seconds_bucket{")), "{page}");
}

#[test]
fn the_tested_app_records_messages() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_tested_app"));
    let address = program.address();
    assert_eq!(send(&address, "GET /notes/7"), "a note");
    assert_eq!(exchange(&address, "GET /notes/8").0, 404);
    let page = send(&address, "GET /metrics");
    assert!(
        page.contains(r#"errorMessage="no such note",method="GET",addr="/notes/{id}"} 1"#),
        "{page}"
    );
}

#[test]
fn metrics_of_the_prometheus_crate_are_on_the_page() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_prometheus_registry"));
    let address = program.address();
    ["br", "br", "xx"].iter().for_each(|country| {
        send(&address, &format!("POST /orders/{country}"));
    });
    let page = send(&address, "GET /metrics");
    has(&page, r#"orders_total{country="br"} 2"#);
    has(&page, r#"orders_total{country="other"} 1"#);
    has(&page, &requests(201, "POST", "/orders/{country}", 3));
}

#[test]
fn metrics_of_the_facade_are_on_the_page() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_metrics_facade"));
    let address = program.address();
    send(&address, "POST /orders");
    let page = send(&address, "GET /metrics");
    has(&page, r#"orders_total{country="br"} 1"#);
    has(&page, r#"order_seconds_bucket{le="+Inf"} 1"#);
    has(&page, &requests(201, "POST", "/orders", 1));
}
