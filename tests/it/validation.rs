//! Configurations that are refused: what the error says, and where it appears if it
//! arises while a server starts.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::{BigBrother, BigBrotherBuilder, BuildError, Format, ObserveAt};
use actix_web::{App, HttpResponse, HttpServer, web};

use crate::support::child::in_a_process_of_its_own;
use crate::support::journal;
use crate::support::oracle::page_of;
use crate::support::server::{Runtime, Server, run};

fn isolated() -> BigBrotherBuilder {
    BigBrother::builder().isolated()
}

fn refused(builder: BigBrotherBuilder) -> String {
    builder.try_build().expect_err("the value is refused").to_string()
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
fn build_panics_with_the_sentence_and_logs_it() {
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
        assert_eq!(server.metrics().requests(), 2.0, "the first server goes on");
    });
}

#[test]
fn without_constant_labels_a_sample_has_no_empty_braces_and_no_leading_comma() {
    let page = |builder: BigBrotherBuilder| {
        let monitor = builder.isolated().requests_in_flight().build().monitor();
        monitor.start_request("amqp").method("CONSUME").addr("orders").finish("ack");
        page_of(&monitor);
        [Format::Text, Format::OpenMetrics].map(|format| monitor.encode(format))
    };
    for page in page(BigBrother::builder()) {
        assert!(page.contains("\nrequests_in_flight 0\n"), "{page}");
        assert!(page.contains("\napplication_info{version=\"unknown\"} 1\n"), "{page}");
        let count = "\nrequest_seconds_count{type=\"amqp\",status=\"ack\",";
        assert!(page.contains(count), "{page}");
        assert!(!page.contains("{}") && !page.contains("{,") && !page.contains(",}"), "{page}");
    }
    for page in page(BigBrother::builder().const_label("region", "eu")) {
        assert!(page.contains("\nrequests_in_flight{region=\"eu\"} 0\n"), "{page}");
        let info = "\napplication_info{region=\"eu\",version=\"unknown\"} 1\n";
        assert!(page.contains(info), "{page}");
        let count = "\nrequest_seconds_count{region=\"eu\",type=\"amqp\",status=\"ack\",";
        assert!(page.contains(count), "{page}");
        assert!(!page.contains(",}"), "{page}");
    }
}
