//! Routes that block their worker, and the delay of event loops.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{pending, ready};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use actix_monitor::prometheus_client::encoding::text::encode;
use actix_monitor::{BigBrother, BigBrotherBuilder, Exclude, Format, Monitor, ObserveAt};
use actix_web::body::{BodySize, MessageBody, SizedStream};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::time::sleep;
use actix_web::test::init_service;
use actix_web::{App, Error, HttpResponse, rt, web};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::task::yield_now;

use crate::support::child::in_a_process_of_its_own;
use crate::support::client::Client;
use crate::support::journal;
use crate::support::page::{Page, Sample};
use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::{Runtime, Server};
use crate::support::services::controlled_bodies;

/// Long enough that no system holds back a thread for so long.
const THRESHOLD: Duration = Duration::from_millis(400);

/// How long the routes of the tests block: longer than the threshold.
const BLOCK: Duration = Duration::from_millis(600);

fn builder() -> BigBrotherBuilder {
    BigBrother::builder().isolated().blocking_threshold(THRESHOLD)
}

/// What the routes of a test measured themselves, by `METHOD addr`.
#[derive(Clone, Debug, Default)]
struct Measured(Arc<Mutex<BTreeMap<&'static str, Vec<Duration>>>>);

impl Measured {
    /// Blocks the calling thread, and records for how long.
    fn block(&self, route: &'static str) {
        let start = Instant::now();
        thread::sleep(BLOCK);
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        routes.entry(route).or_default().push(start.elapsed());
    }

    fn blocks(&self) -> Vec<Duration> {
        let routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        routes.values().flatten().copied().collect()
    }

    /// The page has exactly these routes with these counts, and their totals within 5 %.
    #[track_caller]
    fn assert_on(&self, page: &Page) {
        let routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let expected: BTreeMap<_, _> =
            routes.iter().map(|(route, all)| ((*route).to_owned(), all.len() as f64)).collect();
        assert_eq!(counts(page), expected, "{}", page.text);
        for (route, all) in routes.iter() {
            let (method, addr) = route.split_once(' ').expect("a method and an addr");
            let labels = [("method", method), ("addr", addr)];
            let total = page.value("worker_blocked_seconds_total", &labels).expect("a total");
            let measured = all.iter().sum::<Duration>().as_secs_f64();
            let ratio = total / measured;
            assert!((0.999..1.05).contains(&ratio), "{route}: {total} s on the page, {measured} s");
        }
    }
}

/// How often each route has blocked, by `METHOD addr`.
fn counts(page: &Page) -> BTreeMap<String, f64> {
    let route = |sample: &Sample| {
        let [method, addr] = ["method", "addr"].map(|key| sample.label(key).expect("a label"));
        (format!("{method} {addr}"), sample.value)
    };
    page.find("worker_blocked_total", &[]).into_iter().map(route).collect()
}

fn page(monitor: &Monitor) -> Page {
    Page::parse(&monitor.encode(Format::Text))
}

fn worker() -> String {
    format!("{:?}", thread::current().id())
}

/// The routes of most tests. Each responds with the name of its worker.
fn routes(app: &mut web::ServiceConfig, measured: &Measured, begun: &mpsc::Sender<()>) {
    let (blocks, blocks_later, begun) = (measured.clone(), measured.clone(), begun.clone());
    app.route("/worker", web::get().to(async || worker()))
        .route(
            "/blocks/{id}",
            web::get().to(move || {
                let _ = begun.send(());
                blocks.block("GET /blocks/{id}");
                async { worker() }
            }),
        )
        .route(
            "/blocks_later",
            web::post().to(move || {
                let measured = blocks_later.clone();
                async move {
                    yield_now().await;
                    measured.block("POST /blocks_later");
                    yield_now().await;
                    measured.block("POST /blocks_later");
                    sleep(BLOCK).await;
                    worker()
                }
            }),
        )
        .route(
            "/offloads",
            web::get().to(async || {
                web::block(|| thread::sleep(BLOCK)).await.expect("a thread of the pool");
                worker()
            }),
        )
        .route(
            "/awaits",
            web::get().to(async || {
                sleep(BLOCK).await;
                worker()
            }),
        )
        .route(
            "/awaits_briefly",
            web::get().to(async || {
                for _ in 0..50 {
                    sleep(Duration::from_millis(10)).await;
                    yield_now().await;
                }
                worker()
            }),
        );
}

/// Two connections to one worker of the server, which has several.
fn on_one_worker(server: &Server) -> [Client; 2] {
    let mut known: Vec<(String, Client)> = Vec::new();
    loop {
        let mut client = server.connect();
        let worker = client.get("/worker").text();
        match known.iter().position(|(other, _)| *other == worker) {
            Some(other) => return [known.swap_remove(other).1, client],
            None => known.push((worker, client)),
        }
        assert!(known.len() < 3, "there are two workers");
    }
}

/// Waits between the call and the first poll of the inner service, and after its response.
async fn yields<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let response = next.call(request);
    yield_now().await;
    let response = response.await;
    yield_now().await;
    response
}

#[test]
fn under_load_the_routes_that_block_are_named_and_no_other() {
    // The log is shared, and another test blocks in the same routes.
    in_a_process_of_its_own(|| {
        journal::start();
        let (measured, (begun, begins)) = (Measured::default(), mpsc::channel());
        let middleware = builder().build();
        let (monitor, known) = (middleware.monitor(), measured.clone());
        let server = Server::start(2, move || {
            let routes = |app: &mut web::ServiceConfig| routes(app, &known, &begun);
            App::new().wrap(middleware.clone()).wrap(from_fn(yields)).configure(routes)
        });
        let pairs = [on_one_worker(&server), on_one_worker(&server)];
        let mut waited = Duration::ZERO;
        thread::scope(|scope| {
            let paths = ["/offloads", "/awaits", "/awaits_briefly", "/worker", "/nowhere"];
            for path in paths {
                let mut client = server.connect();
                scope.spawn(move || (0..4).for_each(|_| drop(client.get(path))));
            }
            for [mut blocking, mut delayed] in pairs {
                for id in 0..2 {
                    blocking.send_request("GET", &format!("/blocks/{id}"), &[]);
                    begins.recv_timeout(PATIENCE).expect("the handler begins");
                    let sent = Instant::now();
                    delayed.get("/worker");
                    waited += sent.elapsed();
                    blocking.read_response();
                    blocking.request("POST", "/blocks_later", &[]);
                }
            }
        });
        let page = page(&monitor);
        assert_eq!(measured.blocks().len(), 12);
        measured.assert_on(&page);
        // The test is worth nothing if no request waited for a worker that was blocked.
        assert!(waited > BLOCK, "GET /worker waited for {waited:?}");
        let warnings = journal::lines("actix_monitor");
        let of = |route: &str| warnings.iter().filter(|line| line.contains(route)).count();
        assert_eq!((of("GET /blocks/{id} "), of("POST /blocks_later ")), (1, 1), "{warnings:?}");
        let named = warnings.iter().find(|line| line.contains("/blocks/{id}")).expect("see above");
        assert!(named.contains("web::block"), "{named}");
        let millis = named.split_once(" for ").and_then(|(_, rest)| rest.split_once(" ms"));
        let millis: u128 = millis.and_then(|(millis, _)| millis.parse().ok()).expect("a duration");
        let longest = measured.blocks().into_iter().max().expect("see above");
        assert!((BLOCK.as_millis()..2 * longest.as_millis() + 1_000).contains(&millis), "{named}");
    });
}

/// A server with one worker, wrapped with `builder`, whose route `/` has this handler.
#[track_caller]
fn serve(
    builder: BigBrotherBuilder,
    handler: impl Fn() -> HttpResponse + Clone + Send + 'static,
) -> (Server, web::Data<Monitor>) {
    let middleware = builder.build();
    let monitor = middleware.monitor();
    let server = Server::watched(middleware, move |app| {
        let handler = handler.clone();
        app.route("/", web::get().to(move || ready(handler())));
    });
    (server, monitor)
}

/// A body of three chunks, each of which blocks.
fn blocking_chunks(
    measured: &Measured,
) -> impl Stream<Item = Result<web::Bytes, Infallible>> + use<> {
    let measured = measured.clone();
    stream::iter(0..3).map(move |_| {
        measured.block("GET /");
        Ok(web::Bytes::from_static(b"chunk"))
    })
}

#[test]
fn a_body_that_blocks_is_named() {
    let serve = |observed, is_sized| {
        let measured = Measured::default();
        let (given, builder) = (measured.clone(), builder().observe_at(observed));
        let (server, monitor) = serve(builder, move || {
            let chunks = blocking_chunks(&given);
            if is_sized {
                HttpResponse::Ok().body(SizedStream::new(15, chunks))
            } else {
                HttpResponse::Ok().streaming(chunks)
            }
        });
        assert_eq!(server.connect().get("/").text(), "chunkchunkchunk");
        let page = page(&monitor);
        assert_eq!(measured.blocks().len(), 3);
        measured.assert_on(&page);
        assert_eq!(page.requests(), 1.0);
    };
    thread::scope(|scope| {
        for observed in [ObserveAt::BodyEnd, ObserveAt::Head] {
            for is_sized in [false, true] {
                scope.spawn(move || serve(observed, is_sized));
            }
        }
    });
}

#[test]
fn a_body_that_blocks_is_named_before_it_ends() {
    let measured = Measured::default();
    let given = measured.clone();
    let (server, monitor) = serve(builder(), move || {
        HttpResponse::Ok().streaming(blocking_chunks(&given).chain(stream::pending()))
    });
    let mut client = server.connect();
    client.send_request("GET", "/", &[]);
    eventually("three blocks are counted", || {
        (page(&monitor).total("worker_blocked_total") == 3.0).then_some(())
    });
    measured.assert_on(&page(&monitor));
}

#[test]
fn a_request_without_a_response_is_named_as_well() {
    let (measured, (begun, begins)) = (Measured::default(), mpsc::channel());
    let middleware = builder().build();
    let (monitor, given) = (middleware.monitor(), measured.clone());
    let server = Server::watched(middleware, move |app| {
        let (panics, waits, begun) = (given.clone(), given.clone(), begun.clone());
        app.route(
            "/panics/{id}",
            web::get().to(move || {
                panics.block("GET /panics/{id}");
                // Without the panic's message, whose backtrace takes its time to print.
                async { resume_unwind(Box::new("on purpose")) as &str }
            }),
        );
        app.route(
            "/waits/{id}",
            web::get().to(move || {
                waits.block("GET /waits/{id}");
                let _ = begun.send(());
                pending::<&str>()
            }),
        );
    });
    server.connect().send_request("GET", "/panics/1", &[]);
    server.metrics_of(1.0);
    let mut client = server.connect();
    client.send_request("GET", "/waits/1", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    client.reset();
    server.metrics_of(2.0);
    measured.assert_on(&page(&monitor));
}

/// Waits before the first poll of the inner service, and after its response.
async fn waits<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let response = next.call(request);
    sleep(BLOCK).await;
    let response = response.await;
    sleep(BLOCK).await;
    response
}

#[test]
fn the_time_that_outer_middlewares_wait_is_not_blamed_on_the_route() {
    let middleware = builder().build();
    let monitor = middleware.monitor();
    let server = Server::start(1, move || {
        let app = App::new().wrap(middleware.clone()).wrap(from_fn(waits));
        app.route("/", web::get().to(async || "fast"))
    });
    assert_eq!(server.connect().get("/").text(), "fast");
    assert_eq!(counts(&page(&monitor)), BTreeMap::new());
}

/// More requests than a worker looks for gaps in, if they have none.
const MANY: usize = 1500;

/// Waits around the inner service if the request asks for it.
async fn waits_if_asked<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if request.query_string() == "waits" {
        waits(request, next).await
    } else {
        next.call(request).await
    }
}

#[test]
fn after_many_requests_the_routes_that_block_are_still_named_and_no_other() {
    let (measured, (begun, _begins)) = (Measured::default(), mpsc::channel());
    let middleware = builder().build();
    let (monitor, known) = (middleware.monitor(), measured.clone());
    let server = Server::start(1, move || {
        let (body, known, begun) = (known.clone(), known.clone(), begun.clone());
        App::new()
            .wrap(middleware.clone())
            .wrap(from_fn(waits_if_asked))
            .route(
                "/",
                web::get().to(move || ready(HttpResponse::Ok().streaming(blocking_chunks(&body)))),
            )
            .configure(move |app| routes(app, &known, &begun))
    });
    let mut client = server.connect();
    let mut all_routes = || {
        client.get("/blocks/1");
        client.request("POST", "/blocks_later", &[]);
        assert_eq!(client.get("/").text(), "chunkchunkchunk");
        for path in ["/offloads", "/awaits", "/awaits_briefly", "/nowhere"] {
            client.get(path);
        }
        measured.assert_on(&page(&monitor));
    };
    let mut quick = server.connect();
    (0..MANY).for_each(|_| drop(quick.get("/worker")));
    all_routes();
    // Now a middleware waits for the first time. Its time is not the route's, and what
    // blocks later is the same as before.
    quick.get("/worker?waits");
    quick.get("/blocks/2?waits");
    all_routes();
    assert_eq!(measured.blocks().len(), 13);
}

/// Over HTTP/2 a worker begins requests that arrive together before it polls the first one.
#[test]
fn of_requests_that_arrive_together_the_one_that_blocks_is_named() {
    let (measured, (begun, begins)) = (Measured::default(), mpsc::channel());
    let middleware = builder().build();
    let (monitor, known) = (middleware.monitor(), measured.clone());
    let server = Server::http2(middleware, move |app| routes(app, &known, &begun));
    let mut blocking = server.connect();
    (0..MANY).for_each(|_| drop(blocking.get("/worker")));
    let mut together = server.connect_http2();
    assert_eq!(together.get("/worker").status, 200);
    // Both arrive while the worker is blocked.
    blocking.send_request("GET", "/blocks/1", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    let streams = ["/blocks/2", "/worker"].map(|path| together.send_request("GET", path));
    for stream in streams {
        assert_eq!(together.read_response(stream).status, 200);
    }
    blocking.read_response();
    assert_eq!(measured.blocks().len(), 2);
    measured.assert_on(&page(&monitor));
}

#[test]
fn a_request_that_is_excluded_leaves_nothing_to_the_next_one() {
    let measured = Measured::default();
    let middleware = builder()
        .exclude_status(StatusCode::NOT_FOUND)
        .exclude(Exclude::from_fn(|request| {
            assert_ne!(request.path(), "/panics", "the predicate's panic, on purpose");
            false
        }))
        .build();
    let monitor = middleware.monitor();
    let server = Server::watched(middleware, move |app| {
        let measured = measured.clone();
        app.default_service(web::to(move || {
            measured.block("GET unmatched");
            ready(HttpResponse::NotFound())
        }));
    });
    assert_eq!(server.connect().get("/nowhere").status, 404);
    let mut client = server.connect();
    client.send_request("GET", "/panics", &[]);
    client.try_read_response().expect_err("a panic has no answer");
    eventually("the panic is recorded", || (page(&monitor).requests() > 0.0).then_some(()));
    assert_eq!(counts(&page(&monitor)), BTreeMap::new());
}

#[test]
fn what_blocks_outside_of_requests_delays_the_event_loop_and_no_route_is_named() {
    let measured = Measured::default();
    let middleware = builder().build();
    let (monitor, given) = (middleware.monitor(), measured.clone());
    let server = Server::watched(middleware, move |app| {
        let measured = given.clone();
        app.route(
            "/",
            web::get().to(move || {
                let measured = measured.clone();
                async move {
                    let task = rt::spawn(async move { measured.block("a task") });
                    yield_now().await;
                    task.await.expect("the task ends");
                    "slow"
                }
            }),
        );
    });
    assert_eq!(server.connect().get("/").text(), "slow");
    assert_eq!(counts(&page(&monitor)), BTreeMap::new());
    eventually("the delay is counted", || (long_delays(&monitor) >= 1.0).then_some(()));
}

/// Delays of more than a quarter of a second: the timer of a worker that is blocked for
/// 600 ms is late by 500 to 600 ms.
fn long_delays(monitor: &Monitor) -> f64 {
    let page = page(monitor);
    let at_most = |le| page.value("event_loop_delay_seconds_bucket", &[("le", le)]);
    at_most("+Inf").expect("a bucket") - at_most("0.25").expect("a bucket")
}

/// How often a timer of the calling worker is late by more than a quarter of a second.
async fn count_long_delays(delays: Arc<AtomicU64>) {
    loop {
        let expected = Instant::now() + Duration::from_millis(10);
        sleep(Duration::from_millis(10)).await;
        if expected.elapsed() > Duration::from_millis(250) {
            delays.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn the_delay_of_event_loops_is_that_of_independent_timers() {
    for runtime in [Runtime::Actix, Runtime::Tokio] {
        let (measured, independent) = (Measured::default(), Arc::new(AtomicU64::new(0)));
        let middleware = builder().build();
        let (monitor, given, delays) =
            (middleware.monitor(), measured.clone(), independent.clone());
        let server = Server::try_start(runtime, 2, move || {
            rt::spawn(count_long_delays(Arc::clone(&delays)));
            let measured = given.clone();
            let blocks = move || {
                measured.block("GET /");
                async { worker() }
            };
            App::new()
                .wrap(middleware.clone())
                .route("/", web::get().to(blocks))
                .route("/free", web::get().to(async || "free"))
        });
        let server = server.expect("the server starts");
        let mut clients = [server.connect(), server.connect()];
        for _ in 0..2 {
            // Each block delays a timer of its own: a worker that responds after the period of
            // the timer has seen it fire.
            thread::sleep(Duration::from_millis(300));
            clients.iter_mut().for_each(|client| assert_eq!(client.get("/free").text(), "free"));
            // Both workers are blocked at a time.
            clients.iter_mut().for_each(|client| client.send_request("GET", "/", &[]));
            let workers = clients.each_mut().map(|client| client.read_response().text());
            assert_ne!(workers[0], workers[1]);
        }
        eventually("each block delays a timer", || {
            let expected = independent.load(Ordering::SeqCst) as f64;
            (expected >= 4.0 && long_delays(&monitor) >= 4.0).then_some(())
        });
        let blocked: f64 = measured.blocks().iter().map(Duration::as_secs_f64).sum();
        let delayed = page(&monitor).total("event_loop_delay_seconds_sum");
        // A block begins at most one period of the timer before the timer is due.
        assert!(delayed > blocked - 4.0 * 0.1, "late by {delayed} s, blocked for {blocked} s");
        measured.assert_on(&page(&monitor));
    }
}

fn alive(monitor: &Monitor) -> f64 {
    page(monitor).value("workers_alive", &[]).expect("a gauge")
}

/// How often timers have fired.
fn fired(monitor: &Monitor) -> f64 {
    page(monitor).total("event_loop_delay_seconds_count")
}

#[test]
fn the_delays_and_the_periods_between_them_are_no_longer_than_the_time_that_has_passed() {
    let start = Instant::now();
    let (server, monitor) = serve(builder(), || HttpResponse::Ok().finish());
    server.connect().get("/");
    eventually("the timer fires", || (fired(&monitor) >= 10.0).then_some(()));
    let page = page(&monitor);
    let count = page.total("event_loop_delay_seconds_count");
    let delayed = page.total("event_loop_delay_seconds_sum");
    // The timer is set again when it fires.
    let passed = start.elapsed().as_secs_f64();
    assert!(count * 0.1 + delayed <= passed, "{count} times, {delayed} s late, in {passed} s");
}

#[test]
fn a_worker_has_one_timer_which_ends_with_its_middlewares() {
    let begin = Instant::now();
    let middleware = builder().build();
    let monitor = middleware.monitor();
    assert_eq!(alive(&monitor), 0.0);
    let server = Server::start(2, move || {
        let inner = web::scope("/api").wrap(middleware.clone());
        let resource = web::resource("/x").wrap(middleware.clone()).to(async || "x");
        App::new().wrap(middleware.clone()).service(inner.service(resource))
    });
    assert_eq!(server.connect().get("/api/x").text(), "x");
    eventually("both workers are counted", || (alive(&monitor) == 2.0).then_some(()));
    eventually("the timers fire", || (fired(&monitor) >= 10.0).then_some(()));
    let count = fired(&monitor);
    let at_most = 2.0 * begin.elapsed().as_secs_f64() / 0.1;
    assert!(count <= at_most, "fired {count} times, at most {at_most} expected");
    let busy = page(&monitor).total("worker_busy_seconds_total");
    server.stop_gracefully().expect("no timer keeps the server from its end");
    eventually("no worker is counted", || (alive(&monitor) == 0.0).then_some(()));
    assert!(busy > 0.0 && page(&monitor).total("worker_busy_seconds_total") >= busy);
    let count = fired(&monitor);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(fired(&monitor), count);
}

#[test]
fn a_timer_ends_with_the_last_middleware_of_its_thread() {
    rt::System::new().block_on(async {
        let middleware = builder().build();
        let monitor = middleware.monitor();
        let first = init_service(App::new().wrap(middleware.clone())).await;
        let second = init_service(App::new().wrap(middleware)).await;
        assert_eq!(alive(&monitor), 1.0);
        drop(first);
        assert_eq!(alive(&monitor), 1.0);
        drop(second);
        assert_eq!(alive(&monitor), 0.0);
        // The timer may be waiting: it fires before this one, which was set later.
        sleep(Duration::from_millis(150)).await;
        let count = fired(&monitor);
        sleep(Duration::from_millis(300)).await;
        assert_eq!(fired(&monitor), count);
    });
}

#[test]
fn a_request_that_is_recorded_at_its_head_is_so_with_watched_workers() {
    let (controls, routes) = controlled_bodies(BodySize::Stream);
    let middleware = builder().observe_at(ObserveAt::Head).build();
    let monitor = middleware.monitor();
    let server = Server::watched(middleware, routes);
    let mut client = server.connect();
    client.send_request("GET", "/body/1", &[]);
    let control = controls.recv_timeout(PATIENCE).expect("the handler begins");
    let recorded = || Some(page(&monitor).recorded()).filter(|requests| !requests.is_empty());
    assert_eq!(eventually("it is recorded", recorded), ["200 false GET /body/{id}: 1 of 0 bytes"]);
    drop(control);
}

#[test]
fn all_encoders_write_the_same_samples() {
    let options = builder().blocking_threshold(Duration::from_nanos(1));
    #[cfg(feature = "native-histograms")]
    let options = options.native_histograms();
    let (server, monitor) = serve(options, || HttpResponse::Ok().finish());
    server.connect().get("/");
    eventually("a timer fires", || (fired(&monitor) > 0.0).then_some(()));
    server.stop().expect("the server ends");
    eventually("the worker has ended", || (alive(&monitor) == 0.0).then_some(()));
    let mut encoded = String::new();
    encode(&mut encoded, monitor.registry()).expect("no metric fails");
    let own = |samples: Vec<Sample>| {
        let is_own = |sample: &Sample| {
            ["worker", "event_loop"].iter().any(|own| sample.name.starts_with(own))
        };
        let lines = samples.into_iter().filter(is_own);
        // prometheus-client writes `le` first.
        let mut lines: Vec<_> = lines
            .map(|Sample { name, mut labels, value, .. }| {
                labels.sort();
                format!("{name} {labels:?} {value}")
            })
            .collect();
        lines.sort();
        lines
    };
    let of_text = |text: &str| own(Page::parse(text).samples);
    let expected = of_text(&monitor.encode(Format::Text));
    assert_eq!(expected.len(), 18, "{expected:?}");
    assert_eq!(of_text(&monitor.encode(Format::OpenMetrics)), expected);
    assert_eq!(of_text(&encoded), expected);
    #[cfg(feature = "native-histograms")]
    {
        use crate::support::protobuf::{as_text, decode};
        assert_eq!(own(as_text(&decode(&monitor.encode_protobuf())).0), expected);
    }
}

#[test]
fn excluded_requests_are_not_counted() {
    let given = Measured::default();
    let (server, monitor) = serve(builder().exclude("/"), move || {
        given.block("GET /");
        HttpResponse::Ok().finish()
    });
    server.connect().get("/");
    assert_eq!(counts(&page(&monitor)), BTreeMap::new());
}

#[test]
fn workers_are_not_watched_by_default() {
    let monitor = BigBrother::builder().isolated().build().monitor();
    let page = page(&monitor);
    let is_own = |name: &&String| name.starts_with("worker") || name.starts_with("event_loop");
    assert_eq!(page.types.keys().find(is_own), None);
}

#[test]
fn the_threshold_is_100_ms_unless_it_is_set() {
    let (server, monitor) = serve(BigBrother::builder().isolated().blocked_workers(), || {
        thread::sleep(Duration::from_millis(100));
        HttpResponse::Ok().finish()
    });
    server.connect().get("/");
    assert_eq!(counts(&page(&monitor)), BTreeMap::from([("GET /".to_owned(), 1.0)]));
    let long = Duration::from_secs(3_600);
    for builder in [
        BigBrother::builder().isolated().blocked_workers().blocking_threshold(long),
        BigBrother::builder().isolated().blocking_threshold(long).blocked_workers(),
    ] {
        let (server, monitor) = serve(builder, || {
            thread::sleep(Duration::from_millis(100));
            HttpResponse::Ok().finish()
        });
        server.connect().get("/");
        assert_eq!(counts(&page(&monitor)), BTreeMap::new());
    }
}
