//! Readiness: 200 or 503 from what the checks found, told as JSON.

use std::future::{pending, ready};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_monitor::{BigBrother, Dependency, Monitor, readiness};
use actix_web::{App, web};
use serde_json::{Value, json};

use crate::support::child::in_a_process_of_its_own;
use crate::support::journal;
use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::Server;

/// A period so short that the next run is soon there.
const SOON: Duration = Duration::from_millis(20);
/// A period after whose first run there is no other.
const ONCE: Duration = Duration::from_secs(3_600);

struct Service {
    server: Server,
    monitor: web::Data<Monitor>,
}

impl Service {
    fn needing(dependencies: impl IntoIterator<Item = Dependency>) -> Self {
        let builder = BigBrother::builder().isolated();
        let builder = dependencies.into_iter().fold(builder, |all, one| all.dependency(one));
        let middleware = builder.build();
        let monitor = middleware.handle();
        let server = Server::watched(middleware, |app| {
            app.route("/ready", web::get().to(readiness));
        });
        Self { server, monitor }
    }

    /// Status and document, once all dependencies but those in `pending` have a
    /// first answer.
    #[track_caller]
    fn settled(&self, pending: &[&str]) -> (u16, Value) {
        eventually("the checks have answered", || {
            let states = self.monitor.dependencies();
            let has_answer = states
                .iter()
                .all(|state| pending.contains(&state.name()) || state.is_up().is_some());
            has_answer.then_some(())
        });
        self.ask()
    }

    #[track_caller]
    fn ask(&self) -> (u16, Value) {
        let answer = self.server.connect().get("/ready");
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

fn never_ends(name: &str) -> Dependency {
    Dependency::new(name, pending::<bool>).every(ONCE).timeout(ONCE)
}

#[test]
fn a_service_that_needs_nothing_is_ready() {
    let service = Service::needing([]);
    assert_eq!(service.ask(), (200, json!({ "ready": true, "dependencies": [] })));
}

#[test]
fn the_document_tells_all_that_is_known_of_each_dependency_in_their_order() {
    let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let before = seconds();
    let service = Service::needing([
        Dependency::new("zebra", || async { Ok::<_, String>(()) }).every(ONCE).critical(),
        Dependency::new("mail", || async { Err::<(), _>("connection \"refused\"\n") }).every(ONCE),
        never_ends("slow"),
    ]);
    let (status, mut document) = service.settled(&["slow"]);
    assert_eq!(status, 200);
    for number in 0..2 {
        let known = &mut document["dependencies"][number];
        let since = known["since"].as_u64().expect("whole seconds since 1970");
        assert!((before..=seconds()).contains(&since), "{since}");
        let took = known["last_duration_seconds"].as_f64().expect("seconds");
        assert!((0.0..5.0).contains(&took), "{took}");
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
                "reason": null,
            },
            {
                "name": "mail",
                "up": false,
                "critical": false,
                "since": "told",
                "last_duration_seconds": "told",
                "reason": "connection \"refused\"\n",
            },
            {
                "name": "slow",
                "up": null,
                "critical": false,
                "since": null,
                "last_duration_seconds": null,
                "reason": null,
            },
        ],
    });
    assert_eq!(document, expected);
}

#[test]
fn a_critical_dependency_that_was_never_checked_is_not_ready() {
    let service = Service::needing([never_ends("db").critical()]);
    let (status, document) = service.ask();
    assert_eq!(status, 503);
    assert_eq!(document["ready"], false);
    assert_eq!(document["dependencies"][0]["up"], Value::Null);
}

#[test]
fn one_critical_dependency_that_is_down_is_enough() {
    let service = Service::needing([
        Dependency::new("a", || async { true }).every(ONCE).critical(),
        Dependency::new("b", || async { false }).every(ONCE).critical(),
        Dependency::new("c", || async { true }).every(ONCE).critical(),
    ]);
    let (status, document) = service.settled(&[]);
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
        let has_reason = !document["dependencies"][0]["reason"].is_null();
        assert_eq!(has_reason, !round, "{document}");
    }
}

#[test]
fn a_critical_check_that_is_not_heard_of_for_too_long_is_not_ready() {
    in_a_process_of_its_own(|| {
        let ((release, released), (held, holds)) = (mpsc::channel::<()>(), mpsc::channel());
        let (runs, released) = (AtomicUsize::new(0), Mutex::new(released));
        let check = move || {
            // In its second run it holds the thread of all checks.
            if runs.fetch_add(1, Ordering::SeqCst) == 1 {
                held.send(()).expect("the test listens");
                let released = released.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = released.recv_timeout(PATIENCE);
            }
            ready(true)
        };
        let db = Dependency::new("db", check).every(SOON).timeout(SOON).critical();
        let service = Service::needing([db]);
        holds.recv_timeout(PATIENCE).expect("the check runs again");
        let document = service.until(503);
        let state = &document["dependencies"][0];
        assert_eq!(state["up"], false);
        assert!(state["reason"].as_str().is_some_and(|why| why.contains("no check has ended")));
        release.send(()).expect("the check waits");
        service.until(200);
    });
}

#[test]
fn no_request_runs_a_check_or_waits_for_one() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let hangs = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        pending::<bool>()
    };
    let service =
        Service::needing([Dependency::new("db", hangs).every(ONCE).timeout(ONCE).critical()]);
    eventually("the check runs", || (runs.load(Ordering::SeqCst) == 1).then_some(()));
    let mut client = service.server.connect();
    for _ in 0..200 {
        assert_eq!(client.get("/ready").status, 503);
    }
    // Runs that were asked for would come before the first of a later check.
    let later = Service::needing([Dependency::new("later", || async { true }).every(ONCE)]);
    later.settled(&[]);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn it_answers_on_another_port_for_the_monitor_it_was_given() {
    let service =
        Service::needing([Dependency::new("db", || async { false }).every(ONCE).critical()]);
    service.settled(&[]);
    let handle = service.monitor.clone();
    let other = Server::start(1, move || {
        App::new().app_data(handle.clone()).route("/readyz", web::get().to(readiness))
    });
    let answer = other.connect().get("/readyz");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("\"db\""), "{}", answer.text());
}

#[test]
fn where_there_is_no_monitor_it_is_a_500_and_the_log_says_why() {
    in_a_process_of_its_own(|| {
        journal::start();
        let server = Server::start(1, || App::new().route("/ready", web::get().to(readiness)));
        let answer = server.connect().get("/ready");
        assert_eq!((answer.status, answer.text().as_str()), (500, ""));
        let lines = journal::lines("actix_monitor");
        assert!(matches!(&lines[..], [line] if line.starts_with("ERROR")), "{lines:?}");
    });
}
