//! Parsers of pages that are not of this project: those of the Python client, and promtool.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

/// The process that runs the parsers of the Python client. It ends with its standard input.
#[derive(Debug)]
pub(crate) struct Python {
    _process: Child,
    requests: ChildStdin,
    responses: BufReader<ChildStdout>,
}

#[derive(Serialize)]
struct Request<'a> {
    format: &'a str,
    page: &'a str,
}

#[derive(Debug, Deserialize)]
struct Response {
    families: Option<Vec<Family>>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Python {
    /// Starts the process with the interpreter of `PROPERTIES_PYTHON`.
    pub(crate) fn start() -> Self {
        let python = std::env::var("PROPERTIES_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut process = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/parsers.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python is installed");
        let requests = process.stdin.take().expect("a pipe");
        let responses = BufReader::new(process.stdout.take().expect("a pipe"));
        Self { _process: process, requests, responses }
    }

    /// The families of a page.
    ///
    /// # Panics
    ///
    /// If the parser refuses the page.
    pub(crate) fn read(&mut self, format: &str, page: &str) -> Vec<Family> {
        let request = serde_json::to_string(&Request { format, page }).expect("text");
        writeln!(self.requests, "{request}").expect("the process reads");
        let mut line = String::new();
        self.responses.read_line(&mut line).expect("the process responds");
        let response: Response =
            serde_json::from_str(&line).expect("a response; is the client installed?");
        response.families.unwrap_or_else(|| panic!("{format}: {:?}\n{page}", response.error))
    }
}

/// Checks a text page with promtool, which also has opinions on names that the protocol does
/// not share: only what it cannot parse is an error.
pub(crate) fn promtool(page: &str) {
    let mut process = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let mut input = process.stdin.take().expect("a pipe");
    // It stops reading at what it cannot parse.
    let _ = input.write_all(page.as_bytes());
    drop(input);
    let output = process.wait_with_output().expect("promtool ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    let is_read = matches!(output.status.code(), Some(0 | 3)) && !errors.contains("parsing");
    assert!(is_read, "{}: {errors}\n{page}", output.status);
}
