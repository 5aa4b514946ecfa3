//! What a scrape may cost: a collector that hangs takes neither the page nor memory with
//! it, and a scrape that fails leaves the next one alone.

use std::time::{Duration, Instant};

use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::{Format, metrics};
use actix_web::test::TestRequest;
use actix_web::{HttpResponse, web};
use futures_util::FutureExt as _;

use crate::support::checks::threads_named;
use crate::support::child::in_a_process_of_its_own;
use crate::support::collectors::Stuck;
use crate::support::journal;
use crate::support::memory::{MIB, added};
use crate::support::oracle::is_text;
use crate::support::page::Page;
use crate::support::patience::eventually;
use crate::support::server::{Runtime, Server, monitor, run};

/// How long a scrape waits for its page.
const TIME_LIMIT: Duration = Duration::from_secs(8);

/// The thread that encodes.
const THREAD: &str = "bb-scrape";

fn ok(app: &mut web::ServiceConfig) {
    app.route("/ok", web::get().to(HttpResponse::Ok)).route("/mounted", web::get().to(metrics));
}

/// Waits for a page of the text format at `path`: a scrape that finds the collector before
/// it counts as hanging is answered with 503 as well.
#[track_caller]
fn page_at(server: &Server, path: &str) -> Page {
    eventually(&format!("there is a page at {path}"), || {
        let response = server.connect().get(path);
        (response.status == 200).then(|| is_text(&response))
    })
}

#[test]
fn a_collector_that_hangs_costs_its_scrape_a_503_and_later_ones_its_metrics_alone() {
    in_a_process_of_its_own(|| {
        journal::start();
        let watched = monitor();
        let monitor = watched.monitor();
        let stuck = Stuck::register(&monitor);
        monitor.register(|registry| {
            registry.register("orders", "Orders", Counter::<u64>::default());
        });
        let server = Server::watched(watched, ok);
        let mut client = server.connect();
        assert_eq!(client.get("/ok").status, 200);

        let sent = Instant::now();
        client.send_request("GET", "/metrics", &[]);
        stuck.wait_for(1);
        std::thread::sleep(TIME_LIMIT - Duration::from_secs(1));
        let mut later = server.connect();
        later.send_request("GET", "/metrics", &[]);
        let failed = client.read_response();
        assert_eq!((failed.status, failed.body.len()), (503, 0));
        assert!(sent.elapsed() >= TIME_LIMIT, "after {:?}", sent.elapsed());
        // It waited for the round that hangs, and has most of its time left.
        assert_eq!(later.read_response().status, 200);
        page_at(&server, "/metrics");

        // From now on it hangs: nobody waits for it, and it is not called again.
        let begun = stuck.begun();
        for path in ["/metrics", "/mounted", "/metrics"] {
            let page = page_at(&server, path);
            assert_eq!(page.recorded(), ["200 false GET /ok: 1 of 0 bytes"]);
            assert_eq!(page.value("orders_total", &[]), Some(0.0));
            assert_eq!(page.value("stuck", &[]), None);
        }
        assert_eq!(server.connect().head("/metrics").status, 200);
        assert!(!monitor.encode(Format::Text).contains("stuck"));
        assert_eq!(stuck.begun(), begun);
        eventually("only the threads that hang are left", || {
            (threads_named(THREAD) == begun).then_some(())
        });
        let hangs = |line: &String| line.starts_with("WARN") && line.contains("hangs");
        assert_eq!(journal::lines("actix_monitor").iter().filter(|line| hangs(line)).count(), 1);

        stuck.open();
        eventually("its metrics are back", || page_at(&server, "/metrics").value("stuck", &[]));
        eventually("no thread is left", || (threads_named(THREAD) == 0).then_some(()));
        assert_eq!(page_at(&server, "/metrics").value("stuck", &[]), Some(1.0));
        assert!(monitor.encode(Format::Text).contains("\nstuck 1\n"));
    });
}

#[test]
fn abandoned_scrapes_leave_no_memory_behind() {
    const SCRAPES: usize = 100_000;
    in_a_process_of_its_own(|| {
        let monitor = monitor().monitor();
        let stuck = Stuck::register(&monitor);
        run(Runtime::Actix, async {
            let request = TestRequest::default().app_data(monitor.clone()).to_http_request();
            let abandon = || metrics(request.clone()).now_or_never();
            for _ in 0..1_000 {
                assert!(abandon().is_none(), "no page without the collector");
            }
            let (added, ()) = added(|| (0..SCRAPES).for_each(|_| drop(abandon())));
            assert!(added < 4 * MIB, "{} bytes for each", added / SCRAPES);
            stuck.open();
            let response = metrics(request.clone()).await;
            assert_eq!(response.status(), 200);
        });
    });
}

#[test]
fn scrapers_that_abort_leave_neither_threads_nor_connections() {
    const SCRAPERS: usize = 200;
    in_a_process_of_its_own(|| {
        let watched = monitor();
        let stuck = Stuck::register(&watched.monitor());
        let server = Server::watched(watched, ok);
        let mut patient = server.connect();
        patient.send_request("GET", "/metrics", &[]);
        stuck.wait_for(1);
        let open_files = || std::fs::read_dir("/proc/self/fd").expect("Linux").count();
        let before = open_files();
        let scrapers: Vec<_> = (0..SCRAPERS)
            .map(|_| {
                let mut scraper = server.connect();
                scraper.send_request("GET", "/metrics", &[]);
                scraper
            })
            .collect();
        // The worker has read their requests once it has answered a later one.
        assert_eq!(server.connect().get("/ok").status, 200);
        scrapers.into_iter().for_each(|scraper| scraper.reset());
        eventually("their connections are closed", || (open_files() <= before).then_some(()));
        // More than the one that is stuck may have started on a busy machine, and end again.
        let is_bounded = || (threads_named(THREAD) <= stuck.begun()).then_some(());
        eventually("only threads that are stuck are left", is_bounded);
        stuck.open();
        // Its own scrape may have taken too long by now, and the encoding may not have ended.
        assert!([200, 503].contains(&patient.read_response().status));
        eventually("the page is whole", || page_at(&server, "/metrics").value("stuck", &[]));
        eventually("no thread is left", || (threads_named(THREAD) == 0).then_some(()));
    });
}

/// Ticks of the processor that this process has used.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat.rsplit_once(") ").expect("a name").1.split(' ').skip(11).take(2);
    fields.map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}

#[test]
fn scrapes_that_wait_take_no_time_of_the_processor() {
    in_a_process_of_its_own(|| {
        let watched = monitor();
        let stuck = Stuck::register(&watched.monitor());
        let server = Server::watched(watched, ok);
        let [mut first, mut second] = [server.connect(), server.connect()];
        first.send_request("GET", "/metrics", &[]);
        stuck.wait_for(1);
        second.send_request("GET", "/metrics", &[]);
        assert_eq!(server.connect().get("/ok").status, 200);
        let before = cpu_ticks();
        std::thread::sleep(Duration::from_secs(2));
        let used = cpu_ticks() - before;
        // A hundred ticks are a second.
        assert!(used < 10, "{used} ticks in two seconds");
        stuck.open();
        for client in [&mut first, &mut second] {
            assert!([200, 503].contains(&client.read_response().status));
        }
    });
}

/// Sets how much address space this process may have.
fn limit_address_space(bytes: usize) {
    let status = std::process::Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), &format!("--as={bytes}:")])
        .status()
        .expect("util-linux");
    assert!(status.success(), "the limit is set");
}

/// A process that lifts the limit once its input is closed. It is started before there is
/// a limit, which may leave no room to start a process.
fn lifter() -> std::process::Child {
    let script = format!("read _; exec prlimit --pid {} --as=unlimited:", std::process::id());
    let lifter = std::process::Command::new("sh")
        .args(["-c", &script])
        .stdin(std::process::Stdio::piped())
        .spawn();
    lifter.expect("a shell")
}

/// The address space of this process in bytes.
fn address_space() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

#[test]
fn a_scrape_for_which_no_thread_can_be_started_is_a_500_and_the_next_one_is_not() {
    in_a_process_of_its_own(|| {
        journal::start();
        let server = Server::watched(monitor(), ok);
        let mut client = server.connect();
        assert_eq!(client.get("/ok").status, 200);
        // Room for what is allocated meanwhile, but not for the stack of a thread.
        let mut lifter = lifter();
        limit_address_space(address_space() + MIB);
        let failed = [client.get("/metrics"), client.head("/metrics"), client.get("/metrics")];
        drop(lifter.stdin.take());
        assert!(lifter.wait().is_ok_and(|status| status.success()), "the limit is lifted");
        for response in failed {
            assert_eq!((response.status, response.body.len()), (500, 0));
        }
        let is_reason = |line: &String| line.starts_with("ERROR cannot start a thread");
        assert!(journal::lines("actix_monitor").iter().any(is_reason));
        for _ in 0..3 {
            let page = is_text(&client.get("/metrics"));
            assert_eq!(page.recorded(), ["200 false GET /ok: 1 of 0 bytes"]);
        }
    });
}
