//! The metrics page for scrapers, browsers and other middlewares.

use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::prometheus_client::metrics::gauge::Gauge;
use actix_monitor::{BigBrother, Format, metrics};
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Logger, Next, from_fn};
use actix_web::{App, Error, HttpResponse, error, web};

use crate::support::child::in_a_process_of_its_own;
use crate::support::journal;
use crate::support::oracle::{is_openmetrics, is_text};
use crate::support::page::Page;
use crate::support::patience::eventually;
use crate::support::server::{Runtime, Server, monitor};

/// A monitor of its own that offers OpenMetrics.
fn with_openmetrics() -> BigBrother {
    BigBrother::builder().isolated().openmetrics().build()
}

fn ok(app: &mut web::ServiceConfig) {
    app.route("/ok", web::get().to(async || "ok"));
}

#[test]
fn scrapers_that_prefer_openmetrics_get_it() {
    let server = Server::watched(with_openmetrics(), ok);
    let mut client = server.connect();
    client.get("/ok");
    for accept in [
        // Prometheus 2.42
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        // Prometheus 2.30
        "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        // Prometheus 2.55 with protobuf preferred
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        // Prometheus 3
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        "Application/OpenMetrics-Text",
        "text/plain;q=0.5 , application/openmetrics-text ; q=0.5",
    ] {
        let page = is_openmetrics(&client.request("GET", "/metrics", &[("accept", accept)]));
        assert_eq!(page.requests(), 1.0, "{accept}");
    }
    let lines = [("accept", "text/plain;q=0.9"), ("accept", "application/openmetrics-text")];
    is_openmetrics(&client.request("GET", "/metrics", &lines));
}

#[test]
fn all_others_get_the_text_format() {
    let server = Server::watched(with_openmetrics(), ok);
    let mut client = server.connect();
    client.get("/ok");
    is_text(&client.get("/metrics"));
    for accept in [
        // curl
        "*/*",
        // Firefox
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        // Chrome
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
        // VictoriaMetrics 1.79
        "text/plain;version=0.0.4;q=1,*/*;q=0.1",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0.0,*/*",
        "application/openmetrics-text;q=0.5,text/plain;q=0.6",
        "application/json",
        "",
        "\u{e9}",
    ] {
        let page = is_text(&client.request("GET", "/metrics", &[("accept", accept)]));
        assert_eq!(page.requests(), 1.0, "{accept}");
    }
}

#[test]
fn both_formats_have_the_same_samples() {
    let server = Server::watched(with_openmetrics(), |app| {
        app.route("/users/{id}", web::to(async || "hello"));
    });
    let mut client = server.connect();
    client.get("/users/1");
    client.request("DELETE", "/users/1", &[]);
    client.get("/nowhere");
    let text = is_text(&client.get("/metrics"));
    let accept = [("accept", "application/openmetrics-text")];
    let openmetrics = is_openmetrics(&client.request("GET", "/metrics", &accept));
    assert_eq!(text.lasting(), openmetrics.lasting());
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let server = Server::watched(with_openmetrics(), ok);
    let mut client = server.connect();
    for accept in ["*/*", "application/openmetrics-text"] {
        let got = client.request("GET", "/metrics", &[("accept", accept)]);
        let head = client.request("HEAD", "/metrics", &[("accept", accept)]);
        assert_eq!((got.status, head.status), (200, 200));
        assert_eq!(head.header("content-type"), got.header("content-type"));
        // The page of a later moment, whose sums may have more digits.
        let length = head.header("content-length").and_then(|length| length.parse().ok());
        let length: usize = length.expect("a declared length");
        assert!(length.abs_diff(got.body.len()) < 50, "{length} and {}", got.body.len());
    }
    assert_eq!(client.get("/ok").text(), "ok", "nothing was left on the connection");
    assert_eq!(server.metrics().recorded(), ["200 false GET /ok: 1 of 2 bytes"]);
}

#[test]
fn other_methods_and_paths_are_passed_on_to_the_app() {
    let server = Server::watched(monitor(), |app| {
        app.route("/metrics", web::post().to(async || "posted"))
            .route("/metrics", web::get().to(async || "never reached"))
            .route("/metrics/{more}", web::get().to(async || "more"));
    });
    let mut client = server.connect();
    is_text(&client.get("/metrics"));
    is_text(&client.get("/metrics?debug=1"));
    assert_eq!(client.request("POST", "/metrics", &[]).text(), "posted");
    assert_eq!(client.request("OPTIONS", "/metrics", &[]).status, 404);
    assert_eq!(client.get("/metrics/more").text(), "more");
    for path in ["/metrics/", "/Metrics", "//metrics", "/metric", "/metricss"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    assert_eq!(
        server.metrics().recorded(),
        [
            "200 false GET /metrics/{more}: 1 of 4 bytes",
            "200 false POST /metrics: 1 of 6 bytes",
            "404 true GET unmatched: 5 of 0 bytes",
            "404 true OPTIONS unmatched: 1 of 0 bytes",
        ]
    );
}

#[test]
fn the_endpoint_can_be_changed_and_removed() {
    let elsewhere = BigBrother::builder().isolated().endpoint("/internal/prometheus").build();
    let server = Server::watched(elsewhere, ok);
    assert_eq!(server.connect().get("/metrics").status, 404);
    let expected = ["404 true GET unmatched: 1 of 0 bytes"];
    assert_eq!(server.page("/internal/prometheus").recorded(), expected);

    let nowhere = BigBrother::builder().isolated().no_endpoint().build();
    let handle = nowhere.monitor();
    let server = Server::watched(nowhere, ok);
    assert_eq!(server.connect().get("/metrics").status, 404);
    let page = handle.encode(Format::Text);
    assert_eq!(Page::parse(&page).recorded(), expected);
}

#[test]
fn a_middleware_on_a_scope_serves_its_page_within_the_scope() {
    let inner = BigBrother::builder().isolated().endpoint("/admin/metrics").build();
    let server = Server::start(1, move || {
        let admin = web::scope("/admin").route("/x", web::get().to(HttpResponse::Ok));
        App::new().configure(ok).service(admin.wrap(inner.clone()))
    });
    let mut client = server.connect();
    client.get("/ok");
    client.get("/admin/x");
    assert_eq!(server.page("/admin/metrics").recorded(), ["200 false GET /admin/x: 1 of 0 bytes"]);
}

#[test]
fn the_page_of_an_inner_middleware_is_not_recorded_by_the_outer_one() {
    let builder = || BigBrother::builder().isolated();
    let (outer, inner) =
        (builder().no_endpoint().build(), builder().endpoint("/admin/metrics").build());
    let handle = outer.monitor();
    let server = Server::start(1, move || {
        let admin = web::scope("/admin").route("/x", web::get().to(HttpResponse::Ok));
        App::new().service(admin.wrap(inner.clone())).wrap(outer.clone())
    });
    let mut client = server.connect();
    client.get("/admin/x");
    is_text(&client.get("/admin/metrics"));
    let page = handle.encode(Format::Text);
    assert_eq!(Page::parse(&page).recorded(), ["200 false GET /admin/x: 1 of 0 bytes"]);
}

/// The option applies to the page of a monitor, whichever middleware serves it.
#[test]
fn openmetrics_is_offered_by_all_middlewares_of_a_monitor_once_one_has_the_option() {
    in_a_process_of_its_own(|| {
        let first = BigBrother::builder().build();
        let accept = [("accept", "application/openmetrics-text")];
        let server = Server::watched(first, ok);
        is_text(&server.connect().request("GET", "/metrics", &accept));
        let _later = BigBrother::builder().openmetrics().build();
        is_openmetrics(&server.connect().request("GET", "/metrics", &accept));
    });
}

#[test]
fn a_mounted_page_is_not_recorded() {
    let monitor = BigBrother::builder().isolated().openmetrics().no_endpoint().build();
    let server = Server::watched(monitor, |app| {
        app.configure(ok).service(web::scope("/internal").route("/page", web::get().to(metrics)));
    });
    let mut client = server.connect();
    client.get("/ok");
    is_text(&client.get("/internal/page"));
    let accept = [("accept", "application/openmetrics-text")];
    let page = is_openmetrics(&client.request("GET", "/internal/page", &accept));
    assert_eq!(page.recorded(), ["200 false GET /ok: 1 of 2 bytes"]);
}

#[test]
fn a_page_on_another_port_shows_the_monitor_it_was_given() {
    let monitor = BigBrother::builder().isolated().no_endpoint().build();
    let handle = monitor.monitor();
    let public = Server::watched(monitor, ok);
    let internal = Server::start(1, move || {
        App::new().app_data(handle.clone()).route("/metrics", web::get().to(metrics))
    });
    public.connect().get("/ok");
    is_text(&internal.connect().get("/metrics"));
    assert_eq!(internal.metrics().recorded(), ["200 false GET /ok: 1 of 2 bytes"]);
}

#[test]
fn a_scrape_that_is_refused_is_recorded() {
    let monitor = BigBrother::builder().isolated().no_endpoint().build();
    let server = Server::watched(monitor, |app| {
        let page = web::resource("/page").route(web::get().to(metrics));
        app.service(page.wrap(from_fn(async |request: ServiceRequest, next: Next<_>| {
            if request.headers().contains_key("authorization") {
                return next.call(request).await;
            }
            Err(error::ErrorUnauthorized("who are you?"))
        })));
    });
    let mut client = server.connect();
    assert_eq!(client.get("/page").status, 401);
    let page = is_text(&client.request("GET", "/page", &[("authorization", "me")]));
    assert_eq!(page.recorded(), ["401 true GET /page: 1 of 12 bytes"]);
}

#[test]
fn an_outer_logger_logs_the_page_with_status_200() {
    journal::start();
    let watched = monitor();
    let server = Server::start(1, move || {
        let logger = Logger::new("%r %s").log_target("the-access-log");
        App::new().configure(ok).wrap(watched.clone()).wrap(logger)
    });
    let mut client = server.connect();
    client.get("/metrics");
    client.head("/metrics");
    // A line is written when the body of its response is dropped.
    client.get("/ok");
    let lines = eventually("three lines are logged", || {
        Some(journal::lines("the-access-log")).filter(|lines| lines.len() == 3)
    });
    assert_eq!(
        lines,
        [
            "INFO GET /metrics HTTP/1.1 200",
            "INFO HEAD /metrics HTTP/1.1 200",
            "INFO GET /ok HTTP/1.1 200",
        ]
    );
}

#[test]
fn a_help_text_cannot_forge_a_line() {
    let monitor = with_openmetrics();
    monitor.monitor().register(|registry| {
        let help = "a \"quoted\" \\ text\nforged_total 1\n# EOF\n# TYPE x counter";
        registry.register("orders", help, Counter::<u64>::default());
        registry.register("last", "\n", Gauge::<i64>::default());
    });
    let server = Server::watched(monitor, ok);
    let mut client = server.connect();
    let text = is_text(&client.get("/metrics"));
    let accept = [("accept", "application/openmetrics-text")];
    let openmetrics = is_openmetrics(&client.request("GET", "/metrics", &accept));
    for page in [&text, &openmetrics] {
        assert_eq!(page.value("orders_total", &[]), Some(0.0));
        assert_eq!(page.value("last", &[]), Some(0.0));
        assert!(page.find("forged_total", &[]).is_empty(), "{}", page.text);
    }
    // The text format escapes backslashes and line breaks, OpenMetrics also quotes.
    let help = r#"a "quoted" \\ text\nforged_total 1\n# EOF\n# TYPE x counter."#;
    let line = format!("# HELP orders_total {help}\n");
    assert!(text.text.contains(&line), "{}", text.text);
    let line = format!("# HELP orders {}\n", help.replace('"', "\\\""));
    assert!(openmetrics.text.contains(&line), "{}", openmetrics.text);
}

#[test]
fn the_page_is_the_same_under_a_plain_tokio_runtime() {
    let watched = monitor();
    let server = Server::try_start(Runtime::Tokio, 2, move || {
        App::new().configure(ok).wrap(watched.clone())
    });
    let server = server.expect("the server starts");
    for _ in 0..10 {
        assert_eq!(server.connect().get("/ok").text(), "ok");
        is_text(&server.connect().get("/metrics"));
    }
    assert_eq!(server.metrics().recorded(), ["200 false GET /ok: 10 of 20 bytes"]);
}

#[test]
fn the_page_is_served_even_if_the_app_fails() {
    let watched = monitor();
    let server = Server::start(1, move || {
        App::new()
            .wrap(from_fn(async |_: ServiceRequest, _: Next<BoxBody>| {
                Err::<ServiceResponse, Error>(error::ErrorServiceUnavailable("down"))
            }))
            .wrap(watched.clone())
    });
    assert_eq!(server.connect().get("/ok").status, 503);
    assert_eq!(server.metrics().recorded(), ["503 true GET unmatched: 1 of 4 bytes"]);
}
