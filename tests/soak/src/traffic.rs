//! The clients: each does one thing after another, chosen by chance from a fixed seed.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::app::{SLOW, Watched};
use crate::ledger::CHUNK;
use crate::support::client::Client;
use crate::support::http2::{End, Http2};

/// How many requests a connection has at most.
const PER_CONNECTION: u32 = 200;

/// A small generator of numbers (xorshift).
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A client until `end`. Returns how many requests it has sent.
pub(crate) type Traffic = fn(&Watched, SocketAddr, Chance, Instant) -> u64;

pub(crate) fn http1(watched: &Watched, to: SocketAddr, mut chance: Chance, end: Instant) -> u64 {
    let mut sent = 0;
    while Instant::now() < end {
        let mut client = Client::connect(to);
        let mut is_open = true;
        for _ in 0..PER_CONNECTION {
            sent += 1;
            is_open = whole(watched, &mut client, &mut chance);
            if !is_open || Instant::now() >= end {
                break;
            }
        }
        if is_open {
            sent += 1;
            last(client, &mut chance);
        }
    }
    sent
}

/// A request whose end the client waits for. Returns whether the connection can be used again.
fn whole(watched: &Watched, client: &mut Client, chance: &mut Chance) -> bool {
    let id = chance.below(1_000_000);
    let tenant = format!("tenant-{}", chance.below(12));
    let trace = format!("00-{id:032x}-00000000000000e2-01");
    let headers = [("x-tenant", tenant.as_str()), ("traceparent", trace.as_str())];
    let mut expect = |method: &str, path: String, status: u16| {
        let response = client.request(method, &path, &headers);
        assert_eq!((response.status, response.is_complete), (status, true), "{method} {path}");
    };
    match chance.below(400) {
        0..200 => expect("GET", format!("/users/{id}"), 200),
        200..220 => expect("HEAD", format!("/users/{id}"), 200),
        220..240 => expect("GET", format!("/twice/{id}"), 200),
        240..250 => expect("GET", "/health".to_owned(), 200),
        250..270 => expect("GET", "/conflict".to_owned(), 409),
        270..280 => expect("GET", "/sized".to_owned(), 200),
        280..290 => expect("GET", "/stream".to_owned(), 200),
        290..310 => expect("GET", format!("/calls/{id}"), 200),
        310..311 => expect("GET", format!("/slow/{id}"), 200),
        311..330 => {
            expect("GET", format!("/nowhere/{id}"), 404);
            watched.ledger.enter(404, "GET", "unmatched", 0);
        }
        330..340 => {
            expect("BREW", format!("/nowhere/{id}"), 404);
            watched.ledger.enter(404, "_OTHER", "unmatched", 0);
        }
        340..355 => {
            expect("GET", format!("/private/{id}"), 401);
            watched.ledger.enter(401, "GET", "/private/{id}", 4);
        }
        355..370 => {
            expect("GET", format!("/broken/{id}"), 403);
            watched.ledger.enter(403, "GET", "/broken/{id}", 9);
        }
        370..390 => {
            client.send_request("POST", "/orders", &[("content-length", "8192")]);
            client.send(CHUNK);
            assert_eq!(client.read_response().status, 201);
        }
        390..399 => {
            let path = ["/panics/1", "/body/panics", "/body/fails"][chance.below(3) as usize];
            client.send_request("GET", path, &headers);
            let is_whole = client.try_read_response().is_ok_and(|response| response.is_complete);
            assert!(!is_whole, "{path} breaks off");
            return false;
        }
        _ if chance.below(20) == 0 => expect("GET", "/blocks".to_owned(), 200),
        _ => pipelined(client),
    }
    true
}

fn pipelined(client: &mut Client) {
    client.send("GET /users/1 HTTP/1.1\r\nhost: x\r\n\r\n".repeat(8));
    for _ in 0..8 {
        assert_eq!(client.read_response().text(), "hello");
    }
}

/// The last thing on a connection: the client disconnects at some moment.
fn last(mut client: Client, chance: &mut Chance) {
    let wait = Duration::from_micros(chance.below(2 * SLOW.as_micros() as u64));
    match chance.below(9) {
        0 => client.send("GET /users/1 HTT"),
        1 => client.send("NO HTTP\r\n\r\n"),
        2 => {
            client.send_request("POST", "/orders", &[("content-length", "100000")]);
            client.send(CHUNK);
        }
        3 => client.send_request("GET", "/metrics", &[]),
        4 => {
            client.send_request("GET", "/body/endless", &[]);
            assert_eq!(client.read_head().status, 200);
        }
        5 => {
            client.send_request("GET", "/sized", &[]);
            client.send_request("GET", "/stream", &[]);
            sleep(wait);
        }
        6 => {
            client.send_request("GET", "/slow/1", &[]);
            sleep(wait);
            client.finish_sending();
            // With its response or without.
            drop(client.try_read_response());
        }
        _ => {
            client.send_request("GET", "/slow/1", &[]);
            sleep(wait);
        }
    }
    client.reset();
}

pub(crate) fn http2(watched: &Watched, to: SocketAddr, mut chance: Chance, end: Instant) -> u64 {
    let mut sent = 0;
    while Instant::now() < end {
        let mut client = Http2::connect(to);
        for _ in 0..PER_CONNECTION {
            sent += streams(watched, &mut client, &mut chance);
            if Instant::now() >= end {
                break;
            }
        }
        // Some streams are open when the connection is dropped.
        for path in ["/slow/1", "/stream", "/users/1", "/metrics", "/sized"] {
            client.send_request("GET", path);
        }
        sent += 5;
        sleep(Duration::from_micros(chance.below(1_000)));
        if chance.below(2) == 0 { client.reset() } else { drop(client) }
    }
    sent
}

/// Some streams at once. Returns their number.
fn streams(watched: &Watched, client: &mut Http2, chance: &mut Chance) -> u64 {
    let (mut whole, mut sent) = (Vec::new(), 0);
    for _ in 0..=chance.below(8) {
        sent += 1;
        let paths = ["/users/1", "/twice/1", "/calls/1", "/stream", "/sized", "/slow/1"];
        match chance.below(20) {
            0 => {
                let id = client.send_request("GET", "/slow/1");
                client.reset_stream(id);
            }
            1 => {
                let id = client.send_request("GET", "/stream");
                client.read_until(id, |response| response.status > 0);
                client.reset_stream(id);
            }
            2 => {
                let id = client.begin("POST", "/orders", &[], false);
                client.send_data(id, CHUNK, false);
                client.reset_stream(id);
            }
            3 => {
                let id = client.begin("POST", "/orders", &[], false);
                client.send_data(id, CHUNK, true);
                whole.push((id, 201, End::Whole));
            }
            4 => {
                let id = client.send_request("GET", "/panics/1");
                whole.push((id, 0, End::Reset));
            }
            5 => {
                let id = client.send_request("GET", "/body/panics");
                whole.push((id, 200, End::Reset));
            }
            6 => {
                let id = client.send_request("GET", "/nowhere");
                whole.push((id, 404, End::Whole));
                watched.ledger.enter(404, "GET", "unmatched", 0);
            }
            other => {
                let path = paths[other as usize % paths.len()];
                whole.push((client.send_request("GET", path), 200, End::Whole));
            }
        }
    }
    for (id, status, end) in whole {
        let response = client.read_response(id);
        assert_eq!((response.status, response.end), (status, Some(end)));
    }
    sent
}
