//! Configurations that are refused: the message of the error, and where it appears if it
//! arises while a server starts.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::{
    BigBrother, BigBrotherBuilder, BuildError, Dependency, ErrorMessage, Format, Label, Monitor,
    ObserveAt,
};
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::support::checks::wait_for_result;
use crate::support::child::in_a_process_of_its_own;
use crate::support::journal;
use crate::support::oracle::page_of;
use crate::support::server::{Runtime, Server, run};

fn isolated() -> BigBrotherBuilder {
    BigBrother::builder().isolated()
}

fn tenant() -> Label {
    Label::header("x-tenant")
}

fn refused(builder: BigBrotherBuilder) -> String {
    builder.try_build().expect_err("the value is refused").to_string()
}

/// Builders with an invalid value, each with the message of the error.
fn refusals() -> Vec<(BigBrotherBuilder, &'static str)> {
    let checked = |name: &str| Dependency::new(name, || async { true });
    vec![
        (
            isolated().buckets([]),
            "buckets: there is no bound, so every observation would be in the +Inf bucket; give at \
             least one, or leave the option out for the default",
        ),
        (
            isolated().buckets([0.1, f64::INFINITY]),
            "buckets: inf is not a finite number; leave it out, because the +Inf bucket is added \
             automatically",
        ),
        (
            isolated().buckets([f64::NAN]),
            "buckets: NaN is not a finite number; leave it out, because the +Inf bucket is added \
             automatically",
        ),
        (
            isolated().buckets([0.0, 1.0]),
            "buckets: 0 is not above zero, and every duration is; give seconds above zero",
        ),
        (
            isolated().buckets([-0.5]),
            "buckets: -0.5 is not above zero, and every duration is; give seconds above zero",
        ),
        (
            isolated().buckets([0.3, 0.1]),
            "buckets: 0.1 does not come after 0.3; give the bounds in strictly increasing order",
        ),
        (
            isolated().buckets([0.3, 0.3]),
            "buckets: 0.3 does not come after 0.3; give the bounds in strictly increasing order",
        ),
        (
            isolated().dependency_buckets([]),
            "dependency_buckets: there is no bound, so every observation would be in the +Inf \
             bucket; give at least one, or leave the option out for the default",
        ),
        (
            isolated().dependency_buckets([1.0, f64::NEG_INFINITY]),
            "dependency_buckets: -inf is not a finite number; leave it out, because the +Inf \
             bucket is added automatically",
        ),
        (
            isolated().endpoint("metrics"),
            "endpoint: \"metrics\" is not a path, so no request could match it; give an absolute \
             path without a query such as \"/metrics\", or use no_endpoint()",
        ),
        (
            isolated().endpoint(""),
            "endpoint: \"\" is not a path, so no request could match it; give an absolute path \
             without a query such as \"/metrics\", or use no_endpoint()",
        ),
        (
            isolated().exclude("health"),
            "exclude: no request can match \"health\"; give a path such as \"/health\", a prefix \
             such as \"/static/*\", or a route's pattern such as \"/users/{id}\", each beginning \
             with \"/\"",
        ),
        (
            isolated().dependency(checked("")),
            "dependency: its name is empty, and the name is the only label of dependency_up; give \
             it a name",
        ),
        (
            isolated().dependency(checked("db")).dependency(checked("db")),
            "dependency \"db\": two dependencies have this name, and both would write to one \
             series; give each its own name",
        ),
        (
            isolated().dependency(checked("db").every(Duration::ZERO)),
            "dependency \"db\": every is zero; give it a duration above zero",
        ),
        (
            isolated().dependency(checked("db").timeout(Duration::ZERO)),
            "dependency \"db\": timeout is zero; give it a duration above zero",
        ),
        (
            isolated().series_limit(0),
            "series_limit: it is zero, so not even the first request could be recorded; give the \
             number of label sets that a family may have",
        ),
        (
            isolated().blocking_threshold(Duration::ZERO),
            "blocking_threshold: it is zero, so every poll would count as one that blocks; give the \
             time for which a poll may hold its worker, such as 100 ms",
        ),
        (
            isolated().const_label("status", "x"),
            "const_label \"status\": the protocol or Prometheus uses this key; use another one",
        ),
        (
            isolated().const_label("__name__", "x"),
            "const_label \"__name__\": the protocol or Prometheus uses this key; use another one",
        ),
        (
            isolated().const_label("9lives", "x"),
            "const_label \"9lives\": this is not a valid label name; use letters, digits and \
             underscores, and do not begin with a digit",
        ),
        (
            isolated().const_label("", "x"),
            "const_label \"\": this is not a valid label name; use letters, digits and underscores, \
             and do not begin with a digit",
        ),
        (
            isolated().const_label("größe", "x"),
            "const_label \"größe\": this is not a valid label name; use letters, digits and \
             underscores, and do not begin with a digit",
        ),
        (
            isolated().request_head_seconds([]),
            "request_head_seconds: there is no bound, so every observation would be in the +Inf \
             bucket; give at least one, or leave the option out for the default",
        ),
        (
            isolated().label("addr", tenant()),
            "label \"addr\": the protocol or Prometheus uses this key; use another one",
        ),
        (
            isolated().label("x-tenant", tenant()),
            "label \"x-tenant\": this is not a valid label name; use letters, digits and \
             underscores, and do not begin with a digit",
        ),
        (
            isolated().const_label("tenant", "a").label("tenant", tenant()),
            "label \"tenant\": the key is set twice; set each key once",
        ),
        (
            isolated().label("tenant", tenant()).label("tenant", Label::extension()),
            "label \"tenant\": the key is set twice; set each key once",
        ),
        (
            (0..5).fold(isolated(), |builder, n| builder.label(format!("l{n}"), tenant())),
            "label: there are 5, and each multiplies the number of series; set at most 4",
        ),
        (
            isolated().label("tenant", Label::header("x tenant")),
            "label \"tenant\": \"x tenant\" is not a header name, such as \"x-tenant\"",
        ),
        (
            isolated().label("tenant", Label::path_parameter("/{tenant}")),
            "label \"tenant\": \"/{tenant}\" is not the name of a parameter, such as \"tenant\" of \
             \"/{tenant}/users\"",
        ),
        (
            isolated().label("tenant", tenant().limit(0)),
            "label \"tenant\": its limit is zero, so each value would be \"_overflow\"; give the \
             number of values that it can have",
        ),
        (
            isolated().label("tenant", tenant().limit(60_001)),
            "label \"tenant\": it could have more than 60000 values, each with series of its own; \
             give a smaller limit, or use a log instead of a label",
        ),
        (
            isolated().label("tenant", tenant().allow((0..60_002).map(|id| id.to_string()))),
            "label \"tenant\": it could have more than 60000 values, each with series of its own; \
             give a smaller limit, or use a log instead of a label",
        ),
        (
            isolated().label("tenant", tenant().allow([""; 0])),
            "label \"tenant\": the list of allowed values is empty, so each value would be \
             \"_overflow\"; give the values that it can have",
        ),
        (
            isolated().label("tenant", tenant().allow(["x".repeat(121)])),
            "label \"tenant\": an allowed value is longer than 120 characters, and longer values \
             are cut; allow shorter ones",
        ),
        (
            isolated().const_label("region", "a").const_label("region", "b"),
            "const_label \"region\": the key is set twice; set each key once",
        ),
        (
            isolated().error_message(ErrorMessage::header("Error Message")),
            "error_message: \"Error Message\" is not a valid header name; use a name such as \
             \"Error-Message\"",
        ),
    ]
}

#[test]
fn each_error_says_what_is_wrong_and_what_to_do() {
    for (builder, message) in refusals() {
        assert_eq!(builder.try_build().expect_err(message).to_string(), message);
    }
}

#[test]
fn the_panic_of_build_has_the_location_of_the_call() {
    in_a_process_of_its_own(|| {
        let place = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&place);
        std::panic::set_hook(Box::new(move |panic| {
            let file = panic.location().map(|location| location.file().to_owned());
            *seen.lock().expect("no panic in here") = file;
        }));
        let refused = catch_unwind(|| isolated().series_limit(0).build());
        assert!(refused.is_err());
        assert_eq!(place.lock().expect("no panic in there").as_deref(), Some(file!()));
    });
}

#[test]
fn every_reserved_key_is_refused_as_a_constant_label() {
    let of_the_protocol =
        ["name", "type", "status", "isError", "errorMessage", "method", "addr", "version", "le"];
    let of_prometheus = ["__address__", "__name__"];
    for key in of_the_protocol.into_iter().chain(of_prometheus) {
        let error = isolated().const_label(key, "x").try_build().expect_err(key);
        let expected = format!("const_label {key:?}: the protocol or Prometheus uses this key; ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[test]
fn a_refused_build_starts_no_check_and_registers_nothing() {
    in_a_process_of_its_own(|| {
        let runs = Arc::new(AtomicUsize::new(0));
        let registrations = Arc::new(AtomicUsize::new(0));
        let with = |name: &'static str| {
            let (runs, registrations) = (Arc::clone(&runs), Arc::clone(&registrations));
            let check = move || {
                runs.fetch_add(1, Ordering::SeqCst);
                async { true }
            };
            let register = move |_: &mut _| {
                registrations.fetch_add(1, Ordering::SeqCst);
            };
            BigBrother::builder().dependency(Dependency::new(name, check)).register(name, register)
        };
        assert!(with("a").version("").try_build().is_err());
        assert!(Monitor::global().is_none(), "a refused build leaves no monitor behind");
        let known = BigBrother::builder().dependency(Dependency::new("b", || async { true }));
        let monitor = known.version("1").build().monitor();
        assert!(with("a").version("2").try_build().is_err());
        let other = Dependency::new("b", || async { true }).every(Duration::from_secs(1));
        assert!(with("a").dependency(other).try_build().is_err());
        assert_eq!(monitor.dependencies().len(), 1);
        // Time for the refused check to run, if it was started.
        let last = Dependency::new("c", || async { true });
        let _last = BigBrother::builder().dependency(last).build();
        wait_for_result(&monitor, "c");
        assert_eq!((runs.load(Ordering::SeqCst), registrations.load(Ordering::SeqCst)), (0, 0));
    });
}

#[test]
fn an_endpoint_that_is_not_a_path_is_refused() {
    for path in
        ["/metrics?x", "/metrics?", "/metrics#top", "?x", "#", "/a?b#c", "/{x}", "/x/*", "/a b"]
    {
        assert_eq!(
            refused(isolated().endpoint(path)),
            format!(
                "endpoint: {path:?} is not a path, so no request could match it; give an absolute \
                 path without a query such as \"/metrics\", or use no_endpoint()"
            )
        );
    }
}

#[test]
fn a_blank_version_is_refused() {
    for version in ["", " ", "\t", " \n ", "\u{a0}"] {
        assert_eq!(
            refused(isolated().version(version)),
            format!(
                "version: {version:?} is blank, and Prometheus treats an empty label as a missing \
                 one; set the running version, or leave the option out to show \"unknown\""
            )
        );
    }
    let monitor = isolated().version(" v1 ").build().monitor();
    let page = page_of(&monitor);
    assert_eq!(page.value("application_info", &[("version", " v1 ")]), Some(1.0));
}

#[test]
fn constant_labels_that_prometheus_sets_itself_are_refused() {
    for key in ["job", "instance"] {
        let sentence = format!(
            "const_label {key:?}: the protocol or Prometheus uses this key; use another one"
        );
        assert_eq!(refused(isolated().const_label(key, "x")), sentence);
        assert_eq!(refused(isolated().const_label("region", "eu").const_label(key, "")), sentence);
    }
    for key in ["jobs", "Job", "instance_id", "exported_job"] {
        let monitor = isolated().const_label(key, "x").build().monitor();
        assert_eq!(page_of(&monitor).value("application_info", &[(key, "x")]), Some(1.0));
    }
}

#[test]
fn a_pattern_that_no_route_can_have_is_refused() {
    for pattern in ["events", "", "{id}/events", "*"] {
        assert_eq!(
            refused(isolated().observe_route_at(pattern, ObserveAt::Head)),
            format!(
                "observe_route_at: no route can have the pattern {pattern:?}; give the whole \
                 pattern with its scopes as the addr label shows it, such as \
                 \"/users/{{id}}/events\""
            )
        );
    }
}

#[test]
fn one_key_for_two_registrations_is_refused_and_neither_is_made() {
    let made = Arc::new(AtomicUsize::new(0));
    let (first, second) = (Arc::clone(&made), Arc::clone(&made));
    let builder = isolated()
        .register("orders", move |registry| {
            first.fetch_add(1, Ordering::SeqCst);
            registry.register("orders", "Orders", Counter::<u64>::default());
        })
        .register("orders", move |registry| {
            second.fetch_add(1, Ordering::SeqCst);
            registry.register("returns", "Returns", Counter::<u64>::default());
        });
    assert_eq!(
        refused(builder),
        "register: the key \"orders\" is used for two registrations, of which one would be lost; \
         use a different key for each"
    );
    assert_eq!(made.load(Ordering::SeqCst), 0);
}

#[test]
fn build_panics_with_the_message_and_logs_it() {
    journal::start();
    // A value that no other test has: the log is shared.
    let builder = || isolated().endpoint("/refused?and=logged");
    let sentence = refused(builder());
    let is_logged = || {
        let line = format!("ERROR invalid configuration: {sentence}");
        journal::lines("actix_monitor").contains(&line)
    };
    assert!(!is_logged(), "try_build returns it and logs nothing");
    let panic = catch_unwind(AssertUnwindSafe(|| drop(builder().build()))).expect_err("it panics");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert_eq!(*message, format!("invalid configuration of actix-monitor: {sentence}"));
    assert!(is_logged());
}

/// An app like that of `build`, within a middleware built in the server's factory.
fn conflict_in_the_factory(runtime: Runtime) {
    journal::start();
    let first = BigBrother::builder().version("v1").build();
    let conflicting = || BigBrother::builder().version("v2");
    let error = conflicting().try_build().expect_err("the version is another one").to_string();
    assert!(error.starts_with("version: ") && error.contains("\"v1\""), "{error}");

    let ended = run(runtime, async {
        let factory = move || App::new().wrap(conflicting().build());
        HttpServer::new(factory).workers(2).bind(("127.0.0.1", 0))?.run().await
    });
    assert!(ended.is_err(), "a server without workers must not go on");
    let line = format!("ERROR invalid configuration: {error}");
    let lines = journal::lines("actix_monitor");
    assert!(lines.contains(&line), "{line} is not in {lines:?}");
    assert!(first.monitor().encode(Format::Text).contains("{version=\"v1\"} 1\n"));
}

#[test]
fn a_conflict_in_the_factory_of_a_server_under_actix_is_logged_with_its_reason() {
    in_a_process_of_its_own(|| conflict_in_the_factory(Runtime::Actix));
}

#[test]
fn a_conflict_in_the_factory_of_a_server_under_tokio_is_logged_with_its_reason() {
    in_a_process_of_its_own(|| conflict_in_the_factory(Runtime::Tokio));
}

/// The start of an app, which returns what is wrong with its configuration.
fn serve(builder: BigBrotherBuilder) -> Result<Server, Box<dyn Error>> {
    let middleware = builder.try_build()?;
    let ok = || web::get().to(HttpResponse::Ok);
    let factory = move || App::new().route("/ok", ok()).wrap(middleware.clone());
    Ok(Server::try_start(Runtime::Actix, 2, factory)?)
}

#[test]
fn try_build_before_the_server_returns_the_conflict() {
    in_a_process_of_its_own(|| {
        let server = serve(BigBrother::builder().version("v1")).expect("the server starts");
        assert_eq!(server.connect().get("/ok").status, 200);
        let error = serve(BigBrother::builder().version("v2")).expect_err("a conflict");
        assert_eq!(
            error.downcast_ref::<BuildError>().map(ToString::to_string).as_deref(),
            Some(
                "version: the monitor of this process has \"v1\", this build sets \"v2\"; all \
                 builds of a process share one monitor, so set the same value in each, leave the \
                 option out to inherit it, or make this monitor isolated()"
            )
        );
        assert_eq!(server.connect().get("/ok").status, 200);
        assert_eq!(server.metrics().requests(), 2.0, "the first server continues");
    });
}

#[test]
fn four_labels_and_60000_values_are_accepted() {
    let values = || (0..60_000).map(|id| id.to_string());
    for builder in [
        (0..4).fold(isolated(), |builder, n| builder.label(format!("l{n}"), tenant())),
        isolated().label("tenant", tenant().limit(60_000)),
        isolated().label("tenant", tenant().allow(values())),
    ] {
        assert!(builder.try_build().is_ok());
    }
}
