//! The command line.

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::available_parallelism;

pub(crate) const USAGE: &str = "\
Usage: notes [--traffic] [--port PORT] [--workers N] [--database PATH] [--native-histograms]

  --traffic             generate traffic: the service calls itself
  --port PORT           notes on PORT, quotes on PORT+1; 0 chooses free ports [8080]
  --workers N           number of worker threads, 1 to 512 [one per core]
  --database PATH       SQLite file, created if missing [notes.db in the temp folder]
  --native-histograms   record native histograms, for scrapers that ask for protobuf
  --help                print this text
";

/// The limit of actix-web, which panics above it.
const MAX_WORKERS: usize = 512;

pub(crate) enum Command {
    Help,
    Serve(Options),
}

pub(crate) struct Options {
    pub(crate) traffic: bool,
    pub(crate) native_histograms: bool,
    pub(crate) workers: usize,
    pub(crate) database: PathBuf,
    port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            traffic: false,
            native_histograms: false,
            workers: available_parallelism().map_or(1, NonZero::get).min(MAX_WORKERS),
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
        // The port after a free one may not be free.
        let port = if self.port == 0 { 0 } else { self.port + 1 };
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }
}

pub(crate) enum UsageError {
    Unknown(String),
    Missing(&'static str),
    Invalid { option: &'static str, value: String, expected: &'static str },
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(argument) => write!(f, "unknown argument `{argument}`"),
            Self::Missing(option) => write!(f, "{option} needs a value"),
            Self::Invalid { option, value, expected } => {
                write!(f, "invalid value `{value}` for {option}; use {expected}")
            }
        }
    }
}

pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut arguments = arguments.flat_map(split_at_equals);
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Command::Help),
            Some("--traffic") => options.traffic = true,
            Some("--native-histograms") => options.native_histograms = true,
            Some("--port") => options.port = port(arguments.next())?,
            Some("--workers") => options.workers = workers(arguments.next())?,
            Some("--database") => options.database = value("--database", arguments.next())?.into(),
            _ => return Err(UsageError::Unknown(argument.to_string_lossy().into_owned())),
        }
    }
    Ok(Command::Serve(options))
}

/// Splits `--port=80` into `--port` and `80`.
fn split_at_equals(argument: OsString) -> Vec<OsString> {
    match argument.to_str().and_then(|text| text.split_once('=')) {
        Some((option, value)) if option.starts_with("--") => vec![option.into(), value.into()],
        _ => vec![argument],
    }
}

/// Refuses an option in place of a value: the value is missing.
fn value(option: &'static str, argument: Option<OsString>) -> Result<OsString, UsageError> {
    argument
        .filter(|value| !value.is_empty() && !value.as_encoded_bytes().starts_with(b"--"))
        .ok_or(UsageError::Missing(option))
}

/// At most 65534, because the quotes use the next port.
fn port(argument: Option<OsString>) -> Result<u16, UsageError> {
    number("--port", argument, "0 to 65534", |port| *port < u16::MAX)
}

fn workers(argument: Option<OsString>) -> Result<usize, UsageError> {
    number("--workers", argument, "1 to 512", |workers| (1..=MAX_WORKERS).contains(workers))
}

fn number<N: FromStr>(
    option: &'static str,
    argument: Option<OsString>,
    expected: &'static str,
    is_valid: impl Fn(&N) -> bool,
) -> Result<N, UsageError> {
    let value = value(option, argument)?.to_string_lossy().into_owned();
    match value.parse() {
        Ok(number) if is_valid(&number) => Ok(number),
        _ => Err(UsageError::Invalid { option, value, expected }),
    }
}
