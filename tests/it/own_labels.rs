//! Labels of the app's own: where their values come from, and which requests have them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::mpsc;
use std::thread;

use actix_monitor::prometheus_client::encoding::text::encode;
use actix_monitor::{BigBrother, BigBrotherBuilder, ErrorMessage, Label, RequestLabels};
use actix_web::body::{BodySize, BoxBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpResponse, error, web};

use crate::support::oracle::page_of;
use crate::support::page::Page;
use crate::support::patience::PATIENCE;
use crate::support::server::Server;
use crate::support::services::{ControlledBody, Step, waits_for_ever};

fn with(label: Label) -> BigBrotherBuilder {
    BigBrother::builder().isolated().label("tenant", label)
}

fn from_header() -> BigBrotherBuilder {
    with(Label::header("x-tenant").allow(TENANTS))
}

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

/// How often each status was recorded with each value of the label, such as
/// `200 acme: 2`. The other families of requests must have the same series.
#[track_caller]
fn counts(page: &Page, key: &str) -> Vec<String> {
    let mut counts = BTreeMap::<_, f64>::new();
    for sample in page.find("request_seconds_count", &[]) {
        let labels: Vec<_> = sample.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert!(page.value("response_size_bytes", &labels).is_some(), "{labels:?}");
        let [status, value] = ["status", key].map(|key| sample.label(key).expect("a label"));
        *counts.entry(format!("{status} {value}")).or_default() += sample.value;
    }
    counts.into_iter().map(|(labels, count)| format!("{labels}: {count}")).collect()
}

fn tenants(page: &Page) -> Vec<String> {
    counts(page, "tenant")
}

#[track_caller]
fn get(server: &Server, path: &str, tenant: &str) {
    server.connect().request("GET", path, &[("x-tenant", tenant)]);
}

#[test]
fn the_labels_follow_those_of_the_protocol_in_every_family_of_requests_and_calls() {
    let monitor = from_header()
        .label("version", Label::header("x"))
        .try_build()
        .expect_err("a key of the protocol")
        .to_string();
    assert!(monitor.starts_with("label \"version\": "), "{monitor}");
    let monitor = from_header()
        .label("api", Label::from_request(|_| Some("v1".into())))
        .error_message(ErrorMessage::extension())
        .const_label("region", "eu")
        .request_head_seconds([0.1])
        .request_size(actix_monitor::RequestSize::Declared)
        .build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, |app| {
        app.route("/ok", web::get().to(HttpResponse::Ok));
    });
    get(&server, "/ok", "acme");
    handle.start_dependency_request("db").finish("ok");
    handle.start_dependency_request("db").label("tenant", "acme").finish("ok");

    let page = page_of(&handle);
    let protocol = ["type", "status", "isError", "errorMessage", "method", "addr"];
    let mut seen = 0;
    for sample in &page.samples {
        let is_request = ["request_", "response_"].iter().any(|name| sample.name.starts_with(name));
        let is_call = sample.name.starts_with("dependency_request_seconds");
        if !is_request && !is_call {
            continue;
        }
        let keys = sample.labels.iter().map(|(key, _)| key.as_str()).filter(|key| *key != "le");
        let name = is_call.then_some("name");
        let expected = ["region"].into_iter().chain(name).chain(protocol).chain(["tenant", "api"]);
        assert_eq!(keys.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{sample:?}");
        seen += 1;
    }
    // 5 buckets, a sum and a count; 2 buckets, a sum and a count; two counters; two calls.
    assert_eq!(seen, 7 + 4 + 2 + 2 * 7);
    let labels = [("tenant", "acme"), ("api", "v1")];
    assert_eq!(page.value("request_seconds_count", &labels), Some(1.0));
    assert_eq!(page.value("request_head_seconds_count", &labels), Some(1.0));
    for tenant in ["", "acme"] {
        let labels = [("tenant", tenant), ("api", "")];
        assert_eq!(page.value("dependency_request_seconds_count", &labels), Some(1.0));
    }
    // The encoders of prometheus-client write the same.
    let mut text = String::new();
    encode(&mut text, handle.registry()).expect("a String takes any text");
    let encoded = Page::parse(&text);
    for name in ["request_seconds_count", "request_head_seconds_count", "request_size_bytes"] {
        assert_eq!(encoded.value(name, &labels), page.value(name, &labels), "{name}");
    }
}

// Sources.

#[test]
fn a_request_without_a_value_has_an_empty_one() {
    let server = Server::watched(from_header().build(), |app| {
        app.route("/ok", web::get().to(HttpResponse::Ok));
    });
    server.connect().get("/ok");
    get(&server, "/ok", "");
    get(&server, "/ok", "acme");
    assert_eq!(tenants(&server.metrics()), ["200 : 2", "200 acme: 1"]);
}

#[test]
fn a_closure_takes_the_request_and_its_text_is_its_own_or_that_of_the_request() {
    let source = Label::from_request(|request| {
        let host = request.headers().get("host")?.to_str().ok()?;
        if request.path() == "/upper" {
            return Some(Cow::Owned(host.to_uppercase()));
        }
        Some(Cow::Borrowed(host))
    });
    let server = Server::watched(with(source).build(), |app| {
        app.default_service(web::to(HttpResponse::Ok));
    });
    for path in ["/", "/upper", "/upper"] {
        server.connect().get(path);
    }
    assert_eq!(tenants(&server.metrics()), ["200 TEST: 2", "200 test: 1"]);
}

#[test]
fn a_closure_takes_the_head_of_the_response() {
    let source =
        Label::from_response(|head| head.headers.get("x-cache")?.to_str().ok().map(Cow::from));
    let server = Server::watched(with(source).build(), |app| {
        app.route(
            "/{cache}",
            web::get().to(async |cache: web::Path<String>| {
                HttpResponse::Ok().insert_header(("x-cache", cache.as_str())).finish()
            }),
        );
    });
    for path in ["/hit", "/miss", "/hit", "/"] {
        server.connect().get(path);
    }
    assert_eq!(tenants(&server.metrics()), ["200 hit: 2", "200 miss: 1", "404 : 1"]);
}

#[test]
fn a_parameter_of_the_path_is_decoded_and_its_pattern_stays() {
    let source = Label::path_parameter("tenant");
    let server = Server::watched(with(source).build(), |app| {
        let users = web::scope("/{tenant}").route("/users/{id}", web::get().to(HttpResponse::Ok));
        app.service(users);
    });
    for path in ["/acme/users/1", "/acme/users/2", "/a%20b/users/1", "/acme/nothing"] {
        server.connect().get(path);
    }
    let page = server.metrics();
    assert_eq!(tenants(&page), ["200 a b: 1", "200 acme: 2", "404 acme: 1"]);
    let addr = ("addr", "/{tenant}/users/{id}");
    assert_eq!(page.value("request_seconds_count", &[addr, ("tenant", "acme")]), Some(2.0));
}

#[test]
fn a_handler_and_an_inner_middleware_set_a_value_and_the_last_one_counts() {
    async fn authenticate(
        mut request: ServiceRequest,
        next: Next<BoxBody>,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        let labels = request.extract::<RequestLabels>().await?;
        labels.set("tenant", "from the middleware");
        labels.set("no such label", "ignored");
        next.call(request).await
    }
    let server = Server::start(1, {
        let monitor = with(Label::extension()).build();
        move || {
            App::new()
                .wrap(from_fn(authenticate))
                .wrap(monitor.clone())
                .route("/plain", web::get().to(HttpResponse::Ok))
                .route(
                    "/set",
                    web::get().to(async |labels: RequestLabels| {
                        labels.set("tenant", "from the handler".to_owned());
                        HttpResponse::Ok().finish()
                    }),
                )
        }
    });
    let mut client = server.connect();
    for path in ["/plain", "/set", "/plain", "/set", "/set"] {
        client.get(path);
    }
    let expected = ["200 from the handler: 3", "200 from the middleware: 2"];
    assert_eq!(tenants(&server.metrics()), expected);
}

#[test]
fn a_value_is_recorded_by_each_monitor_that_the_request_passes() {
    let [outer, inner] = [(); 2].map(|()| with(Label::extension()).build());
    let monitors = [outer.monitor(), inner.monitor()];
    let server = Server::start(1, move || {
        App::new().wrap(inner.clone()).wrap(outer.clone()).route(
            "/",
            web::get().to(async |labels: RequestLabels| {
                labels.set("tenant", "acme");
                HttpResponse::Ok().finish()
            }),
        )
    });
    let mut client = server.connect();
    for _ in 0..2 {
        assert_eq!(client.get("/").status, 200);
    }
    for monitor in monitors {
        assert_eq!(tenants(&page_of(&monitor)), ["200 acme: 2"]);
    }
}

#[test]
fn a_value_that_is_set_after_the_request_is_not_that_of_another_request() {
    let (kept, labels) = mpsc::channel();
    let kept = move |labels: RequestLabels| {
        labels.set("tenant", "acme");
        // Kept by a task that outlives the request.
        actix_web::rt::spawn(async move {
            loop {
                labels.set("tenant", "late");
                actix_web::rt::task::yield_now().await;
            }
        });
        kept.send(()).expect("the test listens");
        async { HttpResponse::Ok().finish() }
    };
    let server = Server::watched(with(Label::extension()).build(), move |app| {
        app.route("/keep", web::get().to(kept.clone()))
            .route("/plain", web::get().to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    client.get("/keep");
    labels.recv_timeout(PATIENCE).expect("the handler runs");
    for _ in 0..3 {
        client.get("/plain");
    }
    assert_eq!(tenants(&server.metrics()), ["200 : 3", "200 acme: 1"]);
}

#[test]
fn a_handler_can_set_labels_without_a_monitor() {
    let server = Server::start(1, || {
        App::new().route(
            "/",
            web::get().to(async |labels: RequestLabels| {
                labels.set("tenant", "acme");
                HttpResponse::Ok().finish()
            }),
        )
    });
    assert_eq!(server.connect().get("/").status, 200);
}

#[test]
fn a_source_that_panics_makes_the_request_a_500() {
    let source = Label::from_request(|request| {
        assert!(request.path() != "/panic", "a panic of the source, on purpose");
        Some("acme".into())
    });
    let response = Label::from_response(|head| {
        assert!(head.status != 202, "a panic of the source, on purpose");
        Some("yes".into())
    });
    let monitor = with(source).label("answered", response).build();
    let server = Server::watched(monitor, |app| {
        app.route("/ok", web::get().to(HttpResponse::Ok))
            .route("/panic", web::get().to(HttpResponse::Ok))
            .route("/accepted", web::get().to(HttpResponse::Accepted));
    });
    for path in ["/ok", "/panic", "/accepted"] {
        let mut client = server.connect();
        client.send_request("GET", path, &[]);
        let _ = client.try_read_response();
    }
    let page = server.metrics_of(3.0);
    assert_eq!(tenants(&page), ["200 acme: 1", "500 : 1", "500 acme: 1"]);
    assert_eq!(counts(&page, "answered"), ["200 yes: 1", "500 : 2"]);
}

// Ends of requests.

/// Responds for the routes, or fails, before they are asked.
async fn guard(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.path().ends_with("/refused") {
        return Err(error::ErrorForbidden("refused"));
    }
    if request.path().ends_with("/answered") {
        return Ok(request.into_response(HttpResponse::Unauthorized().finish()));
    }
    next.call(request).await
}

fn ends(app: &mut web::ServiceConfig, begun: &mpsc::Sender<()>) {
    let panics = async || -> HttpResponse { panic!("a panic of the handler, on purpose") };
    let breaks = async || {
        let steps = [Step::Chunk("one"), Step::Fail];
        HttpResponse::Ok().body(ControlledBody::of(BodySize::Sized(10), steps))
    };
    let fails = async || Err::<HttpResponse, _>(error::ErrorConflict("taken"));
    app.route("/{tenant}/ok", web::get().to(async || "ok"))
        .route("/{tenant}/fails", web::get().to(fails))
        .route("/{tenant}/breaks", web::get().to(breaks))
        .route("/{tenant}/panics", web::get().to(panics))
        .route("/{tenant}/refused", web::get().to(HttpResponse::Ok))
        .route("/{tenant}/answered", web::get().to(HttpResponse::Ok));
    waits_for_ever(app, "/{tenant}/waits", begun);
}

/// The page after requests of several threads to four workers, which end in all ways.
fn page_of_all_ends(label: Label) -> Page {
    let monitor = with(label).build();
    let (begun, begins) = mpsc::channel();
    let server = Server::start(4, move || {
        let begun = begun.clone();
        App::new()
            .wrap(from_fn(guard))
            .wrap(monitor.clone())
            .configure(move |app| ends(app, &begun))
    });
    let begins = &std::sync::Mutex::new(begins);
    thread::scope(|scope| {
        for (tenant, rounds) in TENANTS.into_iter().zip([3, 5, 7]) {
            let server = &server;
            scope.spawn(move || {
                let headers = [("x-tenant", tenant)];
                for _ in 0..rounds {
                    for end in ["ok", "fails", "breaks", "panics", "refused", "answered", "none/x"]
                    {
                        let mut client = server.connect();
                        client.send_request("GET", &format!("/{tenant}/{end}"), &headers);
                        let _ = client.try_read_response();
                    }
                    // One at a time, so that the handler which begins is that of this request.
                    let begins = begins.lock().expect("no thread panicked");
                    let mut client = server.connect();
                    client.send_request("GET", &format!("/{tenant}/waits"), &headers);
                    begins.recv_timeout(PATIENCE).expect("a handler begins");
                    client.reset();
                }
            });
        }
    });
    server.metrics_of(f64::from((3 + 5 + 7) * 8))
}

#[test]
fn each_tenant_has_its_requests_however_they_end() {
    let page = page_of_all_ends(Label::header("x-tenant").allow(TENANTS));
    let mut expected = vec![];
    for (tenant, rounds) in TENANTS.into_iter().zip([3, 5, 7]) {
        // Two bodies: a whole one and a broken one.
        expected.push(format!("200 {tenant}: {}", 2 * rounds));
        for status in [401, 403, 404, 409, 499, 500] {
            expected.push(format!("{status} {tenant}: {rounds}"));
        }
    }
    expected.sort();
    assert_eq!(tenants(&page), expected);
}

#[test]
fn a_parameter_of_the_path_is_known_of_requests_that_are_gone_or_were_not_routed() {
    let page = page_of_all_ends(Label::path_parameter("tenant").allow(TENANTS));
    for (tenant, rounds) in TENANTS.into_iter().zip([3.0, 5.0, 7.0]) {
        for (end, count) in [("ok", rounds), ("refused", rounds), ("answered", rounds)]
            .into_iter()
            .chain([("panics", rounds), ("waits", rounds), ("fails", rounds)])
        {
            let addr = format!("/{{tenant}}/{end}");
            let labels = [("addr", addr.as_str()), ("tenant", tenant)];
            assert_eq!(page.sum("request_seconds_count", &labels), count, "{labels:?}");
        }
    }
    // Nothing has a pattern with the parameter.
    assert_eq!(page.sum("request_seconds_count", &[("addr", "unmatched"), ("tenant", "")]), 15.0);
}

#[test]
fn what_a_handler_has_set_is_known_of_its_request_however_it_ends() {
    let (begun, begins) = mpsc::channel();
    let server = Server::watched(with(Label::extension().allow(TENANTS)).build(), move |app| {
        let begun = begun.clone();
        app.route(
            "/panics",
            web::get().to(async |labels: RequestLabels| -> HttpResponse {
                labels.set("tenant", "acme");
                panic!("a panic of the handler, on purpose")
            }),
        )
        .route(
            "/waits",
            web::get().to(move |labels: RequestLabels| {
                labels.set("tenant", "globex");
                begun.send(()).expect("the test listens");
                std::future::pending::<HttpResponse>()
            }),
        );
    });
    let mut client = server.connect();
    client.send_request("GET", "/panics", &[]);
    let _ = client.try_read_response();
    let mut client = server.connect();
    client.send_request("GET", "/waits", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    client.reset();
    assert_eq!(tenants(&server.metrics_of(2.0)), ["499 globex: 1", "500 acme: 1"]);
}

// Timers.

#[test]
fn timers_set_the_same_labels() {
    let monitor = from_header().build().monitor();
    let call = |tenant: &'static str| {
        monitor.start_request("amqp").method("CONSUME").addr("orders").label("tenant", tenant)
    };
    call("acme").finish("ack");
    call("acme").label("tenant", "globex").finish("ack");
    call("unknown").fail("nack");
    drop(call("acme"));
    monitor.start_request("amqp").label("no such label", "x").finish("ack");
    let expected =
        ["ack : 1", "ack acme: 1", "ack globex: 1", "nack _overflow: 1", "unfinished acme: 1"];
    assert_eq!(tenants(&page_of(&monitor)), expected);
}

#[test]
fn a_timer_that_succeeds_adds_a_value_and_one_that_fails_does_not() {
    let monitor = with(Label::extension()).build().monitor();
    for (tenant, succeeds) in [("acme", false), ("acme", true), ("acme", false)] {
        let timer = monitor.start_request("amqp").label("tenant", tenant);
        if succeeds { timer.finish("ack") } else { timer.fail("nack") }
    }
    let expected = ["ack acme: 1", "nack _overflow: 1", "nack acme: 1"];
    assert_eq!(tenants(&page_of(&monitor)), expected);
}

/// No text of a client can break the page.
#[test]
fn hostile_values_are_escaped() {
    let source = Label::from_request(|request| Some(request.path().to_owned().into()));
    let monitor = with(source).build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, |app| {
        app.default_service(web::to(HttpResponse::Ok));
    });
    let mut expected = vec![];
    for path in ["/\"} 1", "/\\n", "/{}", "/# EOF", "/\u{fc}"] {
        let mut encoded = String::new();
        for byte in path.bytes() {
            write!(encoded, "{}", if byte == b' ' { '_' } else { char::from(byte) })
                .expect("a String takes any text");
        }
        let answer = server.connect().get(&encoded);
        if answer.status == 200 {
            expected.push(encoded);
        }
    }
    let page = page_of(&handle);
    assert!(!expected.is_empty() && page.requests() >= expected.len() as f64, "{expected:?}");
    for path in expected.iter().filter(|path| path.is_ascii() && !path.contains('#')) {
        assert_eq!(page.sum("request_seconds_count", &[("tenant", path)]), 1.0, "{path}");
    }
}
