//! A service with ten dependencies for the end-to-end suite: a Redis that the suite
//! kills, eight that are always up and record how late their checks run, and one
//! whose check blocks its thread for `BLOCKED_MILLIS`.
//!
//! `watcher PORT REDIS_PORT BLOCKED_MILLIS`

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_monitor::prometheus_client::metrics::family::Family;
use actix_monitor::prometheus_client::metrics::gauge::Gauge;
use actix_monitor::{BigBrother, Dependency};
use actix_web::{App, HttpServer};

const EVERY: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(500);

/// The longest delay of a check beyond its period, by dependency.
type Lateness = Family<Vec<(String, String)>, Gauge<f64, AtomicU64>>;

#[actix_web::main]
async fn main() -> io::Result<()> {
    let numbers: Vec<u16> = std::env::args()
        .skip(1)
        .map(|number| number.parse().map_err(io::Error::other))
        .collect::<Result<_, _>>()?;
    let &[port, redis, blocked] = numbers.as_slice() else {
        return Err(io::Error::other("usage: watcher PORT REDIS_PORT BLOCKED_MILLIS"));
    };
    let lateness = Lateness::default();
    let mut builder = BigBrother::builder().isolated();
    for number in 1..=8 {
        builder = builder.dependency(punctual(format!("steady-{number}"), lateness.clone()));
    }
    let middleware = builder
        .dependency(scheduled(Dependency::blocking("redis", move || ping(redis))))
        .dependency(scheduled(Dependency::new("blocker", move || async move {
            std::thread::sleep(Duration::from_millis(blocked.into()));
            true
        })))
        .register("check_lateness_seconds", move |registry| {
            registry.register("check_lateness_seconds", "Longest delay of a check", lateness);
        })
        .build();
    HttpServer::new(move || App::new().wrap(middleware.clone()))
        .workers(1)
        .bind((Ipv4Addr::LOCALHOST, port))?
        .run()
        .await
}

fn scheduled(dependency: Dependency) -> Dependency {
    dependency.every(EVERY).timeout(TIMEOUT)
}

/// A dependency that is always up and records how late its check runs.
fn punctual(name: String, lateness: Lateness) -> Dependency {
    let labels = vec![("name".to_owned(), name.clone())];
    let last: Arc<Mutex<Option<Instant>>> = Arc::default();
    let check = move || {
        let now = Instant::now();
        let before = last.lock().ok().and_then(|mut last| last.replace(now));
        if let Some(before) = before {
            let late = (now - before).saturating_sub(EVERY).as_secs_f64();
            let longest = lateness.get_or_create(&labels);
            longest.set(longest.get().max(late));
        }
        async { true }
    };
    scheduled(Dependency::new(name, check))
}

fn ping(port: u16) -> io::Result<()> {
    let mut redis = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    redis.set_read_timeout(Some(TIMEOUT))?;
    redis.write_all(b"PING\r\n")?;
    let mut answer = [0; 5];
    redis.read_exact(&mut answer)?;
    if &answer == b"+PONG" { Ok(()) } else { Err(io::Error::other("the answer is not PONG")) }
}
