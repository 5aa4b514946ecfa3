//! A scrape with gzip and without: the time until its body is there, and its size.

use std::time::Instant;

use actix_monitor::Format;
use actix_web::App;
use actix_web::http::header::ACCEPT_ENCODING;
use actix_web::rt::System;
use actix_web::test::{TestRequest, call_and_read_body, init_service};

use crate::Args;
use crate::peers::published::unlimited;
use crate::report::{Cell, Report};
use crate::runner::run_one_by_one;
use crate::services::grid;
use crate::stats::median;

const SIZES: [usize; 3] = [100, 2_000, 10_000];
const CODINGS: [&str; 2] = ["gzip", "identity"];

/// Requests between two scrapes.
const REQUESTS: usize = 50;

pub fn run(args: &Args, report: &mut Report) {
    for sets in SIZES {
        let scrapes = measure(sets, args.rounds((100_000 / sets).clamp(40, 400)));
        for (coding, (bytes, millis)) in CODINGS.iter().zip(scrapes) {
            report.number("compression, ms", &format!("{coding}, {sets} sets"), millis);
            report.number("compression, bytes", &format!("{coding}, {sets} sets"), bytes);
        }
        let [(bytes, millis), (plain_bytes, plain_millis)] = scrapes;
        let what = format!("scrape of {sets} label sets with gzip");
        let plain = Cell::named("without", plain_millis, " ms");
        report.compare(&format!("{what}, time"), Cell::new(millis, " ms"), plain);
        let kilobytes = |bytes: usize| bytes as f64 / 1e3;
        let plain = Cell::named("without", kilobytes(plain_bytes), " kB");
        report.ratio(&format!("{what}, size"), Cell::new(kilobytes(bytes), " kB"), plain, 0.1);
    }
}

/// Bytes and median milliseconds of a scrape with each coding, in turn.
fn measure(sets: usize, rounds: usize) -> [(usize, f64); 2] {
    let peer = unlimited(Format::Text);
    let mut workload = grid(&peer, 0, sets);
    run_one_by_one(workload.as_mut(), sets);
    let mut scrapes = CODINGS.map(|_| (0, Vec::with_capacity(rounds)));
    // Scrapes have time limits, which need a runtime.
    System::new().block_on(async {
        let app = init_service(App::new().wrap(peer.middleware.clone())).await;
        for _ in 0..rounds {
            for (coding, (bytes, millis)) in CODINGS.iter().zip(&mut scrapes) {
                run_one_by_one(workload.as_mut(), REQUESTS);
                let request = TestRequest::with_uri("/metrics");
                let request = request.insert_header((ACCEPT_ENCODING, *coding)).to_request();
                let start = Instant::now();
                *bytes = call_and_read_body(&app, request).await.len();
                millis.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    });
    scrapes.map(|(bytes, mut millis)| (bytes, median(&mut millis)))
}
