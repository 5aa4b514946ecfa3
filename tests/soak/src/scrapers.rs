//! The scrapers: each reads pages of one format, of which no counter may fall.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::page::{Page, Sample};
use crate::support::protobuf;

/// A pause, in which the requests are made.
const PAUSE: Duration = Duration::from_millis(25);

/// A name, and what is asked for.
pub(crate) type Asks = (&'static str, &'static [(&'static str, &'static str)]);

pub(crate) const ALL: [Asks; 4] = [
    ("text", &[]),
    ("OpenMetrics", &[("accept", "application/openmetrics-text;version=1.0.0")]),
    ("protobuf", &[("accept", protobuf::ACCEPT)]),
    ("gzip", &[("accept-encoding", "gzip")]),
];

/// The counters of the last page, by name and labels.
pub(crate) type Last = BTreeMap<String, f64>;

/// Scrapes until `end`. Returns the number of scrapes.
pub(crate) fn scrape(to: SocketAddr, asks: Asks, last: &mut Last, end: Instant) -> u64 {
    let (mut client, mut scrapes) = (Client::connect(to), 0);
    while Instant::now() < end {
        let now = counters(&mut client, asks);
        for (series, before) in last.iter() {
            let after = now.get(series);
            assert!(
                after.is_some_and(|after| after >= before),
                "{series}: {before}, then {after:?}"
            );
        }
        *last = now;
        scrapes += 1;
        sleep(PAUSE);
    }
    client.reset();
    scrapes
}

fn counters(client: &mut Client, (_, headers): Asks) -> Last {
    let mut response = client.request("GET", "/metrics", headers);
    assert_eq!((response.status, response.is_complete), (200, true), "a scrape failed");
    if response.header("content-encoding") == Some("gzip") {
        let mut body = Vec::new();
        flate2::read::GzDecoder::new(&*response.body).read_to_end(&mut body).expect("gzip");
        response.body = body;
    }
    let kind = response.header("content-type").unwrap_or_default();
    let (samples, types) = if kind.starts_with("application/vnd.google.protobuf") {
        protobuf::as_text(&protobuf::read(&response))
    } else {
        let page = Page::parse(&response.text());
        (page.samples, page.types)
    };
    let is_counter = |sample: &&Sample| {
        let kind = types.get(&sample.name).map(String::as_str);
        !matches!(kind, Some("gauge" | "info")) && !sample.name.ends_with("_info")
    };
    let counters = samples.iter().filter(is_counter);
    counters.map(|one| (format!("{}{:?}", one.name, one.labels), one.value)).collect()
}
