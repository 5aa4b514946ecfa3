//! Timers in the app's hands: each call is counted once, under the labels it was
//! given, from any thread and on every way out.

use std::future::{Future as _, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Barrier;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use actix_monitor::{BigBrother, CallTimer, Format, Monitor};
use actix_web::{HttpResponse, web};

use crate::support::oracle::page_of;
use crate::support::page::{Page, Sample};
use crate::support::server::{Runtime, Server, monitor, run};

const OF_REQUESTS: &str = "request_seconds_count";
const OF_CALLS: &str = "dependency_request_seconds_count";

fn handle() -> web::Data<Monitor> {
    monitor().handle()
}

/// A sorted line for each series of `family`, its values in the order of the page.
fn told(page: &Page, family: &str) -> Vec<String> {
    let line = |count: &&Sample| {
        let values: Vec<_> = count.labels.iter().map(|(_, value)| value.as_str()).collect();
        format!("{}: {}", values.join(" "), count.value)
    };
    let mut lines: Vec<_> = page.find(family, &[]).iter().map(line).collect();
    lines.sort();
    lines
}

// Labels and values.

#[test]
fn a_timer_that_tells_nothing_has_the_defaults() {
    let monitor = handle();
    monitor.record_request("amqp").finish("ack", false);
    monitor.dependency_request("db").finish("ok", false);
    let page = page_of(&monitor);
    assert_eq!(told(&page, OF_REQUESTS), ["amqp ack false unknown unknown: 1"]);
    assert_eq!(told(&page, OF_CALLS), ["db http ok false unknown unknown: 1"]);
    assert_eq!(page.total("response_size_bytes"), 0.0);
}

#[test]
fn a_timer_tells_what_it_was_told_last() {
    let monitor = handle();
    let fill = |timer: CallTimer| {
        timer
            .kind("x")
            .method("x")
            .addr("x")
            .bytes(1)
            .took(Duration::from_secs(9))
            .kind("sql")
            .method(String::from("SELECT"))
            .addr("note by id")
            .bytes(120)
            .took(Duration::from_millis(250))
    };
    fill(monitor.record_request("first")).finish("ok", false);
    fill(monitor.dependency_request("db")).finish("ok", false);
    let page = page_of(&monitor);
    assert_eq!(told(&page, OF_REQUESTS), ["sql ok false SELECT note by id: 1"]);
    assert_eq!(told(&page, OF_CALLS), ["db sql ok false SELECT note by id: 1"]);
    assert_eq!(page.total("response_size_bytes"), 120.0, "of requests alone");
    for family in ["request_seconds", "dependency_request_seconds"] {
        assert_eq!(page.total(&format!("{family}_sum")), 0.25);
        let bucket = |le| page.value(&format!("{family}_bucket"), &[("le", le)]);
        assert_eq!([bucket("0.1"), bucket("0.3")], [Some(0.0), Some(1.0)]);
    }
}

#[test]
fn a_status_is_a_code_or_any_word() {
    let monitor = handle();
    monitor.dependency_request("api").finish(200, false);
    monitor.dependency_request("api").finish("200", false);
    monitor.dependency_request("api").finish(503, true);
    monitor.dependency_request("api").finish(503, false);
    monitor.dependency_request("api").finish("DEADLINE_EXCEEDED", true);
    monitor.dependency_request("api").finish(String::from("hit"), false);
    monitor.record_request("grpc").finish(7, true);
    let page = page_of(&monitor);
    let of_status = |status| page.sum(OF_CALLS, &[("status", status)]);
    assert_eq!(of_status("503"), 2.0);
    assert_eq!(page.sum(OF_CALLS, &[("status", "503"), ("isError", "true")]), 1.0);
    assert_eq!([of_status("DEADLINE_EXCEEDED"), of_status("hit")], [1.0, 1.0]);
    assert_eq!(told(&page, OF_REQUESTS), ["grpc 7 true unknown unknown: 1"]);
    assert_eq!(of_status("200"), 2.0, "a code and its digits are one");
    assert_eq!(page.find(OF_CALLS, &[("status", "200")]).len(), 1);
}

#[test]
fn digits_that_are_no_code_are_a_word() {
    let monitor = handle();
    let words = ["007", "7", "+7", "65535", "65536", "-1", "200 ", "٧"];
    for word in words {
        monitor.dependency_request("api").finish(word, false);
    }
    monitor.dependency_request("api").finish(7, false);
    monitor.dependency_request("api").finish(u16::MAX, false);
    let page = page_of(&monitor);
    for word in words {
        let times = if ["7", "65535"].contains(&word) { 2.0 } else { 1.0 };
        assert_eq!(page.value(OF_CALLS, &[("status", word)]), Some(times), "{word}");
    }
}

#[test]
fn no_word_of_the_app_can_break_the_page() {
    let monitor = handle();
    let words =
        ["", "\"", "\\", "\n", "a\n# EOF\nforged 1", "\"} 1\nforged 1", "\0\r", "\u{1F980}"];
    for word in words {
        let timer = monitor.dependency_request(word).kind(word).method(word).addr(word);
        timer.finish(word.to_owned(), false);
        monitor.record_request(word).method(word).addr(word).finish(word, true);
    }
    let page = page_of(&monitor);
    for word in words {
        let labels = ["type", "status", "method", "addr"].map(|key| (key, word));
        assert_eq!(page.value(OF_REQUESTS, &labels), Some(1.0), "{word:?}");
        assert_eq!(page.value(OF_CALLS, &labels), Some(1.0), "{word:?}");
        assert_eq!(page.value(OF_CALLS, &[("name", word)]), Some(1.0), "{word:?}");
    }
}

#[test]
fn durations_and_bytes_past_all_bounds_stay_there() {
    let monitor = handle();
    let record = |took, bytes| {
        monitor.record_request("batch").took(took).bytes(bytes).finish("ok", false);
        let page = page_of(&monitor);
        (page.total("request_seconds_sum"), page.total("response_size_bytes"))
    };
    let first = record(Duration::MAX, u64::MAX);
    assert!(first.0 > 1e10 && first.1 > 1e19, "{first:?}");
    let second = record(Duration::from_secs(20), 100);
    assert_eq!(second, first, "a counter that wraps would fall");
    let page = page_of(&monitor);
    assert_eq!(page.requests(), 2.0);
    assert_eq!(page.value("request_seconds_bucket", &[("le", "10.5")]), Some(0.0));
}

#[test]
fn calls_fall_into_the_buckets_of_dependencies_and_requests_into_theirs() {
    let builder = BigBrother::builder().isolated().buckets([1.0]).dependency_buckets([0.01, 0.1]);
    let monitor = builder.build().handle();
    for millis in [1, 10, 11, 100, 101] {
        let took = Duration::from_millis(millis);
        monitor.dependency_request("db").took(took).finish("ok", false);
        monitor.record_request("amqp").took(took * 10).finish("ok", false);
    }
    let page = page_of(&monitor);
    let buckets = |family: &str| {
        let of = |sample: &&Sample| (sample.label("le").map(str::to_owned), sample.value);
        page.find(family, &[]).iter().map(of).collect::<Vec<_>>()
    };
    let expected = |bounds: &[(&str, f64)]| {
        let owned = bounds.iter().map(|(le, count)| (Some((*le).to_owned()), *count));
        owned.collect::<Vec<_>>()
    };
    assert_eq!(
        buckets("dependency_request_seconds_bucket"),
        expected(&[("0.01", 2.0), ("0.1", 4.0), ("+Inf", 5.0)])
    );
    assert_eq!(buckets("request_seconds_bucket"), expected(&[("1.0", 4.0), ("+Inf", 5.0)]));
    assert_eq!(page.total("dependency_request_seconds_sum"), 0.223);
}

#[test]
fn requests_of_the_app_stand_beside_those_of_actix() {
    let monitor = monitor();
    let handle = monitor.handle();
    let server = Server::watched(monitor, |app| {
        app.route("/x", web::get().to(async || HttpResponse::Ok().body("12345")));
    });
    assert_eq!(server.connect().get("/x").status, 200);
    // The same labels, so the same series.
    handle.record_request("http").method("GET").addr("/x").bytes(10).finish(200, false);
    assert_eq!(page_of(&handle).recorded(), ["200 false GET /x: 2 of 15 bytes"]);
    handle.record_request("amqp").finish("ack", false);
    assert_eq!(server.metrics().requests(), 3.0);
}

// Time.

#[test]
fn a_timer_runs_from_where_it_was_made() {
    let monitor = handle();
    let before = Instant::now();
    let timer = monitor.dependency_request("db");
    let within = Instant::now();
    // The passing of time is what is measured here.
    thread::sleep(Duration::from_millis(120));
    let least = within.elapsed();
    timer.finish("ok", false);
    let most = before.elapsed();
    let sum = page_of(&monitor).total("dependency_request_seconds_sum");
    // Two clocks may run a thousandth apart.
    let (least, most) = (least.mul_f64(0.999).as_secs_f64(), most.mul_f64(1.001).as_secs_f64());
    assert!((least..=most).contains(&sum), "{least} {sum} {most}");
}

#[test]
fn time_runs_from_the_first_poll() {
    let monitor = handle();
    let timed = monitor.dependency_request("db").time(ready(Ok::<_, ()>(7)));
    thread::sleep(Duration::from_millis(400));
    let polled = Instant::now();
    assert_eq!(run(Runtime::Actix, timed), Ok(7));
    let sum = page_of(&monitor).total("dependency_request_seconds_sum");
    assert!(sum <= polled.elapsed().as_secs_f64(), "{sum}");
}

// Ways out.

#[test]
fn a_timer_that_is_dropped_is_unfinished_and_counted_once() {
    let monitor = handle();
    let early = |is_over: bool| -> Option<()> {
        let timer = monitor.dependency_request("db").kind("sql").method("SELECT").addr("notes");
        (!is_over).then_some(())?;
        timer.finish("ok", false);
        Some(())
    };
    assert_eq!((early(true), early(false)), (None, Some(())));
    drop(monitor.record_request("amqp").bytes(12));
    let page = page_of(&monitor);
    let expected = ["db sql ok false SELECT notes: 1", "db sql unfinished true SELECT notes: 1"];
    assert_eq!(told(&page, OF_CALLS), expected);
    assert_eq!(told(&page, OF_REQUESTS), ["amqp unfinished true unknown unknown: 1"]);
}

#[test]
fn a_panic_amid_a_call_leaves_it_unfinished_and_the_monitor_whole() {
    let monitor = handle();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _timer = monitor.dependency_request("db");
        panic!("a call's panic, on purpose");
    }));
    assert!(panicked.is_err());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let call = async { panic!("a call's panic, on purpose") };
        run(Runtime::Actix, monitor.dependency_request("db").time::<(), ()>(call))
    }));
    assert!(panicked.is_err());
    monitor.dependency_request("db").finish("ok", false);
    let expected =
        ["db http ok false unknown unknown: 1", "db http unfinished true unknown unknown: 2"];
    assert_eq!(told(&page_of(&monitor), OF_CALLS), expected);
}

#[test]
fn time_hands_the_result_on_and_tells_which_it_was() {
    let monitor = handle();
    run(Runtime::Actix, async {
        let call = || monitor.dependency_request("db");
        assert_eq!(call().time(ready(Ok::<_, String>("row"))).await, Ok("row"));
        let failed: Result<(), _> = call().time(ready(Err("deadlock".to_owned()))).await;
        assert_eq!(failed, Err("deadlock".to_owned()));
        let later = async {
            actix_web::rt::task::yield_now().await;
            Ok::<_, ()>(1)
        };
        assert_eq!(monitor.record_request("amqp").time(later).await, Ok(1));
    });
    let page = page_of(&monitor);
    let expected = ["db http error true unknown unknown: 1", "db http ok false unknown unknown: 1"];
    assert_eq!(told(&page, OF_CALLS), expected);
    assert_eq!(told(&page, OF_REQUESTS), ["amqp ok false unknown unknown: 1"]);
}

#[test]
fn a_timed_future_that_is_dropped_is_unfinished() {
    let monitor = handle();
    {
        let timed = monitor.dependency_request("polled").time(pending::<Result<(), ()>>());
        let mut timed = pin!(timed);
        let polled = timed.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Pending);
        assert!(told(&page_of(&monitor), OF_CALLS).is_empty(), "it is under way");
    }
    drop(monitor.dependency_request("not polled").time(pending::<Result<(), ()>>()));
    let expected = [
        "not polled http unfinished true unknown unknown: 1",
        "polled http unfinished true unknown unknown: 1",
    ];
    assert_eq!(told(&page_of(&monitor), OF_CALLS), expected);
}

#[test]
fn a_call_is_on_the_page_when_its_future_is_ready() {
    let monitor = handle();
    let seen = run(Runtime::Actix, async {
        let mut timed = pin!(monitor.dependency_request("db").time(ready(Ok::<_, ()>(()))));
        poll_fn(|cx| timed.as_mut().poll(cx).map(|_| page_of(&monitor).total(OF_CALLS))).await
    });
    assert_eq!(seen, 1.0);
}

// Threads.

#[test]
fn a_timer_may_be_finished_on_another_thread_and_outlive_the_middleware() {
    let handle = handle();
    let timer = handle.record_request("amqp");
    let kept = Monitor::clone(&handle);
    drop(handle);
    thread::spawn(move || timer.finish("ack", false)).join().expect("no panic");
    assert_eq!(page_of(&kept).requests(), 1.0);
}

#[test]
fn calls_from_many_threads_are_counted_exactly() {
    const THREADS: u32 = 16;
    const TURNS: u32 = 1_500;
    let monitor = handle();
    let gate = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (monitor, gate) = (&monitor, &gate);
            scope.spawn(move || {
                gate.wait();
                for turn in 0..TURNS {
                    let addr = ["a", "b", "c"][turn as usize % 3];
                    let took = Duration::from_millis(u64::from(turn % 3) * 200);
                    let request = monitor.record_request("amqp").addr(addr).bytes(3);
                    let call = monitor.dependency_request("db").addr(addr).took(took);
                    // Half of the calls are cancelled.
                    if number % 2 == 0 {
                        call.finish("ok", false);
                    } else {
                        drop(call);
                    }
                    request.took(took).finish(200, false);
                }
            });
        }
        for _ in 0..20 {
            page_of_whatever_is_there(&monitor);
        }
    });
    let page = page_of(&monitor);
    let each = f64::from(THREADS * TURNS / 3);
    for (addr, millis) in [("a", 0.0), ("b", 200.0), ("c", 400.0)] {
        assert_eq!(page.sum(OF_REQUESTS, &[("addr", addr)]), each);
        for status in ["ok", "unfinished"] {
            let labels = [("addr", addr), ("status", status)];
            assert_eq!(page.value(OF_CALLS, &labels), Some(each / 2.0));
            let sum = page.value("dependency_request_seconds_sum", &labels);
            assert_eq!(sum, Some(each / 2.0 * millis / 1_000.0));
        }
        let sum = page.sum("request_seconds_sum", &[("addr", addr)]);
        assert_eq!(sum, each * millis / 1_000.0);
        assert_eq!(page.sum("response_size_bytes", &[("addr", addr)]), each * 3.0);
    }
}

/// A page that is read while calls come in: whole, whatever it tells.
fn page_of_whatever_is_there(monitor: &Monitor) {
    Page::parse(&monitor.encode(Format::Text).expect("a page"));
}

#[test]
fn labels_made_by_many_threads_at_once_are_one_series_each() {
    const THREADS: usize = 8;
    let monitor = handle();
    let gate = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for number in 0..100 {
                    gate.wait();
                    let timer = monitor.dependency_request("db").addr(format!("query {number}"));
                    timer.finish("ok", false);
                }
            });
        }
    });
    let page = page_of(&monitor);
    let counts = page.find(OF_CALLS, &[]);
    assert_eq!(counts.len(), 100);
    assert!(counts.iter().all(|count| count.value == THREADS as f64), "{counts:?}");
}

// Bounds.

#[test]
fn past_the_limit_the_addr_of_a_call_gives_way_and_all_else_stays_exact() {
    let monitor = BigBrother::builder().isolated().series_limit(2).build().handle();
    let call = |name: &'static str, addr: &'static str| {
        monitor.dependency_request(name).kind("sql").method("SELECT").addr(addr)
    };
    for (name, addr, status, is_error) in [
        ("db", "one", "ok", false),
        ("db", "two", "ok", false),
        ("db", "three", "ok", false),
        ("db", "four", "ok", false),
        ("db", "one", "error", true),
        ("cache", "one", "ok", false),
        ("db", "one", "ok", false),
    ] {
        call(name, addr).finish(status, is_error);
    }
    drop(call("db", "five"));
    assert_eq!(
        told(&page_of(&monitor), OF_CALLS),
        [
            "cache sql ok false SELECT _overflow: 1",
            "db sql error true SELECT _overflow: 1",
            "db sql ok false SELECT _overflow: 2",
            "db sql ok false SELECT one: 2",
            "db sql ok false SELECT two: 1",
            "db sql unfinished true SELECT _overflow: 1",
        ]
    );
}

#[test]
fn each_family_has_a_limit_of_its_own() {
    let monitor = BigBrother::builder().isolated().series_limit(3).build().handle();
    for number in 0..10 {
        monitor.dependency_request("db").addr(format!("{number}")).finish("ok", false);
    }
    for number in 0..3 {
        monitor.record_request("amqp").addr(format!("{number}")).finish("ack", false);
    }
    let page = page_of(&monitor);
    assert!(page.find(OF_REQUESTS, &[("addr", "_overflow")]).is_empty());
    assert_eq!(page.value(OF_CALLS, &[("addr", "_overflow")]), Some(7.0));
}
