//! A real server on the loopback under load, with and without the middleware.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse, Transform};
use actix_web::rt::System;
use actix_web::{App, Error, HttpServer};

use crate::measure::order;
use crate::peers::{self, PROM, Peer, Recorded};
use crate::plan::Plan;
use crate::report::{Cell, Report};
use crate::settings::with_routes;
use crate::stats::median;

const REQUEST: &[u8] = b"GET /api/v1/resource_25/42 HTTP/1.1\r\nHost: localhost\r\n\r\n";
const CONNECTIONS: usize = 16;
const EXCHANGES: usize = 250;

pub fn run(plan: &Plan, report: &mut Report) {
    let mut loads = [
        Load::on(peers::bare(), App::new),
        Load::on(peers::ours(), App::new),
        Load::on(peers::prom(), App::new),
    ];
    let mut rates = [(); 3].map(|()| Vec::new());
    for round in 0..plan.rounds(100) {
        for load in order(round, loads.len()) {
            rates[load].push(loads[load].requests_a_second());
        }
    }
    loads.iter().for_each(Load::check);
    let of_bare = |rates_of: &[f64]| {
        let mut paired: Vec<_> =
            rates_of.iter().zip(&rates[0]).map(|(own, bare)| own / bare).collect();
        median(&mut paired)
    };
    let [_, ours_of_bare, prom_of_bare] = rates.each_ref().map(|rates| of_bare(rates));
    let [bare, ours, prom] = rates.map(|mut rates| median(&mut rates));
    for (load, rate) in loads.iter().zip([bare, ours, prom]) {
        report.number("server under load, requests/s", load.name, rate);
    }
    let beside = [Cell::of("bare", bare, "/s").text, Cell::of(PROM, prom, "/s").text];
    let what = format!("requests a second, one worker, {CONNECTIONS} connections");
    let ratio = format!("{ours_of_bare:.3} of bare, {PROM} {prom_of_bare:.3}");
    report.remark(&what, &Cell::new(ours, "/s").text, beside.join(", "), ratio);
}

/// A server of one worker in this process, and its clients.
struct Load {
    name: &'static str,
    clients: Vec<TcpStream>,
    sent: u64,
    recorded: Recorded,
}

impl Load {
    fn on<M, T, B>(peer: Peer<M>, new_app: fn() -> App<T>) -> Self
    where
        M: Transform<T::Service, ServiceRequest, Response = ServiceResponse<B>> + 'static,
        M: Transform<T::Service, ServiceRequest, Error = Error, InitError = ()> + Clone + Send,
        T: ServiceFactory<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
        T: ServiceFactory<ServiceRequest, Config = (), InitError = ()>,
        B: MessageBody + 'static,
    {
        let (name, recorded) = (peer.name, peer.recorded.clone());
        let server = serve(peer.middleware, new_app);
        let clients = (0..CONNECTIONS).map(|_| connect(server)).collect();
        Self { name, clients, sent: 0, recorded }
    }

    /// All connections ask, then all read: the worker always has work.
    fn requests_a_second(&mut self) -> f64 {
        let start = Instant::now();
        for _ in 0..EXCHANGES {
            self.clients.iter_mut().for_each(ask);
            self.clients.iter_mut().for_each(read_answer);
        }
        let requests = CONNECTIONS * EXCHANGES;
        self.sent += requests as u64;
        requests as f64 / start.elapsed().as_secs_f64()
    }

    fn check(&self) {
        if let Some(recorded) = (self.recorded)() {
            assert_eq!(recorded, self.sent, "{} recorded another number than was sent", self.name);
        }
    }
}

fn serve<M, T, B>(middleware: M, new_app: fn() -> App<T>) -> SocketAddr
where
    M: Transform<T::Service, ServiceRequest, Response = ServiceResponse<B>> + 'static,
    M: Transform<T::Service, ServiceRequest, Error = Error, InitError = ()> + Clone + Send,
    T: ServiceFactory<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
    T: ServiceFactory<ServiceRequest, Config = (), InitError = ()>,
    B: MessageBody + 'static,
{
    let (bound, address) = channel();
    // It ends with the process: stopping it is not what is measured.
    thread::spawn(move || {
        let app = move || with_routes(new_app()).wrap(middleware.clone());
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind(("127.0.0.1", 0)).expect("the loopback has a free port");
        let _ = bound.send(server.addrs()[0]);
        System::new().block_on(server.run())
    });
    address.recv().expect("the server binds")
}

fn connect(server: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(server).expect("the server listens");
    client.set_nodelay(true).expect("a socket has this option");
    client
}

fn ask(client: &mut TcpStream) {
    client.write_all(REQUEST).expect("the connection is kept alive");
}

/// The only body there is ends the answer.
fn read_answer(client: &mut TcpStream) {
    let mut buffer = [0; 1024];
    let mut filled = 0;
    while !buffer[..filled].ends_with(b"\r\n\r\nok") {
        let read = client.read(&mut buffer[filled..]).expect("the connection is kept alive");
        assert!(read > 0, "the server closed the connection");
        filled += read;
    }
}
