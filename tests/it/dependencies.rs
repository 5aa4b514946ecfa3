//! Dependencies: what a check may do, and what is known of it then. The arbiter is
//! one for the process, so whatever holds its thread has a process of its own.

use std::future::{pending, ready};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use actix_monitor::{BigBrother, Dependency, DependencyState, Format, Monitor};
use actix_web::{App, HttpServer, web};
use futures_util::future::join;

use crate::support::child::{in_a_process_of_its_own, terminate_this_process};
use crate::support::journal;
use crate::support::page::Page;
use crate::support::patience::eventually;
use crate::support::server::Server;

/// A period so short that the next run is soon there.
const SOON: Duration = Duration::from_millis(20);
/// Long enough for a check to say why it is down before its time is over, on any
/// machine.
const CALM: Duration = Duration::from_millis(500);
/// A period after whose first run there is no other.
const ONCE: Duration = Duration::from_secs(3_600);

type Handle = web::Data<Monitor>;

/// An isolated monitor that watches these.
fn watching(dependencies: impl IntoIterator<Item = Dependency>) -> Handle {
    let builder = BigBrother::builder().isolated();
    dependencies
        .into_iter()
        .fold(builder, |builder, next| builder.dependency(next))
        .build()
        .handle()
}

fn state_of(monitor: &Monitor, name: &str) -> DependencyState {
    let states = monitor.dependencies();
    states.into_iter().find(|state| state.name() == name).expect("it is watched")
}

#[track_caller]
fn wait_until_up(monitor: &Monitor, name: &str) {
    eventually("it is up", || state_of(monitor, name).is_up().filter(|is_up| *is_up));
}

/// Waits until it is down, and tells why it is.
#[track_caller]
fn wait_until_down(monitor: &Monitor, name: &str) -> String {
    let reason = |state: DependencyState| {
        (state.is_up() == Some(false)).then(|| state.reason().unwrap_or_default().to_owned())
    };
    eventually("it is down", || reason(state_of(monitor, name)))
}

fn up_on_page(monitor: &Monitor, name: &str) -> Option<f64> {
    Page::parse(&monitor.encode(Format::Text).expect("a page"))
        .value("dependency_up", &[("name", name)])
}

/// Runs of a check, to be waited for.
#[derive(Clone, Debug, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    /// Counts one, and tells how many there were before.
    fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    #[track_caller]
    fn wait_for(&self, more: usize) {
        let enough = self.count() + more;
        eventually("the check runs again", || (self.count() >= enough).then_some(()));
    }
}

/// Holds whoever waits, until it is opened.
#[derive(Clone, Debug)]
struct Gate {
    opener: Arc<Mutex<Option<mpsc::Sender<()>>>>,
    wait: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Gate {
    fn closed() -> Self {
        let (opener, wait) = mpsc::channel();
        Self { opener: Arc::new(Mutex::new(Some(opener))), wait: Arc::new(Mutex::new(wait)) }
    }

    fn open(&self) {
        self.opener.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Blocks the calling thread.
    fn wait(&self) {
        let _ = self.wait.lock().unwrap_or_else(PoisonError::into_inner).recv();
    }
}

// What a check may answer.

#[test]
fn a_check_answers_with_a_bool_or_a_result() {
    let monitor = watching([
        Dependency::new("true", || async { true }),
        Dependency::new("false", || async { false }),
        Dependency::new("ok", || async { Ok::<_, std::io::Error>("whatever it is") }),
        Dependency::new("err", || async { Err::<(), _>("connection refused") }),
        Dependency::blocking("blocking true", || true),
        Dependency::blocking("blocking err", || Err::<(), _>("no such file")),
    ]);
    for name in ["true", "ok", "blocking true"] {
        wait_until_up(&monitor, name);
        assert_eq!(up_on_page(&monitor, name), Some(1.0));
        assert_eq!(state_of(&monitor, name).reason(), None);
    }
    let expected = [
        ("false", "the check answered false"),
        ("err", "connection refused"),
        ("blocking err", "no such file"),
    ];
    for (name, reason) in expected {
        assert_eq!(wait_until_down(&monitor, name), reason);
        assert_eq!(up_on_page(&monitor, name), Some(0.0));
    }
}

#[test]
fn the_first_run_is_at_once() {
    let monitor = watching([Dependency::new("db", || async { true }).every(ONCE)]);
    wait_until_up(&monitor, "db");
}

#[test]
fn before_its_first_answer_a_dependency_is_neither_up_nor_down() {
    let runs = Runs::default();
    let begun = runs.clone();
    let check = move || {
        begun.add();
        pending::<bool>()
    };
    let monitor = watching([Dependency::new("db", check).every(ONCE).timeout(ONCE)]);
    eventually("the check runs", || (runs.count() == 1).then_some(()));
    assert_eq!(state_of(&monitor, "db").is_up(), None);
    assert_eq!(state_of(&monitor, "db").since(), None);
    assert_eq!(up_on_page(&monitor, "db"), None);
}

#[test]
fn a_dependency_follows_its_checks_up_and_down() {
    let is_up = Arc::new(AtomicBool::new(true));
    let answer = Arc::clone(&is_up);
    let check = move || ready(answer.load(Ordering::SeqCst));
    let monitor = watching([Dependency::new("db", check).every(SOON)]);
    for round in 0..3 {
        is_up.store(round % 2 == 0, Ordering::SeqCst);
        if round % 2 == 0 {
            wait_until_up(&monitor, "db");
        } else {
            wait_until_down(&monitor, "db");
        }
    }
}

#[test]
fn since_tells_of_the_last_change_and_not_of_the_last_check() {
    let (runs, is_up) = (Runs::default(), Arc::new(AtomicBool::new(true)));
    let (counted, answer) = (runs.clone(), Arc::clone(&is_up));
    let check = move || {
        counted.add();
        ready(answer.load(Ordering::SeqCst))
    };
    let monitor = watching([Dependency::new("db", check).every(SOON)]);
    wait_until_up(&monitor, "db");
    let first = state_of(&monitor, "db").since().expect("it has a state");
    runs.wait_for(3);
    assert_eq!(state_of(&monitor, "db").since(), Some(first));
    is_up.store(false, Ordering::SeqCst);
    wait_until_down(&monitor, "db");
    assert!(state_of(&monitor, "db").since() > Some(first));
}

#[test]
fn asking_for_the_state_the_page_or_readiness_runs_no_check() {
    let runs = Runs::default();
    let counted = runs.clone();
    let check = move || {
        counted.add();
        ready(true)
    };
    let dependency = Dependency::new("db", check).every(ONCE);
    let middleware = BigBrother::builder().isolated().dependency(dependency).build();
    let monitor = middleware.handle();
    let server = Server::watched(middleware, |config| {
        config.route("/ready", web::get().to(actix_monitor::readiness));
    });
    wait_until_up(&monitor, "db");
    let mut client = server.connect();
    for _ in 0..50 {
        state_of(&monitor, "db");
        up_on_page(&monitor, "db");
        assert_eq!(client.get("/ready").status, 200);
    }
    // The runs asked for, if there were any, would come before another's first.
    let later = watching([Dependency::new("later", || async { true })]);
    wait_until_up(&later, "later");
    assert_eq!(runs.count(), 1);
}

// What a check may do wrong.

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("told to panic in a drop");
    }
}

#[test]
fn a_check_that_panics_is_down_and_comes_up_when_it_no_longer_does() {
    let in_closure = Runs::default();
    let closure = move || {
        assert!(in_closure.add() > 1, "told to panic in the closure");
        ready(true)
    };
    let in_future = Runs::default();
    let future = move || {
        let run = in_future.add();
        async move {
            assert!(run > 1, "told to panic in the future");
            true
        }
    };
    let in_drop = Runs::default();
    let drop = move || {
        let run = in_drop.add();
        async move {
            if run <= 1 {
                let _bomb = PanicsOnDrop;
                pending::<()>().await;
            }
            true
        }
    };
    let on_pool = Runs::default();
    let blocking = move || {
        assert!(on_pool.add() > 1, "told to panic on the pool");
        true
    };
    journal::start();
    let monitor = watching([
        Dependency::new("panics in its closure", closure).every(CALM),
        Dependency::new("panics in its future", future).every(CALM),
        Dependency::new("panics in a drop", drop).every(CALM),
        Dependency::blocking("panics on the pool", blocking).every(CALM),
    ]);
    for state in monitor.dependencies() {
        wait_until_up(&monitor, state.name());
        let down = format!("WARN dependency {:?} is down: the check panicked", state.name());
        assert!(journal::lines("actix_monitor").contains(&down), "{down}");
    }
}

#[test]
fn a_check_that_never_ends_is_down_and_asked_again() {
    let runs = Runs::default();
    let begun = runs.clone();
    let check = move || {
        begun.add();
        pending::<bool>()
    };
    let monitor = watching([Dependency::new("db", check).every(SOON).timeout(SOON)]);
    assert_eq!(wait_until_down(&monitor, "db"), "no answer within 20ms");
    runs.wait_for(3);
}

#[test]
fn a_timeout_longer_than_the_period_is_cut_to_it() {
    let check = Dependency::new("db", pending::<bool>).every(SOON).timeout(ONCE);
    assert_eq!(wait_until_down(&watching([check]), "db"), "no answer within 20ms");
}

#[test]
fn checks_go_on_undisturbed_beside_those_that_go_wrong() {
    journal::start();
    let runs = Runs::default();
    let counted = runs.clone();
    let healthy = move || {
        counted.add();
        ready(true)
    };
    let monitor = watching([
        Dependency::new("fails beside", || async { false }).every(SOON),
        Dependency::new("panics beside", || async { panic!("told to") as bool }).every(SOON),
        Dependency::new("never ends beside", pending::<bool>).every(SOON),
        Dependency::new("healthy beside", healthy).every(SOON).timeout(ONCE),
    ]);
    for name in ["fails beside", "panics beside", "never ends beside"] {
        wait_until_down(&monitor, name);
    }
    runs.wait_for(10);
    let told = journal::lines("actix_monitor");
    let told = told.into_iter().filter(|line| line.contains("\"healthy beside\""));
    assert_eq!(told.collect::<Vec<_>>(), ["INFO dependency \"healthy beside\" is up"]);
}

#[test]
fn a_change_of_state_is_logged_once_with_its_reason() {
    journal::start();
    let runs = Runs::default();
    let counted = runs.clone();
    let check = move || {
        ready(match counted.add() {
            0..3 => Err("refused"),
            3..6 => Ok(()),
            _ => Err("gone away"),
        })
    };
    let monitor = watching([Dependency::new("logged", check).every(SOON)]);
    eventually("it has gone away", || (runs.count() > 9).then_some(()));
    drop(monitor);
    let told =
        journal::lines("actix_monitor").into_iter().filter(|line| line.contains("\"logged\""));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "WARN dependency \"logged\" is down: refused",
            "INFO dependency \"logged\" is up",
            "WARN dependency \"logged\" is down: gone away",
        ]
    );
}

// The blocking variant.

#[test]
fn a_blocking_check_that_hangs_is_down_alone_and_never_twice_on_the_pool() {
    let (gate, begun, healthy_runs) = (Gate::closed(), Runs::default(), Runs::default());
    let (held, started, counted) = (gate.clone(), begun.clone(), healthy_runs.clone());
    let hangs = move || {
        started.add();
        held.wait();
        true
    };
    let healthy = move || {
        counted.add();
        true
    };
    let monitor = watching([
        Dependency::blocking("hangs", hangs).every(SOON),
        Dependency::blocking("healthy", healthy).every(SOON).timeout(ONCE),
    ]);
    assert_eq!(wait_until_down(&monitor, "hangs"), "no answer within 20ms");
    healthy_runs.wait_for(5);
    assert_eq!(begun.count(), 1, "the pool must not fill up with copies");
    gate.open();
    wait_until_up(&monitor, "hangs");
}

// A check that holds its thread, each scenario in a process of its own.

#[test]
fn a_check_that_held_its_thread_past_its_timeout_is_down_even_if_it_says_up() {
    in_a_process_of_its_own(|| {
        let check = || {
            // Longer than the timeout: that is the fault in question.
            std::thread::sleep(Duration::from_millis(60));
            ready(true)
        };
        let monitor = watching([Dependency::new("db", check).every(ONCE).timeout(SOON)]);
        let reason = wait_until_down(&monitor, "db");
        assert!(reason.contains("blocked its thread"), "{reason}");
    });
}

#[test]
fn checks_go_on_beside_one_that_holds_its_thread() {
    in_a_process_of_its_own(|| {
        journal::start();
        let (gate, begun, runs) = (Gate::closed(), Runs::default(), Runs::default());
        let (held, started, counted) = (gate.clone(), begun.clone(), runs.clone());
        let holds = move || {
            started.add();
            held.wait();
            ready(true)
        };
        let healthy = move || {
            counted.add();
            ready(true)
        };
        let monitor = watching([
            Dependency::new("healthy", healthy).every(SOON),
            Dependency::new("holds", holds).every(SOON),
        ]);
        eventually("the thread is held", || (begun.count() > 0).then_some(()));
        runs.wait_for(10);
        wait_until_up(&monitor, "healthy");
        assert!(!wait_until_down(&monitor, "holds").is_empty());
        let is_named = |line: &String| line.contains("\"holds\" holds the thread");
        assert!(journal::lines("actix_monitor").iter().any(is_named));
        gate.open();
        wait_until_up(&monitor, "holds");
    });
}

#[test]
fn a_check_is_not_blamed_for_a_thread_that_another_one_held() {
    in_a_process_of_its_own(|| {
        journal::start();
        let (patient_begun, waiting) = mpsc::channel();
        let waiting = Mutex::new(waiting);
        let answer = Arc::new(tokio::sync::Notify::new());
        let wanted = Arc::clone(&answer);
        let patient = move || {
            let (begun, wanted) = (patient_begun.clone(), Arc::clone(&wanted));
            async move {
                // Nobody listens to any but the first.
                let _ = begun.send(());
                wanted.notified().await;
                true
            }
        };
        let holds = move || {
            let first = waiting.lock().map(|waiting| waiting.try_recv().is_ok());
            if first.unwrap_or(false) {
                // The other one has its answer now, well within its timeout, and
                // cannot take it before this one lets the thread go.
                answer.notify_one();
                std::thread::sleep(Duration::from_millis(60));
            }
            ready(true)
        };
        let monitor = watching([
            Dependency::new("patient", patient).every(ONCE).timeout(Duration::from_millis(40)),
            Dependency::new("holds", holds).every(SOON * 100).timeout(ONCE),
        ]);
        eventually("it has answered", || state_of(&monitor, "patient").is_up());
        assert_eq!(state_of(&monitor, "patient").reason(), None);
    });
}

#[test]
fn a_verdict_that_is_not_renewed_in_time_is_down() {
    in_a_process_of_its_own(|| {
        let (gate, runs) = (Gate::closed(), Runs::default());
        let (held, counted) = (gate.clone(), runs.clone());
        let check = move || {
            if counted.add() > 0 {
                held.wait();
            }
            ready(true)
        };
        let monitor = watching([Dependency::new("db", check).every(SOON).timeout(SOON)]);
        eventually("the thread is held", || (runs.count() > 1).then_some(()));
        let reason = wait_until_down(&monitor, "db");
        assert!(!reason.is_empty());
        assert_eq!(up_on_page(&monitor, "db"), Some(0.0));
        gate.open();
        wait_until_up(&monitor, "db");
    });
}

// The life of the arbiter.

#[test]
fn dropping_the_last_handle_of_an_isolated_monitor_stops_its_checks() {
    let token = Arc::new(());
    let held = Arc::downgrade(&token);
    let waits = Arc::clone(&token);
    let check = move || {
        let _token = &token;
        ready(true)
    };
    let endless = move || {
        let _token = &waits;
        pending::<bool>()
    };
    let middleware = BigBrother::builder()
        .isolated()
        .dependency(Dependency::new("ends", check).every(ONCE))
        .dependency(Dependency::new("is under way", endless).every(ONCE).timeout(ONCE))
        .build();
    let last = middleware.handle();
    wait_until_up(&last, "ends");
    drop(middleware);
    assert_eq!(held.strong_count(), 2, "a handle is left");
    drop(last);
    eventually("the checks are gone", || (held.strong_count() == 0).then_some(()));
}

#[test]
fn checks_go_on_for_as_long_as_there_is_a_handle() {
    let runs = Runs::default();
    let counted = runs.clone();
    let check = move || {
        counted.add();
        ready(true)
    };
    let dependency = Dependency::new("db", check).every(SOON);
    let middleware = BigBrother::builder().isolated().dependency(dependency).build();
    let clone = middleware.clone();
    drop(middleware);
    runs.wait_for(3);
    let handle = clone.handle();
    drop(clone);
    runs.wait_for(3);
    drop(handle);
}

/// Both kinds of checks come to an answer.
fn checks_work() {
    let monitor = watching([
        Dependency::new("async", || async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            true
        }),
        Dependency::blocking("blocking", || true),
    ]);
    wait_until_up(&monitor, "async");
    wait_until_up(&monitor, "blocking");
}

#[actix_web::main]
async fn actix_main() {
    checks_work();
}

#[tokio::main]
async fn tokio_main() {
    checks_work();
}

#[test]
fn checks_work_under_actix_main() {
    in_a_process_of_its_own(|| {
        actix_main();
    });
}

#[test]
fn checks_work_under_tokio_main() {
    in_a_process_of_its_own(|| {
        tokio_main();
    });
}

#[test]
fn checks_work_in_a_plain_main() {
    in_a_process_of_its_own(|| {
        checks_work();
    });
}

#[test]
fn checks_of_a_runtime_that_has_ended_go_on_in_the_next() {
    in_a_process_of_its_own(|| {
        let runs = Runs::default();
        let counted = runs.clone();
        let check = move || {
            counted.add();
            ready(true)
        };
        let dependency = Dependency::new("db", check).every(SOON);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let monitor = runtime.block_on(async { watching([dependency]) });
        wait_until_up(&monitor, "db");
        drop(runtime);
        runs.wait_for(3);
    });
}

// The end of the process.

/// Watches a check that holds its thread and one that hangs on the pool, for ever.
fn hopeless(begun: &Runs) -> BigBrother {
    let (first, second) = (begun.clone(), begun.clone());
    let holds = move || {
        first.add();
        block_for_ever();
        ready(true)
    };
    let hangs = move || {
        second.add();
        block_for_ever();
        true
    };
    BigBrother::builder()
        .dependency(Dependency::blocking("hangs", hangs))
        .dependency(Dependency::new("holds", holds))
        .build()
}

fn block_for_ever() {
    loop {
        std::thread::park();
    }
}

async fn serve_until_told_to_end() -> std::io::Result<()> {
    let begun = Runs::default();
    let middleware = hopeless(&begun);
    let server = HttpServer::new(move || App::new().wrap(middleware.clone()))
        .workers(1)
        .bind(("127.0.0.1", 0))?
        .run();
    let handle = server.handle();
    let end = async move {
        // A server that hears commands has made its handlers of signals before.
        handle.pause().await;
        std::thread::spawn(move || {
            eventually("both checks are under way", || (begun.count() == 2).then_some(()));
            terminate_this_process();
        });
    };
    join(server, end).await.0
}

#[actix_web::main]
async fn actix_service() -> std::io::Result<()> {
    serve_until_told_to_end().await
}

#[tokio::main]
async fn tokio_service() -> std::io::Result<()> {
    serve_until_told_to_end().await
}

#[test]
fn a_check_that_holds_its_thread_does_not_hold_up_the_end_of_an_actix_service() {
    in_a_process_of_its_own(|| actix_service().expect("the server ends"));
}

#[test]
fn a_check_that_holds_its_thread_does_not_hold_up_the_end_of_a_tokio_service() {
    in_a_process_of_its_own(|| tokio_service().expect("the server ends"));
}

// Readiness.

#[test]
fn readiness_follows_critical_dependencies_alone() {
    let is_up = Arc::new(AtomicBool::new(true));
    let answer = Arc::clone(&is_up);
    let db = move || ready(answer.load(Ordering::SeqCst));
    let middleware = BigBrother::builder()
        .isolated()
        .dependency(Dependency::new("db", db).every(SOON).critical())
        .dependency(Dependency::new("mail", || async { false }).every(SOON))
        .build();
    let monitor = middleware.handle();
    let server = Server::watched(middleware, |config| {
        config.route("/ready", web::get().to(actix_monitor::readiness));
    });
    wait_until_up(&monitor, "db");
    wait_until_down(&monitor, "mail");
    assert_eq!(server.connect().get("/ready").status, 200);
    is_up.store(false, Ordering::SeqCst);
    wait_until_down(&monitor, "db");
    let answer = server.connect().get("/ready");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("\"db\""), "{}", answer.text());
    assert!(answer.text().contains("the check answered false"), "{}", answer.text());
}
