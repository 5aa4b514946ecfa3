//! Timers: each call is recorded once with its labels, from any thread and however it
//! ends.

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
    monitor().monitor()
}

/// A sorted line for each series of `family`, its values in the order of the page.
fn recorded(page: &Page, family: &str) -> Vec<String> {
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
fn a_timer_without_labels_has_the_defaults() {
    let monitor = handle();
    monitor.start_request("amqp").finish("ack");
    monitor.start_dependency_request("db").finish("ok");
    let page = page_of(&monitor);
    assert_eq!(recorded(&page, OF_REQUESTS), ["amqp ack false unknown unknown: 1"]);
    assert_eq!(recorded(&page, OF_CALLS), ["db http ok false unknown unknown: 1"]);
    assert_eq!(page.total("response_size_bytes"), 0.0);
}

#[test]
fn the_last_value_of_each_label_is_recorded() {
    let monitor = handle();
    let fill = |timer: CallTimer| {
        timer
            .kind("x")
            .method("x")
            .addr("x")
            .response_bytes(1)
            .duration(Duration::from_secs(9))
            .kind("sql")
            .method(String::from("SELECT"))
            .addr("note by id")
            .response_bytes(120)
            .duration(Duration::from_millis(250))
    };
    fill(monitor.start_request("first")).finish("ok");
    fill(monitor.start_dependency_request("db")).finish("ok");
    let page = page_of(&monitor);
    assert_eq!(recorded(&page, OF_REQUESTS), ["sql ok false SELECT note by id: 1"]);
    assert_eq!(recorded(&page, OF_CALLS), ["db sql ok false SELECT note by id: 1"]);
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
    monitor.start_dependency_request("api").finish(200);
    monitor.start_dependency_request("api").finish("200");
    monitor.start_dependency_request("api").fail(503);
    monitor.start_dependency_request("api").finish(503);
    monitor.start_dependency_request("api").fail("DEADLINE_EXCEEDED");
    monitor.start_dependency_request("api").finish(String::from("hit"));
    monitor.start_request("grpc").fail(7);
    let page = page_of(&monitor);
    let of_status = |status| page.sum(OF_CALLS, &[("status", status)]);
    assert_eq!(of_status("503"), 2.0);
    assert_eq!(page.sum(OF_CALLS, &[("status", "503"), ("isError", "true")]), 1.0);
    assert_eq!([of_status("DEADLINE_EXCEEDED"), of_status("hit")], [1.0, 1.0]);
    assert_eq!(recorded(&page, OF_REQUESTS), ["grpc 7 true unknown unknown: 1"]);
    assert_eq!(of_status("200"), 2.0, "a code and its digits are one");
    assert_eq!(page.find(OF_CALLS, &[("status", "200")]).len(), 1);
}

#[test]
fn digits_that_are_not_a_code_are_a_word() {
    let monitor = handle();
    let words = ["007", "7", "+7", "65535", "65536", "-1", "200 ", "٧"];
    for word in words {
        monitor.start_dependency_request("api").finish(word);
    }
    monitor.start_dependency_request("api").finish(7);
    monitor.start_dependency_request("api").finish(u16::MAX);
    let page = page_of(&monitor);
    for word in words {
        let times = if ["7", "65535"].contains(&word) { 2.0 } else { 1.0 };
        assert_eq!(page.value(OF_CALLS, &[("status", word)]), Some(times), "{word}");
    }
}

#[test]
fn no_label_of_a_timer_can_break_the_page() {
    let monitor = handle();
    let words =
        ["", "\"", "\\", "\n", "a\n# EOF\nforged 1", "\"} 1\nforged 1", "\0\r", "\u{1F980}"];
    for word in words {
        let timer = monitor.start_dependency_request(word).kind(word).method(word).addr(word);
        timer.finish(word.to_owned());
        monitor.start_request(word).method(word).addr(word).fail(word);
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
fn durations_and_bytes_saturate() {
    let monitor = handle();
    let record = |took, bytes| {
        monitor.start_request("batch").duration(took).response_bytes(bytes).finish("ok");
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
fn sums_are_exact_to_the_nanosecond() {
    let monitor = handle();
    let mut record = |nanos| {
        monitor.start_request("batch").duration(Duration::from_nanos(nanos)).finish("ok");
        let page = page_of(&monitor).text;
        let lines = page.lines().filter_map(|line| line.strip_prefix("request_seconds_sum{"));
        lines.map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned()).collect()
    };
    let sums: Vec<Vec<String>> =
        [1, 123_456_788, 876_543_211, 500_000_000, 3_600_000_000_000].map(&mut record).into();
    let expected = ["0.000000001", "0.123456789", "1.0", "1.5", "3601.5"];
    assert_eq!(sums, expected.map(|sum| vec![sum.to_owned()]));
}

#[test]
fn calls_and_requests_are_counted_in_their_own_buckets() {
    let builder = BigBrother::builder().isolated().buckets([1.0]).dependency_buckets([0.01, 0.1]);
    let monitor = builder.build().monitor();
    for millis in [1, 10, 11, 100, 101] {
        let took = Duration::from_millis(millis);
        monitor.start_dependency_request("db").duration(took).finish("ok");
        monitor.start_request("amqp").duration(took * 10).finish("ok");
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
fn requests_of_the_app_share_series_with_those_of_actix() {
    let monitor = monitor();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, |app| {
        app.route("/x", web::get().to(async || HttpResponse::Ok().body("12345")));
    });
    assert_eq!(server.connect().get("/x").status, 200);
    // The same labels, so the same series.
    handle.start_request("http").method("GET").addr("/x").response_bytes(10).finish(200);
    assert_eq!(page_of(&handle).recorded(), ["200 false GET /x: 2 of 15 bytes"]);
    handle.start_request("amqp").finish("ack");
    assert_eq!(server.metrics().requests(), 3.0);
}

// Time.

#[test]
fn a_timer_starts_when_it_is_created() {
    let monitor = handle();
    let before = Instant::now();
    let timer = monitor.start_dependency_request("db");
    let within = Instant::now();
    // Time is what is measured here.
    thread::sleep(Duration::from_millis(120));
    let least = within.elapsed();
    timer.finish("ok");
    let most = before.elapsed();
    let sum = page_of(&monitor).total("dependency_request_seconds_sum");
    // The clocks may differ by a thousandth.
    let (least, most) = (least.mul_f64(0.999).as_secs_f64(), most.mul_f64(1.001).as_secs_f64());
    assert!((least..=most).contains(&sum), "{least} {sum} {most}");
}

#[test]
fn a_timed_future_is_measured_from_its_first_poll() {
    let monitor = handle();
    let timed = monitor.start_dependency_request("db").time(ready(Ok::<_, ()>(7)));
    thread::sleep(Duration::from_millis(400));
    let polled = Instant::now();
    assert_eq!(run(Runtime::Actix, timed), Ok(7));
    let sum = page_of(&monitor).total("dependency_request_seconds_sum");
    assert!(sum <= polled.elapsed().as_secs_f64(), "{sum}");
}

// Ends.

#[test]
fn a_timer_that_is_dropped_is_unfinished_and_counted_once() {
    let monitor = handle();
    let early = |is_over: bool| -> Option<()> {
        let timer =
            monitor.start_dependency_request("db").kind("sql").method("SELECT").addr("notes");
        (!is_over).then_some(())?;
        timer.finish("ok");
        Some(())
    };
    assert_eq!((early(true), early(false)), (None, Some(())));
    drop(monitor.start_request("amqp").response_bytes(12));
    let page = page_of(&monitor);
    let expected = ["db sql ok false SELECT notes: 1", "db sql unfinished true SELECT notes: 1"];
    assert_eq!(recorded(&page, OF_CALLS), expected);
    assert_eq!(recorded(&page, OF_REQUESTS), ["amqp unfinished true unknown unknown: 1"]);
}

#[test]
fn a_timer_that_is_discarded_records_nothing() {
    let monitor = handle();
    monitor.start_request("amqp").response_bytes(12).discard();
    monitor.start_dependency_request("db").discard();
    let page = page_of(&monitor);
    assert_eq!(recorded(&page, OF_REQUESTS), [""; 0]);
    assert_eq!(recorded(&page, OF_CALLS), [""; 0]);
}

#[test]
fn a_panic_during_a_call_leaves_it_unfinished() {
    let monitor = handle();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _timer = monitor.start_dependency_request("db");
        panic!("a call's panic, on purpose");
    }));
    assert!(panicked.is_err());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let call = async { panic!("a call's panic, on purpose") };
        run(Runtime::Actix, monitor.start_dependency_request("db").time::<(), ()>(call))
    }));
    assert!(panicked.is_err());
    monitor.start_dependency_request("db").finish("ok");
    let expected =
        ["db http ok false unknown unknown: 1", "db http unfinished true unknown unknown: 2"];
    assert_eq!(recorded(&page_of(&monitor), OF_CALLS), expected);
}

#[test]
fn a_timed_future_is_recorded_as_ok_or_error_and_its_result_is_returned() {
    let monitor = handle();
    run(Runtime::Actix, async {
        let call = || monitor.start_dependency_request("db");
        assert_eq!(call().time(ready(Ok::<_, String>("row"))).await, Ok("row"));
        let failed: Result<(), _> = call().time(ready(Err("deadlock".to_owned()))).await;
        assert_eq!(failed, Err("deadlock".to_owned()));
        let later = async {
            actix_web::rt::task::yield_now().await;
            Ok::<_, ()>(1)
        };
        assert_eq!(monitor.start_request("amqp").time(later).await, Ok(1));
    });
    let page = page_of(&monitor);
    let expected = ["db http error true unknown unknown: 1", "db http ok false unknown unknown: 1"];
    assert_eq!(recorded(&page, OF_CALLS), expected);
    assert_eq!(recorded(&page, OF_REQUESTS), ["amqp ok false unknown unknown: 1"]);
}

#[test]
fn a_timed_future_that_is_dropped_is_unfinished() {
    let monitor = handle();
    {
        let timed = monitor.start_dependency_request("polled").time(pending::<Result<(), ()>>());
        let mut timed = pin!(timed);
        let polled = timed.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Pending);
        assert!(recorded(&page_of(&monitor), OF_CALLS).is_empty(), "it is under way");
    }
    drop(monitor.start_dependency_request("not polled").time(pending::<Result<(), ()>>()));
    let expected = [
        "not polled http unfinished true unknown unknown: 1",
        "polled http unfinished true unknown unknown: 1",
    ];
    assert_eq!(recorded(&page_of(&monitor), OF_CALLS), expected);
}

#[test]
fn a_call_is_on_the_page_when_its_future_is_ready() {
    let monitor = handle();
    let seen = run(Runtime::Actix, async {
        let mut timed = pin!(monitor.start_dependency_request("db").time(ready(Ok::<_, ()>(()))));
        poll_fn(|cx| timed.as_mut().poll(cx).map(|_| page_of(&monitor).total(OF_CALLS))).await
    });
    assert_eq!(seen, 1.0);
}

// Threads.

#[test]
fn a_timer_can_be_finished_on_another_thread_after_the_middleware_is_dropped() {
    let handle = handle();
    let timer = handle.start_request("amqp");
    let kept = Monitor::clone(&handle);
    drop(handle);
    thread::spawn(move || timer.finish("ack")).join().expect("no panic");
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
                    let request = monitor.start_request("amqp").addr(addr).response_bytes(3);
                    let call = monitor.start_dependency_request("db").addr(addr).duration(took);
                    // Half of the calls are cancelled.
                    if number % 2 == 0 {
                        call.finish("ok");
                    } else {
                        drop(call);
                    }
                    request.duration(took).finish(200);
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

/// Parses a page that is read while calls are recorded.
fn page_of_whatever_is_there(monitor: &Monitor) {
    Page::parse(&monitor.encode(Format::Text));
}

#[test]
fn label_sets_created_by_many_threads_at_once_are_one_series_each() {
    const THREADS: usize = 8;
    let monitor = handle();
    let gate = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for number in 0..100 {
                    gate.wait();
                    let timer =
                        monitor.start_dependency_request("db").addr(format!("query {number}"));
                    timer.finish("ok");
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
fn past_the_limit_the_addr_of_a_call_is_overflow_and_all_other_labels_stay_exact() {
    let monitor = BigBrother::builder().isolated().series_limit(2).build().monitor();
    let call = |name: &'static str, addr: &'static str| {
        monitor.start_dependency_request(name).kind("sql").method("SELECT").addr(addr)
    };
    for addr in ["one", "two", "three", "four"] {
        call("db", addr).finish("ok");
    }
    call("db", "one").fail("error");
    call("cache", "one").finish("ok");
    call("db", "one").finish("ok");
    drop(call("db", "five"));
    assert_eq!(
        recorded(&page_of(&monitor), OF_CALLS),
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
    let monitor = BigBrother::builder().isolated().series_limit(3).build().monitor();
    for number in 0..10 {
        monitor.start_dependency_request("db").addr(format!("{number}")).finish("ok");
    }
    for number in 0..3 {
        monitor.start_request("amqp").addr(format!("{number}")).finish("ack");
    }
    let page = page_of(&monitor);
    assert!(page.find(OF_REQUESTS, &[("addr", "_overflow")]).is_empty());
    assert_eq!(page.value(OF_CALLS, &[("addr", "_overflow")]), Some(7.0));
}
