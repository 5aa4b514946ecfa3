//! Memory that records and requests leave behind: none that grows with their number.

use std::thread;

use actix_monitor::{BigBrother, Unmatched};
use actix_web::dev::Service;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use futures_util::FutureExt as _;

use crate::support::child::in_a_process_of_its_own;
use crate::support::client::Client;
use crate::support::memory::{MIB, added, resident};
use crate::support::oracle::page_of;
use crate::support::server::{Runtime, Server, run};

const LIMIT: usize = 5;

#[test]
fn records_past_the_limit_do_not_add_memory() {
    const RECORDS: usize = 200_000;
    in_a_process_of_its_own(|| {
        let monitor = BigBrother::builder().isolated().series_limit(LIMIT).build().monitor();
        let record = |number: usize| {
            let addr = format!("/raw/{number}");
            monitor.start_request("http").method("GET").addr(addr.clone()).finish(200);
            monitor.start_dependency_request("db").addr(addr).finish("ok");
        };
        (0..1_000).for_each(record);
        let (added, ()) = added(|| {
            let half = RECORDS / 2;
            thread::scope(|scope| {
                scope.spawn(|| (0..half).for_each(record));
                (half..RECORDS).for_each(record);
            });
        });
        assert!(added < 4 * MIB, "{added} bytes, {} for each record", added / RECORDS);
        assert_eq!(page_of(&monitor).requests(), (1_000 + RECORDS) as f64);
    });
}

#[test]
fn paths_of_an_outsider_do_not_add_memory_past_the_limit() {
    const PATHS: usize = 6_000;
    in_a_process_of_its_own(|| {
        let watched =
            BigBrother::builder().isolated().series_limit(LIMIT).unmatched(Unmatched::Path).build();
        let monitor = watched.monitor();
        let server = Server::watched(watched, |_| ());
        let ask = |client: &mut Client, number: usize| {
            let path = format!("/{number}/{}", "x".repeat(1_000));
            assert_eq!(client.get(&path).status, 404);
        };
        let mut client = server.connect();
        (0..500).for_each(|number| ask(&mut client, number));
        let (added, ()) = added(|| (500..PATHS).for_each(|number| ask(&mut client, number)));
        assert!(added < 4 * MIB, "{added} bytes");
        let page = page_of(&monitor);
        assert_eq!(page.requests(), PATHS as f64);
        assert_eq!(page.find("request_seconds_count", &[]).len(), LIMIT + 1);
    });
}

/// How much memory four apps keep, one after the other, of `requests` requests for a path
/// of that length. What the first one frees is there for the others.
fn kept(requests: usize, path_length: usize) -> usize {
    const APPS: usize = 4;
    let monitor = BigBrother::builder().isolated().build();
    let path = format!("/{}", "x".repeat(path_length));
    let kept = run(Runtime::Actix, async {
        let mut apps = vec![];
        let mut first = 0;
        for _ in 0..APPS {
            // Without a pattern, so that no long path has to be compared.
            let never = web::to(std::future::pending::<HttpResponse>);
            let app = App::new().default_service(never).wrap(monitor.clone());
            let app = init_service(app).await;
            // What actix keeps for other requests is kept of the short ones.
            for (requests, path) in [(requests, &*path), (300, "/short")] {
                let begin = |_| {
                    let request = TestRequest::with_uri(path).to_request();
                    let mut response = Box::pin(app.call(request));
                    assert!(response.as_mut().now_or_never().is_none());
                    response
                };
                // All are in progress at once, and abandoned.
                drop((0..requests).map(begin).collect::<Vec<_>>());
            }
            apps.push(app);
            if first == 0 {
                first = resident();
            }
        }
        resident().saturating_sub(first)
    });
    let recorded = page_of(&monitor.monitor()).requests();
    assert_eq!(recorded, (APPS * (requests + 300)) as f64);
    kept
}

#[test]
fn long_paths_of_requests_that_have_ended_are_not_kept() {
    in_a_process_of_its_own(|| {
        let kept = kept(300, 20_000);
        assert!(kept < 4 * MIB, "{kept} bytes of 300 requests in each app");
    });
}

#[test]
fn states_of_requests_that_have_ended_are_not_kept_without_bound() {
    in_a_process_of_its_own(|| {
        let kept = kept(6_000, 400);
        assert!(kept < 4 * MIB, "{kept} bytes of 6,000 requests in each app");
    });
}
