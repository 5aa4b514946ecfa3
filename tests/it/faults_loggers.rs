//! Loggers that panic, as one does that cannot write to its disk: whatever the crate logs, no
//! request and no scrape is lost with it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::{BigBrother, Dependency, Label};
use actix_web::{HttpResponse, web};

use crate::support::checks::{SOON, once, wait_until_down, wait_until_up};
use crate::support::child::in_a_process_of_its_own;
use crate::support::patience::eventually;
use crate::support::server::Server;

/// Writes each record to `/dev/full`, and panics with the error if there is one, as
/// `eprintln!` does. On systems without this file it panics because of that.
struct DiskFull;

/// Long enough that no system holds back a thread for so long.
const THRESHOLD: Duration = Duration::from_millis(400);

/// How long the routes of the tests block: longer than the threshold.
const BLOCK: Duration = Duration::from_millis(600);

static LOGGED: AtomicUsize = AtomicUsize::new(0);

impl log::Log for DiskFull {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target().starts_with("actix_monitor") {
            LOGGED.fetch_add(1, Ordering::SeqCst);
            let file = OpenOptions::new().write(true).open("/dev/full");
            file.and_then(|mut file| writeln!(file, "{}", record.args()))
                .expect("the disk is full");
        }
    }

    fn flush(&self) {}
}

fn fill_the_disk() {
    log::set_logger(&DiskFull).expect("no other logger");
    log::set_max_level(log::LevelFilter::Trace);
    // Without their backtraces, whose creation would block the worker.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
}

fn logged() -> usize {
    LOGGED.load(Ordering::SeqCst)
}

#[test]
fn a_request_whose_log_record_panics_is_recorded() {
    in_a_process_of_its_own(|| {
        fill_the_disk();
        let watched = BigBrother::builder()
            .isolated()
            .series_limit(3)
            .label("tenant", Label::header("x-tenant").limit(1))
            .blocking_threshold(THRESHOLD)
            .build();
        let server = Server::watched(watched, |app| {
            app.route("/{id}/ok", web::get().to(async || "ok")).route(
                "/blocks",
                web::get().to(async || {
                    thread::sleep(BLOCK);
                    HttpResponse::Ok().finish()
                }),
            );
        });
        let mut sent = 0.0;
        let mut get = |path: &str, tenant: &str| {
            let mut client = server.connect();
            client.send_request("GET", path, &[("x-tenant", tenant)]);
            assert!(client.read_response().is_complete, "{path} has its response");
            sent += 1.0;
            eventually("the request is recorded", || {
                let page = server.metrics();
                assert!(page.requests() <= sent, "more than once: {}", page.text);
                (page.requests() >= sent).then_some(page)
            })
        };
        // The route that blocks, the second tenant, and the fourth label set are logged.
        for (path, tenant) in
            [("/blocks", "a"), ("/1/ok", "b"), ("/2/ok", "c"), ("/nowhere", "a"), ("/blocks", "d")]
        {
            get(path, tenant);
        }
        for number in 0..20 {
            get(&format!("/{number}/ok"), &format!("tenant {number}"));
        }
        let page = get("/blocks", "a");
        assert!(logged() >= 3, "{} records: {}", logged(), page.text);
        assert_eq!(page.total("worker_blocked_total"), 3.0, "{}", page.text);
    });
}

/// The record is written while the panic of the handler unwinds: another panic that leaves a
/// destructor then ends the process.
#[test]
fn a_request_that_panics_and_is_logged_is_recorded_and_the_process_goes_on() {
    in_a_process_of_its_own(|| {
        fill_the_disk();
        let watched = BigBrother::builder()
            .isolated()
            .series_limit(1)
            .requests_in_flight()
            .blocking_threshold(THRESHOLD)
            .build();
        let server = Server::watched(watched, |app| {
            let panics = async || -> HttpResponse {
                thread::sleep(BLOCK);
                panic!("a handler's panic, on purpose")
            };
            app.route("/ok", web::get().to(async || "ok")).route("/panics", web::get().to(panics));
        });
        assert_eq!(server.connect().get("/ok").text(), "ok");
        let mut client = server.connect();
        client.send_request("GET", "/panics", &[]);
        client.try_read_response().expect_err("a panic has no answer");
        let page = server.metrics_of(2.0);
        let expected = ["200 false GET /ok: 1 of 2 bytes", "500 true GET _overflow: 1 of 0 bytes"];
        assert_eq!(page.recorded(), expected);
        assert_eq!(page.total("requests_in_flight"), 0.0);
        assert_eq!(logged(), 2, "the limit, and the route that blocks");
    });
}

#[test]
fn a_page_whose_log_record_panics_is_served() {
    in_a_process_of_its_own(|| {
        fill_the_disk();
        let watched = BigBrother::builder()
            .isolated()
            .register("broken", |registry| {
                registry.register("not a name", "Left out and logged", Counter::<u64>::default());
                registry.register("good", "Shown", Counter::<u64>::default());
            })
            .build();
        let server = Server::watched(watched, |app| {
            app.route("/ok", web::get().to(async || "ok"));
        });
        for sent in 1..=3 {
            assert_eq!(server.connect().get("/ok").text(), "ok");
            let page = server.metrics();
            assert_eq!(page.requests(), f64::from(sent));
            assert_eq!(page.value("good_total", &[]), Some(0.0), "{}", page.text);
        }
        assert!(logged() > 0);
    });
}

#[test]
fn a_check_whose_log_record_panics_goes_on() {
    in_a_process_of_its_own(|| {
        fill_the_disk();
        let runs = AtomicUsize::new(0);
        let flips = move || {
            let is_up = runs.fetch_add(1, Ordering::SeqCst) % 4 < 2;
            std::future::ready(is_up)
        };
        let monitor = BigBrother::builder()
            .isolated()
            .dependency(Dependency::new("flips", flips).every(SOON).timeout(SOON))
            .dependency(once(Dependency::new("down", || async { false })))
            .build()
            .monitor();
        for _ in 0..3 {
            wait_until_up(&monitor, "flips");
            wait_until_down(&monitor, "flips");
        }
        wait_until_down(&monitor, "down");
        assert!(logged() > 1);
    });
}
