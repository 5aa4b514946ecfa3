//! What the command line may say, and what is refused there.

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::available_parallelism;

pub(crate) const USAGE: &str = "\
Usage: notes [--traffic] [--port PORT] [--workers N] [--database PATH]

  --traffic         let the service call itself, so that its page lives
  --port PORT       notes on PORT, quotes on PORT+1 [8080]; 0 picks free ports
  --workers N       threads that answer, 1 to 512 [one for each core]
  --database PATH   SQLite file, created if missing [notes.db in the temp folder]
  --help            this text
";

/// What actix-web itself accepts; past it the server would panic.
const MOST_WORKERS: usize = 512;

pub(crate) enum Request {
    Help,
    Serve(Options),
}

pub(crate) struct Options {
    pub(crate) traffic: bool,
    pub(crate) workers: usize,
    pub(crate) database: PathBuf,
    port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            traffic: false,
            workers: available_parallelism().map_or(1, NonZero::get).min(MOST_WORKERS),
            database: std::env::temp_dir().join("notes.db"),
            port: 8080,
        }
    }
}

impl Options {
    pub(crate) fn notes_address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    pub(crate) fn quotes_address(&self) -> SocketAddr {
        // Two free ports rather than a free one and its neighbour.
        let port = if self.port == 0 { 0 } else { self.port + 1 };
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }
}

pub(crate) enum Refusal {
    Unknown(String),
    Missing(&'static str),
    Invalid { option: &'static str, value: String, wanted: &'static str },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(argument) => write!(f, "unknown argument `{argument}`"),
            Self::Missing(option) => write!(f, "{option} needs a value"),
            Self::Invalid { option, value, wanted } => {
                write!(f, "{option} must be {wanted}, not `{value}`")
            }
        }
    }
}

pub(crate) fn read(arguments: impl Iterator<Item = OsString>) -> Result<Request, Refusal> {
    let mut arguments = arguments.flat_map(split);
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Request::Help),
            Some("--traffic") => options.traffic = true,
            Some("--port") => options.port = port(arguments.next())?,
            Some("--workers") => options.workers = workers(arguments.next())?,
            Some("--database") => options.database = value("--database", arguments.next())?.into(),
            _ => return Err(Refusal::Unknown(argument.to_string_lossy().into_owned())),
        }
    }
    Ok(Request::Serve(options))
}

/// `--port=80` is read as `--port 80`.
fn split(argument: OsString) -> Vec<OsString> {
    match argument.to_str().and_then(|text| text.split_once('=')) {
        Some((option, value)) if option.starts_with("--") => vec![option.into(), value.into()],
        _ => vec![argument],
    }
}

/// An option in place of a value is a forgotten value, not a file of that name.
fn value(option: &'static str, given: Option<OsString>) -> Result<OsString, Refusal> {
    given
        .filter(|value| !value.is_empty() && !value.as_encoded_bytes().starts_with(b"--"))
        .ok_or(Refusal::Missing(option))
}

/// 65535 is refused because the quotes need a port above.
fn port(given: Option<OsString>) -> Result<u16, Refusal> {
    number("--port", given, "0 to 65534", |port| *port < u16::MAX)
}

fn workers(given: Option<OsString>) -> Result<usize, Refusal> {
    number("--workers", given, "1 to 512", |workers| (1..=MOST_WORKERS).contains(workers))
}

fn number<N: FromStr>(
    option: &'static str,
    given: Option<OsString>,
    wanted: &'static str,
    fits: impl Fn(&N) -> bool,
) -> Result<N, Refusal> {
    let value = value(option, given)?.to_string_lossy().into_owned();
    match value.parse() {
        Ok(number) if fits(&number) => Ok(number),
        _ => Err(Refusal::Invalid { option, value, wanted }),
    }
}
