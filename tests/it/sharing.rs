//! The shared monitor: each worker shows the metrics of all workers.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_monitor::{
    BigBrother, CallTimer, Dependency, DependencyState, ErrorMessage, Exclude, Exemplars, Format,
    Monitor,
};
use actix_web::{App, HttpResponse, web};

use crate::support::child::in_a_process_of_its_own;
use crate::support::client::Client;
use crate::support::page::Page;
use crate::support::patience::eventually;
use crate::support::server::{Runtime, Server};

/// Responds with the number of the worker, in eight bytes.
async fn worker() -> String {
    thread_local! {
        static NUMBER: usize = WORKERS.fetch_add(1, Ordering::SeqCst);
    }
    format!("{:08}", NUMBER.with(|number| *number))
}

static WORKERS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn each_worker_shows_the_requests_of_all_workers_under_actix() {
    in_a_process_of_its_own(|| all_workers_tell_the_same(Runtime::Actix));
}

#[test]
fn each_worker_shows_the_requests_of_all_workers_under_tokio() {
    in_a_process_of_its_own(|| all_workers_tell_the_same(Runtime::Tokio));
}

fn all_workers_tell_the_same(runtime: Runtime) {
    let server = Server::try_start(runtime, 4, || {
        App::new()
            .wrap(BigBrother::builder().version("v1").build())
            .route("/a", web::get().to(worker))
    });
    let server = server.expect("the server starts");
    let mut clients: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    let mut workers = HashSet::new();
    for _ in 0..25 {
        for client in &mut clients {
            let answer = client.get("/a");
            assert_eq!(answer.status, 200);
            workers.insert(answer.text());
        }
    }
    assert_eq!(workers.len(), 4, "all workers had requests");
    // A connection stays with its worker, so each worker serves the page.
    for client in &mut clients {
        let page = Page::parse(&client.get("/metrics").text());
        assert_eq!(page.recorded(), ["200 false GET /a: 1000 of 8000 bytes"]);
    }
}

static RUNS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn checks_of_a_server_with_four_workers_run_once_a_period() {
    const EVERY: Duration = Duration::from_millis(20);
    in_a_process_of_its_own(|| {
        let started = Instant::now();
        let server = Server::start(4, || {
            let check = || {
                RUNS.fetch_add(1, Ordering::SeqCst);
                async { true }
            };
            let dependency = Dependency::new("db", check).every(EVERY);
            App::new().wrap(BigBrother::builder().dependency(dependency).build())
        });
        server.metrics();
        let (runs, elapsed) = eventually("there were runs enough to tell", || {
            // In this order: the time that passes in between only makes the bound wider.
            let runs = RUNS.load(Ordering::SeqCst);
            (runs >= 40).then(|| (runs, started.elapsed()))
        });
        let periods = elapsed.as_millis() / EVERY.as_millis();
        // The first run is at the beginning of the first period.
        assert!(runs as u128 <= periods + 1, "{runs} runs in {periods} periods");
    });
}

#[test]
fn workers_share_an_isolated_monitor_that_was_built_before_them() {
    let middleware = BigBrother::builder().isolated().build();
    let server = Server::start(4, move || {
        App::new().wrap(middleware.clone()).route("/a", web::get().to(worker))
    });
    let mut clients: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/a").status, 200));
    for client in &mut clients {
        assert_eq!(Page::parse(&client.get("/metrics").text()).requests(), 8.0);
    }
}

#[test]
fn isolated_monitors_share_nothing() {
    let servers = [(); 2].map(|()| {
        Server::watched(BigBrother::builder().isolated().build(), |config| {
            config.route("/a", web::get().to(worker));
        })
    });
    assert_eq!(servers[0].connect().get("/a").status, 200);
    assert_eq!(servers.map(|server| server.metrics().requests()), [1.0, 0.0]);
}

async fn count(monitor: web::Data<Monitor>) -> HttpResponse {
    monitor.start_request("seen").addr("in a handler").finish("ok");
    HttpResponse::Ok().finish()
}

#[test]
fn handlers_take_the_monitor_without_registering_it() {
    let monitor = BigBrother::builder().isolated().build();
    let (scope, resource) = (monitor.clone(), monitor.clone());
    let handle = monitor.monitor();
    let wrapped = Server::watched(monitor, |config| {
        config.route("/app", web::get().to(count));
    });
    assert_eq!(wrapped.connect().get("/app").status, 200);
    let inner = Server::start(1, move || {
        let scope = web::scope("/scope").wrap(scope.clone()).route("/a", web::get().to(count));
        let resource = web::resource("/resource").wrap(resource.clone()).get(count);
        App::new().service(scope).service(resource)
    });
    assert_eq!(inner.connect().get("/scope/a").status, 200);
    assert_eq!(inner.connect().get("/resource").status, 200);
    let page = Page::parse(&handle.encode(Format::Text));
    assert_eq!(page.sum("request_seconds_count", &[("type", "seen")]), 3.0);
}

#[test]
fn the_monitor_of_the_process_exists_from_the_first_build_on() {
    in_a_process_of_its_own(|| {
        assert!(Monitor::global().is_none());
        let _isolated = BigBrother::builder().isolated().build();
        assert!(Monitor::global().is_none(), "an isolated one is not the process's");
        let middleware = BigBrother::builder().build();
        Monitor::global().expect("built").start_request("amqp").finish("ok");
        let page = Page::parse(&middleware.monitor().encode(Format::Text));
        assert_eq!(page.requests(), 1.0);
        drop(middleware);
        assert!(Monitor::global().is_some(), "it lives as long as the process");
    });
}

#[test]
fn handles_can_be_cloned_and_sent_between_threads() {
    fn is_a_handle<T: Clone + Send + Sync + 'static>() {}
    is_a_handle::<BigBrother>();
    is_a_handle::<Monitor>();
    is_a_handle::<web::Data<Monitor>>();
    is_a_handle::<Dependency>();
    is_a_handle::<DependencyState>();
    is_a_handle::<ErrorMessage>();
    is_a_handle::<Exclude>();
    is_a_handle::<Exemplars>();
    fn can_be_sent<T: Send + Sync + 'static>() {}
    can_be_sent::<CallTimer>();
}
