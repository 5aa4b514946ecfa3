//! Which values the labels of the app's own can have: their number is limited, whatever
//! clients send.

use std::collections::BTreeSet;
use std::thread;

use actix_monitor::{BigBrother, BigBrotherBuilder, Label};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::support::child::in_a_process_of_its_own;
use crate::support::client::Client;
use crate::support::journal;
#[cfg(target_os = "linux")]
use crate::support::memory::{MIB, added};
use crate::support::oracle::page_of;
use crate::support::page::Page;
use crate::support::server::Server;

fn with(label: Label) -> BigBrotherBuilder {
    BigBrother::builder().isolated().label("tenant", label)
}

fn tenant() -> Label {
    Label::header("x-tenant")
}

/// Responds with the status in the path.
fn routes(app: &mut web::ServiceConfig) {
    app.route(
        "/{status}",
        web::get().to(async |status: web::Path<u16>| {
            HttpResponse::build(StatusCode::from_u16(*status).expect("a status")).finish()
        }),
    );
}

#[track_caller]
fn get(client: &mut Client, status: u16, tenant: &str) {
    let answer = client.request("GET", &format!("/{status}"), &[("x-tenant", tenant)]);
    assert_eq!(answer.status, status);
}

/// How many requests with a status have each value, such as `200 acme: 2`.
fn counts(page: &Page) -> Vec<String> {
    let line = |sample: &crate::support::page::Sample| {
        let [status, tenant] = ["status", "tenant"].map(|key| sample.label(key).expect("a label"));
        format!("{status} {tenant}: {}", sample.value)
    };
    let mut lines: Vec<_> = page.find("request_seconds_count", &[]).into_iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn a_value_becomes_known_with_the_first_request_that_succeeds() {
    let server = Server::watched(with(tenant()).build(), routes);
    let mut client = server.connect();
    for (status, name) in [
        (401, "acme"),
        (300, "acme"),
        (302, "acme"),
        (500, "acme"),
        (200, "acme"),
        (401, "acme"),
        (500, "acme"),
        (304, "globex"),
        (404, "globex"),
        (201, "initech"),
        (404, "initech"),
    ] {
        get(&mut client, status, name);
    }
    assert_eq!(
        counts(&server.metrics()),
        [
            "200 acme: 1",
            "201 initech: 1",
            "300 _overflow: 1",
            "302 _overflow: 1",
            "304 globex: 1",
            "401 _overflow: 1",
            "401 acme: 1",
            "404 globex: 1",
            "404 initech: 1",
            "500 _overflow: 1",
            "500 acme: 1",
        ]
    );
}

#[test]
fn refused_requests_cannot_use_the_limit_up() {
    let server = Server::watched(with(tenant().limit(2)).build(), routes);
    let mut client = server.connect();
    for number in 0..100 {
        get(&mut client, 401, &format!("invented {number}"));
    }
    for name in ["acme", "globex", "initech", "acme", "globex"] {
        get(&mut client, 200, name);
    }
    let expected = ["200 _overflow: 1", "200 acme: 2", "200 globex: 2", "401 _overflow: 100"];
    assert_eq!(counts(&server.metrics()), expected);
}

#[test]
fn only_allowed_values_are_known_from_the_first_request_on() {
    let allowed = tenant().allow(["acme", "globex", "acme", ""]);
    let server = Server::watched(with(allowed).build(), routes);
    let mut client = server.connect();
    for (status, name) in [(500, "acme"), (200, "initech"), (200, "globex"), (200, "Acme")] {
        get(&mut client, status, name);
    }
    client.get("/200");
    let expected = ["200 : 1", "200 _overflow: 2", "200 globex: 1", "500 acme: 1"];
    assert_eq!(counts(&server.metrics()), expected);
}

#[test]
fn a_client_that_sends_the_word_for_the_overflow_gets_no_value_of_its_own() {
    let server = Server::watched(with(tenant().limit(1)).build(), routes);
    let mut client = server.connect();
    for name in ["_overflow", "acme", "globex"] {
        get(&mut client, 200, name);
    }
    assert_eq!(counts(&server.metrics()), ["200 _overflow: 2", "200 acme: 1"]);
}

#[test]
fn a_value_is_cut_to_120_characters() {
    let monitor = with(tenant()).label("copy", Label::extension()).build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, |app| {
        app.route(
            "/{status}",
            web::get().to(async |labels: actix_monitor::RequestLabels| {
                labels.set("copy", "é".repeat(10_000));
                HttpResponse::Ok().finish()
            }),
        );
    });
    let mut client = server.connect();
    for length in [120, 121, 500] {
        get(&mut client, 200, &"x".repeat(length));
    }
    let page = page_of(&handle);
    let labels = [("tenant", "x".repeat(120)), ("copy", "é".repeat(120))];
    let labels = [("tenant", labels[0].1.as_str()), ("copy", labels[1].1.as_str())];
    assert_eq!(page.value("request_seconds_count", &labels), Some(3.0));
}

#[test]
fn reaching_the_limit_is_logged_once_and_only_for_values_that_succeed() {
    in_a_process_of_its_own(|| {
        journal::start();
        let logged = || {
            let lines = journal::lines("actix_monitor");
            lines.into_iter().filter(|line| line.contains("limit")).collect::<Vec<_>>()
        };
        let monitor = with(tenant().limit(1)).label("api", tenant().allow(["v1"])).build();
        let server = Server::watched(monitor, routes);
        let mut client = server.connect();
        get(&mut client, 200, "acme");
        get(&mut client, 401, "globex");
        assert_eq!(logged(), [""; 0]);
        for name in ["globex", "initech", "globex"] {
            get(&mut client, 200, name);
        }
        let expected = "WARN the label \"tenant\" has reached its limit of 1 values; further values \
                        are recorded as \"_overflow\"; raise the limit of the label, or list the \
                        values that it can have";
        assert_eq!(logged(), [expected]);
    });
}

#[test]
fn past_the_series_limit_the_label_is_overflow_as_well() {
    let monitor = with(tenant()).series_limit(2).build();
    let server = Server::watched(monitor, routes);
    let mut client = server.connect();
    for (status, name) in [(200, "a"), (200, "b"), (200, "c"), (201, "a"), (200, "a")] {
        get(&mut client, status, name);
    }
    client.get("/200");
    let page = server.metrics();
    let expected = ["200 : 1", "200 _overflow: 1", "200 a: 2", "200 b: 1", "201 _overflow: 1"];
    assert_eq!(counts(&page), expected);
    let overflow = [("addr", "_overflow"), ("tenant", "_overflow")];
    assert_eq!(page.sum("request_seconds_count", &overflow), 2.0);
}

#[test]
fn the_limit_holds_for_all_workers_together() {
    const LIMIT: usize = 20;
    let monitor = with(tenant().limit(LIMIT)).build();
    let server =
        Server::start(4, move || actix_web::App::new().wrap(monitor.clone()).configure(routes));
    thread::scope(|scope| {
        for thread in 0..4 {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for number in 0..200 {
                    // Half of the values are those of the other threads as well.
                    let owner = if number % 2 == 0 { "all" } else { "own" };
                    let suffix = if number % 2 == 0 { 0 } else { thread };
                    get(&mut client, 200, &format!("{owner} {suffix} {number}"));
                }
            });
        }
    });
    let page = server.metrics();
    let values: BTreeSet<_> = page
        .find("request_seconds_count", &[])
        .iter()
        .map(|sample| sample.label("tenant").expect("a label").to_owned())
        .collect();
    assert_eq!(values.len(), LIMIT + 1, "{values:?}");
    assert_eq!(page.requests(), 800.0);
}

/// The tests of the repository send as many values as this; the benches a million.
#[cfg(target_os = "linux")]
#[test]
fn values_of_an_outsider_add_neither_memory_nor_series_and_the_first_hundred_stay_right() {
    const VALUES: usize = 10_000;
    in_a_process_of_its_own(|| {
        let monitor = with(tenant()).build();
        let handle = monitor.monitor();
        let server = Server::watched(monitor, |app| {
            app.default_service(web::to(async |request: HttpRequest| {
                let is_tenant = request.headers().get("x-tenant").is_some();
                let status = if is_tenant { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
                HttpResponse::new(status)
            }));
        });
        let mut client = server.connect();
        let mut ask = |name: &str| {
            client.request("GET", "/", &[("x-tenant", name)]);
        };
        for round in 0..3 {
            (0..100).for_each(|tenant| ask(&format!("tenant {tenant}")));
            (0..100).for_each(|number| ask(&format!("early {round} {number}")));
        }
        let page_size = handle.encode(actix_monitor::Format::Text).len();
        let junk = "x".repeat(1_000);
        let (added, ()) = added(|| (0..VALUES).for_each(|number| ask(&format!("{number}{junk}"))));
        assert!(added < 4 * MIB, "{added} bytes");
        let page = page_of(&handle);
        let growth = handle.encode(actix_monitor::Format::Text).len() - page_size;
        assert!(growth < 1_000, "the page grew by {growth} bytes");
        for tenant in 0..100 {
            let labels = [("tenant", format!("tenant {tenant}"))];
            let labels = [("tenant", labels[0].1.as_str())];
            assert_eq!(page.sum("request_seconds_count", &labels), 3.0, "{labels:?}");
        }
        let overflow = page.sum("request_seconds_count", &[("tenant", "_overflow")]);
        assert_eq!(overflow, (300 + VALUES) as f64);
        assert_eq!(page.find("request_seconds_count", &[]).len(), 101);
    });
}

// Sharing.

fn shared(labels: impl IntoIterator<Item = (&'static str, Label)>) -> BigBrotherBuilder {
    labels
        .into_iter()
        .fold(BigBrother::builder(), |builder, (key, label)| builder.label(key, label))
}

#[test]
fn keys_and_limits_are_shared_and_sources_are_not() {
    in_a_process_of_its_own(|| {
        let first = shared([("tenant", tenant().limit(7))]).build();
        let heir = BigBrother::builder().build();
        let other = shared([("tenant", Label::from_request(|_| Some("fixed".into())).limit(7))]);
        let server = Server::start(1, {
            let (heir, other) = (heir.clone(), other.build());
            move || {
                actix_web::App::new()
                    .service(web::scope("/heir").wrap(heir.clone()).configure(routes))
                    .service(web::scope("/other").wrap(other.clone()).configure(routes))
            }
        });
        for path in ["/heir/200", "/other/200"] {
            server.connect().request("GET", path, &[("x-tenant", "acme")]);
        }
        assert_eq!(counts(&page_of(&first.monitor())), ["200 acme: 1", "200 fixed: 1"]);
        for (builder, requested) in [
            (shared([("tenant", tenant())]), r#"[("tenant", Limit(100))]"#),
            (shared([("api", tenant().limit(7))]), r#"[("api", Limit(7))]"#),
            (shared([("tenant", tenant().allow(["a"]))]), r#"[("tenant", Allowed(["a"]))]"#),
        ] {
            let error = builder.try_build().expect_err("a contradiction").to_string();
            let both = format!(
                r#"label: the monitor of this process has [("tenant", Limit(7))], this build sets {requested};"#
            );
            assert!(error.starts_with(&both), "{error}");
        }
    });
}
