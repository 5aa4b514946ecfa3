//! Readiness: 200 or 503 from the last results of the checks, with a JSON document.

use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use actix_monitor::{BigBrother, Dependency, Monitor, readiness, readiness_with_reasons};
use actix_web::{App, web};
use serde_json::{Value, json};

use crate::support::checks::{Gate, Runs, SOON, once, wait_for_result};
use crate::support::child::in_a_process_of_its_own;
use crate::support::journal;
use crate::support::patience::eventually;
use crate::support::server::Server;

struct Service {
    server: Server,
    monitor: web::Data<Monitor>,
}

impl Service {
    fn needing(dependencies: impl IntoIterator<Item = Dependency>) -> Self {
        let builder = BigBrother::builder().isolated();
        let builder = dependencies.into_iter().fold(builder, |all, one| all.dependency(one));
        let middleware = builder.build();
        let monitor = middleware.monitor();
        let server = Server::watched(middleware, |app| {
            app.route("/ready", web::get().to(readiness));
            app.route("/ready/why", web::get().to(readiness_with_reasons));
        });
        Self { server, monitor }
    }

    /// Waits until these dependencies have a result.
    #[track_caller]
    fn wait_for_results(&self, names: &[&str]) {
        for name in names {
            wait_for_result(&self.monitor, name);
        }
    }

    /// Status and document.
    #[track_caller]
    fn ask(&self) -> (u16, Value) {
        self.ask_at("/ready")
    }

    #[track_caller]
    fn ask_at(&self, path: &str) -> (u16, Value) {
        let answer = self.server.connect().get(path);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
        let document = serde_json::from_slice(&answer.body).expect("JSON");
        (answer.status, document)
    }

    /// Asks until the status is that.
    #[track_caller]
    fn until(&self, status: u16) -> Value {
        eventually(&format!("readiness answers {status}"), || {
            let (answered, document) = self.ask();
            (answered == status).then_some(document)
        })
    }
}

fn never_returns(name: &str) -> Dependency {
    once(Dependency::new(name, pending::<bool>))
}

#[test]
fn a_service_without_dependencies_is_ready() {
    let service = Service::needing([]);
    let document = json!({ "ready": true, "dependencies": [] });
    assert_eq!(service.ask(), (200, document.clone()));
    assert_eq!(service.ask_at("/ready/why"), (200, document));
}

/// A service with a dependency in each state.
fn one_of_each() -> Service {
    let service = Service::needing([
        once(Dependency::new("zebra", || async { Ok::<_, String>(()) })).critical(),
        once(Dependency::new("mail", || async { Err::<(), _>("connection \"refused\"\n") })),
        never_returns("slow"),
    ]);
    service.wait_for_results(&["zebra", "mail"]);
    service
}

#[test]
fn the_document_shows_each_dependency_in_their_order_and_no_reason() {
    let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let before = seconds();
    let (status, mut document) = one_of_each().ask();
    assert_eq!(status, 200);
    for number in 0..2 {
        let known = &mut document["dependencies"][number];
        let since = known["since"].as_u64().expect("whole seconds since 1970");
        assert!((before..=seconds()).contains(&since), "{since}");
        let took = known["last_duration_seconds"].as_f64().expect("seconds");
        assert!((0.0..60.0).contains(&took), "{took}");
        known["since"] = "told".into();
        known["last_duration_seconds"] = "told".into();
    }
    let expected = json!({
        "ready": true,
        "dependencies": [
            {
                "name": "zebra",
                "up": true,
                "critical": true,
                "since": "told",
                "last_duration_seconds": "told",
            },
            {
                "name": "mail",
                "up": false,
                "critical": false,
                "since": "told",
                "last_duration_seconds": "told",
            },
            {
                "name": "slow",
                "up": null,
                "critical": false,
                "since": null,
                "last_duration_seconds": null,
            },
        ],
    });
    assert_eq!(document, expected);
}

#[test]
fn the_handler_with_reasons_shows_the_same_and_the_reasons() {
    let service = one_of_each();
    let (status, mut document) = service.ask_at("/ready/why");
    let states = document["dependencies"].as_array_mut().expect("an array");
    let reasons: Vec<_> = states
        .iter_mut()
        .map(|state| state.as_object_mut().expect("an object").remove("reason"))
        .collect();
    let reason = json!("connection \"refused\"\n");
    assert_eq!(reasons, [Some(Value::Null), Some(reason), Some(Value::Null)]);
    assert_eq!((status, document), service.ask());
}

#[test]
fn a_critical_dependency_that_was_never_checked_is_not_ready() {
    let service = Service::needing([never_returns("db").critical()]);
    let (status, document) = service.ask();
    assert_eq!(status, 503);
    assert_eq!(document["ready"], false);
    assert_eq!(document["dependencies"][0]["up"], Value::Null);
}

#[test]
fn one_critical_dependency_that_is_down_is_enough() {
    let service = Service::needing([
        once(Dependency::new("a", || async { true })).critical(),
        once(Dependency::new("b", || async { false })).critical(),
        once(Dependency::new("c", || async { true })).critical(),
    ]);
    service.wait_for_results(&["a", "b", "c"]);
    let (status, document) = service.ask();
    assert_eq!((status, &document["ready"]), (503, &json!(false)));
    let ups: Vec<_> = (0..3).map(|number| document["dependencies"][number]["up"].clone()).collect();
    assert_eq!(ups, [json!(true), json!(false), json!(true)]);
}

#[test]
fn readiness_comes_and_goes_with_the_dependency() {
    let is_up = Arc::new(AtomicBool::new(true));
    let answer = Arc::clone(&is_up);
    let check = move || ready(answer.load(Ordering::SeqCst));
    let service = Service::needing([Dependency::new("db", check).every(SOON).critical()]);
    for round in [true, false, true] {
        is_up.store(round, Ordering::SeqCst);
        let document = service.until(if round { 200 } else { 503 });
        assert_eq!(document["ready"], round);
        assert_eq!(document["dependencies"][0]["up"], round);
    }
}

#[test]
fn dependencies_that_are_not_critical_do_not_count() {
    let service = Service::needing([
        once(Dependency::new("db", || async { true })).critical(),
        once(Dependency::new("mail", || async { false })),
        never_returns("slow"),
    ]);
    service.wait_for_results(&["db", "mail"]);
    assert_eq!(service.ask().0, 200);
}

#[test]
fn a_critical_check_that_blocks_its_thread_is_not_ready() {
    let (gate, runs) = (Gate::closed(), Runs::default());
    let held = gate.clone();
    let check = move || {
        if runs.add() > 0 {
            held.wait();
        }
        ready(true)
    };
    let service = Service::needing([Dependency::new("db", check).every(SOON).critical()]);
    let reason = eventually("the check blocks", || {
        let (status, document) = service.ask_at("/ready/why");
        let reason = document["dependencies"][0]["reason"].as_str().map(str::to_owned);
        reason.filter(|reason| status == 503 && reason == "no answer within 20ms")
    });
    assert_eq!(reason, "no answer within 20ms");
    gate.open();
    service.until(200);
}

#[test]
fn no_request_runs_a_check_or_waits_for_one() {
    let runs = Runs::default();
    let counted = runs.clone();
    let hangs = move || {
        counted.add();
        pending::<bool>()
    };
    let service = Service::needing([once(Dependency::new("db", hangs)).critical()]);
    eventually("the check runs", || (runs.count() == 1).then_some(()));
    let mut client = service.server.connect();
    for _ in 0..100 {
        assert_eq!(client.get("/ready").status, 503);
        assert_eq!(client.get("/ready/why").status, 503);
    }
    // Time for the runs that were asked for, if there were any.
    let later = Service::needing([once(Dependency::new("later", || async { true }))]);
    later.wait_for_results(&["later"]);
    assert_eq!(runs.count(), 1);
}

#[test]
fn it_answers_on_another_port_for_the_monitor_it_was_given() {
    let service = Service::needing([once(Dependency::new("db", || async { false })).critical()]);
    service.wait_for_results(&["db"]);
    let handle = service.monitor.clone();
    let other = Server::start(1, move || {
        App::new().app_data(handle.clone()).route("/readyz", web::get().to(readiness))
    });
    let answer = other.connect().get("/readyz");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("\"db\""), "{}", answer.text());
}

#[test]
fn handlers_without_a_monitor_respond_with_500_and_log_an_error() {
    in_a_process_of_its_own(|| {
        journal::start();
        let server = Server::start(1, || {
            let app = App::new().route("/readyz", web::get().to(readiness));
            #[cfg(feature = "dashboard")]
            let app = app.route("/status", web::get().to(actix_monitor::dashboard));
            app.route("/metrics", web::get().to(actix_monitor::metrics))
        });
        let paths = ["/readyz", "/metrics", "/status"];
        let paths = &paths[..if cfg!(feature = "dashboard") { 3 } else { 2 }];
        for (path, before) in paths.iter().zip(0..) {
            let answer = server.connect().get(path);
            assert_eq!((answer.status, answer.text().as_str()), (500, ""), "{path}");
            let lines = journal::lines("actix_monitor");
            let errors = lines.iter().filter(|line| line.starts_with("ERROR a handler has no"));
            assert_eq!((errors.count(), lines.len()), (before + 1, before + 1), "{lines:?}");
        }
    });
}
