//! Time per request: the middleware around a minimal service, in an app of 50 routes,
//! and in a server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse, Transform};
use actix_web::rt::System;
use actix_web::{App, Error, HttpServer};

use crate::Args;
use crate::peers::family::FAMILY;
use crate::peers::floor::{CLOCKS, FLOOR, bare};
use crate::peers::peer::{BARE, OURS, Peer, Recorded, contenders};
use crate::peers::published::{PROM, ours, prom};
use crate::report::{Cell, Report, list};
use crate::runner::{BoxedWorkload, Counts, Timing, paired_timings, shuffled};
use crate::services::{app as app_of_50, one_series, with_routes};
use crate::stats::median;
use crate::subprocess::{medians, timings};

/// The numbers that the chart shows.
pub const MIDDLEWARE: &str = "ns over bare, middleware";

const ROUNDS: usize = 100;

/// An app is built several times per process: its routes have other addresses each time,
/// which changes its time as well.
const BUILDS: usize = 4;
const ROUNDS_PER_BUILD: usize = 10;

const MATCHED: &str = "/api/v1/resource_25/42";
pub const UNMATCHED: &str = "/wp-login.php";

pub fn middleware(args: &Args, report: &mut Report) {
    let timings = timings("time,middleware", args);
    report_numbers(MIDDLEWARE, &timings, report);
    let what = "time over bare, middleware";
    for (other, threshold) in [(PROM, 0.22), (FAMILY, 0.5), (FLOOR, 1.4)] {
        report.ratio(what, ours_of(&timings), named(&timings, other), threshold);
    }
    let others = timings.iter().map(|timing| timing.name.as_str());
    let others = others.filter(|name| ![BARE, OURS, PROM, FAMILY, FLOOR].contains(name));
    let others = list(others.map(|name| named(&timings, name)));
    report.row("the other contenders", "–", others, "–".to_owned());
}

pub fn app(args: &Args, report: &mut Report) {
    let matched = timings("time,matched", args);
    report_numbers("ns over bare, app of 50 routes", &matched, report);
    let what = "time over bare, app of 50 routes";
    for (other, threshold) in [(PROM, 0.3), (FLOOR, 1.4)] {
        report.ratio(what, ours_of(&matched), named(&matched, other), threshold);
    }

    let unmatched = timings("time,unmatched", args);
    report_numbers("ns over bare, unmatched path", &unmatched, report);
    let what = "time over bare, app of 50 routes, path that none matches";
    report.ratio(what, ours_of(&unmatched), named(&unmatched, PROM), 0.5);
    report.compare(what, ours_of(&unmatched), named(&unmatched, CLOCKS));
}

/// What a process of its own times.
pub fn child(task: &str) -> Vec<Timing> {
    let uri = match task {
        "matched" => MATCHED,
        "unmatched" => UNMATCHED,
        _ => {
            let mut workloads: Vec<BoxedWorkload> = contenders!(one_series);
            return paired_timings(&mut workloads, ROUNDS);
        }
    };
    let builds = (0..BUILDS).map(|_| {
        let mut workloads: Vec<BoxedWorkload> = contenders!(app_of_50, App::new(), uri);
        paired_timings(&mut workloads, ROUNDS_PER_BUILD)
    });
    medians(&builds.collect::<Vec<_>>())
}

/// All timings over the bare service, and the time of the bare service.
fn report_numbers(section: &str, timings: &[Timing], report: &mut Report) {
    for timing in timings {
        report.number(section, &timing.name, timing.over_bare);
    }
    report.number(section, BARE, timings[0].total);
}

pub fn over_bare(timings: &[Timing], name: &str) -> f64 {
    let found = timings.iter().find(|timing| timing.name == name);
    found.expect("every contender is timed").over_bare
}

fn ours_of(timings: &[Timing]) -> Cell {
    Cell::new(over_bare(timings, OURS), " ns")
}

fn named(timings: &[Timing], name: &str) -> Cell {
    Cell::named(name, over_bare(timings, name), " ns")
}

const REQUEST: &[u8] = b"GET /api/v1/resource_25/42 HTTP/1.1\r\nHost: localhost\r\n\r\n";
const CONNECTIONS: usize = 16;
const REQUESTS_PER_CONNECTION: usize = 250;

pub fn server(args: &Args, report: &mut Report) {
    let mut servers = [
        Server::start(bare(), App::new),
        Server::start(ours(), App::new),
        Server::start(prom(), App::new),
    ];
    let mut rates = [(); 3].map(|()| Vec::new());
    for round in 0..args.rounds(100) {
        for server in shuffled(round, servers.len()) {
            rates[server].push(servers[server].requests_per_second());
        }
    }
    servers.iter().for_each(Server::assert_recorded);
    let [_, ours_of_bare, prom_of_bare] = rates.each_ref().map(|own| {
        let ratios = own.iter().zip(&rates[0]).map(|(own, bare)| own / bare);
        median(&mut ratios.collect::<Vec<_>>())
    });
    let [bare, ours, prom] = rates.map(|mut rates| median(&mut rates));
    for (server, rate) in servers.iter().zip([bare, ours, prom]) {
        report.number("requests per second of a server", server.name, rate);
    }
    let others = list([Cell::named(BARE, bare, "/s"), Cell::named(PROM, prom, "/s")]);
    let what = format!("requests per second, one worker, {CONNECTIONS} connections");
    let ratio = format!("{ours_of_bare:.3} of bare, {PROM} {prom_of_bare:.3}");
    report.row(&what, &Cell::new(ours, "/s").text, others, ratio);
}

/// A server with one worker in this process, and its clients.
struct Server {
    name: &'static str,
    clients: Vec<TcpStream>,
    sent: u64,
    recorded: Recorded,
}

impl Server {
    fn start<M, T, B>(peer: Peer<M>, new_app: fn() -> App<T>) -> Self
    where
        M: Transform<T::Service, ServiceRequest, Response = ServiceResponse<B>> + 'static,
        M: Transform<T::Service, ServiceRequest, Error = Error, InitError = ()> + Clone + Send,
        T: ServiceFactory<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
        T: ServiceFactory<ServiceRequest, Config = (), InitError = ()>,
        B: MessageBody + 'static,
    {
        let (name, middleware, recorded) = (peer.name, peer.middleware, peer.recorded);
        let (bound, address) = channel();
        // Ends with the process.
        thread::spawn(move || {
            let app = move || with_routes(new_app()).wrap(middleware.clone());
            let server = HttpServer::new(app).workers(1).disable_signals();
            let server = server.bind(("127.0.0.1", 0)).expect("a port is free");
            let _ = bound.send(server.addrs()[0]);
            System::new().block_on(server.run())
        });
        let address = address.recv().expect("the server binds a port");
        let clients = (0..CONNECTIONS).map(|_| connect(address)).collect();
        Self { name, clients, sent: 0, recorded }
    }

    /// All clients send a request, then all read: the worker always has requests to
    /// serve.
    fn requests_per_second(&mut self) -> f64 {
        let start = Instant::now();
        for _ in 0..REQUESTS_PER_CONNECTION {
            self.clients.iter_mut().for_each(send);
            self.clients.iter_mut().for_each(receive);
        }
        let requests = CONNECTIONS * REQUESTS_PER_CONNECTION;
        self.sent += requests as u64;
        requests as f64 / start.elapsed().as_secs_f64()
    }

    fn assert_recorded(&self) {
        let nothing = Counts { sent: 0, recorded: Some(0) };
        let counts = Counts { sent: self.sent, recorded: (self.recorded)() };
        counts.assert_recorded_since(nothing, self.name);
    }
}

fn connect(server: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(server).expect("the server listens");
    client.set_nodelay(true).expect("a socket has this option");
    client
}

fn send(client: &mut TcpStream) {
    client.write_all(REQUEST).expect("the connection is kept alive");
}

/// Reads a response, which ends with its body.
fn receive(client: &mut TcpStream) {
    let mut buffer = [0; 1024];
    let mut filled = 0;
    while !buffer[..filled].ends_with(b"\r\n\r\nok") {
        let read = client.read(&mut buffer[filled..]).expect("the connection is kept alive");
        assert!(read > 0, "the server closed the connection");
        filled += read;
    }
}
