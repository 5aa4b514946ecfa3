//! Exclusions: which requests they match, and what excluded requests still have.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use actix_monitor::{BigBrother, BigBrotherBuilder, Exclude, Monitor};
use actix_web::dev::ServiceRequest;
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpRequest, HttpResponse, error, guard, web};
use tokio::sync::Semaphore;

use crate::support::oracle::page_of;
use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::Server;
use crate::support::services::{waits_for, waits_for_ever};

fn isolated() -> BigBrotherBuilder {
    BigBrother::builder().isolated()
}

/// A server that responds to every path, with several patterns.
fn patterns(builder: BigBrotherBuilder) -> Server {
    Server::watched(builder.build(), |app| {
        app.service(
            web::scope("/users")
                .route("/{id}", web::to(HttpResponse::Ok))
                .route("/{id}/avatar", web::to(HttpResponse::Ok)),
        )
        .route("/", web::to(HttpResponse::Ok))
        .route("/{a}", web::to(HttpResponse::Ok))
        .route("/{a}/", web::to(HttpResponse::Ok))
        .route("/{a}/{b}", web::to(HttpResponse::Ok))
        .route("/{a}/{b}/{c}", web::to(HttpResponse::Ok));
    })
}

/// What is recorded of one `GET` for each of `paths`, without status and method.
#[track_caller]
fn recorded_of(server: &Server, paths: &[&str]) -> Vec<String> {
    let mut client = server.connect();
    for path in paths {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    let lines = server.metrics().recorded();
    let strip = |line: &String| line.replace("200 false GET ", "").replace(" of 0 bytes", "");
    lines.iter().map(strip).collect()
}

#[test]
fn nothing_is_excluded_by_default() {
    let server = patterns(isolated());
    let paths = ["/", "/health", "/static/a.css", "/users/1/avatar"];
    let expected = ["/: 1", "/users/{id}/avatar: 1", "/{a}/{b}: 1", "/{a}: 1"];
    assert_eq!(recorded_of(&server, &paths), expected);
}

#[test]
fn a_path_excludes_that_path_alone_whatever_its_query_and_method() {
    let server = patterns(isolated().exclude("/health"));
    let mut client = server.connect();
    for method in ["POST", "HEAD", "PURGE"] {
        client.request(method, "/health", &[]);
    }
    let paths = ["/health", "/health?probe=1", "/health/", "/healthy", "/health/x", "/x/health"];
    assert_eq!(recorded_of(&server, &paths), ["/{a}/: 1", "/{a}/{b}: 2", "/{a}: 1"]);
}

#[test]
fn the_root_excludes_the_root_alone() {
    let server = patterns(isolated().exclude("/"));
    assert_eq!(recorded_of(&server, &["/", "/?x", "/x"]), ["/{a}: 1"]);
}

#[test]
fn a_prefix_excludes_everything_below_it() {
    let server = patterns(isolated().exclude("/static/*"));
    let paths = ["/static/", "/static/a", "/static/a/b", "/static", "/statics/a", "/x/static/a"];
    let expected = ["/{a}/{b}/{c}: 1", "/{a}/{b}: 1", "/{a}: 1"];
    assert_eq!(recorded_of(&server, &paths), expected);
}

#[test]
fn a_prefix_excludes_requests_that_no_route_handled_as_well() {
    let server = Server::watched(isolated().exclude("/static/*").build(), |app| {
        app.route("/", web::get().to(HttpResponse::Ok));
    });
    for path in ["/static/missing.css", "/missing.css"] {
        assert_eq!(server.connect().get(path).status, 404);
    }
    assert_eq!(server.metrics().recorded(), ["404 true GET unmatched: 1 of 0 bytes"]);
}

#[test]
fn the_prefix_of_all_paths_excludes_everything_and_the_page_is_still_served() {
    let server = patterns(isolated().exclude("/*"));
    let nothing: [&str; 0] = [];
    assert_eq!(recorded_of(&server, &["/", "/a", "/users/1/avatar"]), nothing);
}

#[test]
fn a_pattern_excludes_its_route_alone() {
    let server = patterns(isolated().exclude("/users/{id}/avatar"));
    let paths = ["/users/1/avatar", "/users/2/avatar", "/users/1", "/groups/1/avatar"];
    assert_eq!(recorded_of(&server, &paths), ["/users/{id}: 1", "/{a}/{b}/{c}: 1"]);
}

#[test]
fn a_pattern_excludes_requests_of_its_route_however_they_end() {
    let (begun, begins) = mpsc::channel();
    let monitor = isolated().exclude("/api/{id}").build();
    let handle = monitor.monitor();
    let server = Server::start(1, move || {
        let begun = begun.clone();
        App::new()
            .service(web::scope("/api").guard(guard::Get()).route(
                "/{id}",
                web::get().to(async move |id: web::Path<String>| -> HttpResponse {
                    match id.as_str() {
                        "panics" => panic!("a handler's panic, on purpose"),
                        _ => HttpResponse::Ok().finish(),
                    }
                }),
            ))
            .configure(|app| waits_for_ever(app, "/other/{id}", &begun))
            .wrap(from_fn(async |request: ServiceRequest, next: Next<_>| {
                if request.path().ends_with("/fails") {
                    return Err(error::ErrorServiceUnavailable("a middleware's error"));
                }
                next.call(request).await
            }))
            .wrap(monitor.clone())
    });
    for path in ["/api/ok", "/api/fails", "/other/fails"] {
        server.connect().get(path);
    }
    let mut client = server.connect();
    client.send_request("GET", "/api/panics", &[]);
    client.read_to_end();
    let mut client = server.connect();
    client.send_request("GET", "/other/1", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    client.reset();
    server.metrics_of(2.0);
    // A guard refused it, so it does not have the pattern.
    assert_eq!(server.connect().request("PUT", "/api/ok", &[]).status, 404);
    let expected = [
        "404 true PUT unmatched: 1 of 0 bytes",
        "499 true GET /other/{id}: 1 of 0 bytes",
        "503 true GET /other/{id}: 1 of 20 bytes",
    ];
    assert_eq!(page_of(&handle).recorded(), expected);
}

#[test]
fn a_closure_excludes_the_requests_for_which_it_returns_true() {
    let probes = Exclude::from_fn(|request| request.headers().contains_key("x-probe"));
    let preflights = Exclude::from_fn(|request| *request.method() == Method::OPTIONS);
    let server = patterns(isolated().exclude(probes).exclude(preflights));
    let mut client = server.connect();
    client.request("GET", "/a", &[("x-probe", "1")]);
    client.request("OPTIONS", "/a", &[]);
    assert_eq!(recorded_of(&server, &["/a"]), ["/{a}: 1"]);
}

#[test]
fn a_closure_is_called_once_for_each_request_and_never_for_a_scrape() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let server = patterns(isolated().exclude(Exclude::from_fn(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        false
    })));
    assert_eq!(recorded_of(&server, &["/a", "/b", "/a/b"]), ["/{a}/{b}: 1", "/{a}: 2"]);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[test]
fn all_exclusions_apply_together() {
    let server = patterns(
        isolated()
            .exclude("/health")
            .exclude(String::from("/static/*"))
            .exclude("/users/{id}")
            .exclude("/users/{id}/avatar"),
    );
    let paths = ["/health", "/static/a", "/users/1", "/users/1/avatar", "/a"];
    assert_eq!(recorded_of(&server, &paths), ["/{a}: 1"]);
}

#[test]
fn statuses_are_excluded_however_requests_end() {
    let (begun, begins) = mpsc::channel();
    let lost = StatusCode::from_u16(499).expect("a status");
    let builder = isolated()
        .exclude_status(StatusCode::NOT_MODIFIED)
        .exclude_status(StatusCode::NOT_FOUND)
        .exclude_status(StatusCode::CONFLICT)
        .exclude_status(lost)
        .requests_in_flight();
    let monitor = builder.build();
    let server = Server::start(1, move || {
        App::new()
            .route("/unchanged", web::get().to(HttpResponse::NotModified))
            .route("/ok", web::get().to(HttpResponse::Ok))
            .configure(|app| waits_for_ever(app, "/slow", &begun))
            .wrap(from_fn(async |request: ServiceRequest, next: Next<_>| {
                if request.path() == "/fails" {
                    return Err(error::ErrorConflict("a middleware's error"));
                }
                next.call(request).await
            }))
            .wrap(monitor.clone())
    });
    let mut client = server.connect();
    client.send_request("GET", "/slow", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    client.reset();
    for (path, status) in [("/unchanged", 304), ("/nowhere", 404), ("/fails", 409), ("/ok", 200)] {
        assert_eq!(server.connect().get(path).status, status);
    }
    let page = eventually("the reset is noticed", || {
        let page = server.metrics();
        (page.value("requests_in_flight", &[]) == Some(0.0)).then_some(page)
    });
    assert_eq!(page.recorded(), ["200 false GET /ok: 1 of 0 bytes"]);
}

#[test]
fn a_request_excluded_by_its_status_creates_no_series() {
    let builder = isolated().series_limit(1).exclude_status(StatusCode::NOT_FOUND);
    let server = Server::watched(builder.build(), |app| {
        app.route("/ok", web::get().to(HttpResponse::Ok));
    });
    for path in ["/nowhere", "/ok"] {
        server.connect().get(path);
    }
    assert_eq!(server.metrics().recorded(), ["200 false GET /ok: 1 of 0 bytes"]);
}

#[test]
fn an_excluded_request_has_the_monitor_in_its_app_data() {
    let by_closure = Exclude::from_fn(|request| request.path() == "/closure");
    let builder = isolated().exclude("/path").exclude("/below/*").exclude(by_closure);
    let builder = builder.exclude("/by/{pattern}").exclude_status(StatusCode::ACCEPTED);
    let monitor = builder.build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, |app| {
        let count = async |request: HttpRequest, monitor: web::Data<Monitor>| {
            monitor.start_request("seen").addr(request.path().to_owned()).finish("ok");
            HttpResponse::Accepted().finish()
        };
        app.default_service(web::to(count)).route("/by/{pattern}", web::to(count));
    });
    let paths = ["/path", "/below/it", "/closure", "/by/pattern", "/status"];
    for path in paths {
        assert_eq!(server.connect().get(path).status, 202);
    }
    let page = page_of(&handle);
    assert_eq!(page.requests(), paths.len() as f64);
    for path in paths {
        let seen = [("type", "seen"), ("addr", path)];
        assert_eq!(page.value("request_seconds_count", &seen), Some(1.0), "{path}");
    }
}

#[test]
fn an_excluded_request_is_not_in_flight() {
    let permits = Arc::new(Semaphore::new(0));
    let (begun, begins) = mpsc::channel();
    let by_closure = Exclude::from_fn(|request| request.path() == "/closure");
    let builder = isolated().requests_in_flight().exclude("/path").exclude("/below/*");
    let given = Arc::clone(&permits);
    let server = Server::watched(builder.exclude(by_closure).build(), move |app| {
        for path in ["/path", "/below/it", "/closure", "/watched"] {
            waits_for(app, path, &given, &begun);
        }
    });
    let mut clients = Vec::new();
    for (path, in_flight) in
        [("/path", 0.0), ("/below/it", 0.0), ("/closure", 0.0), ("/watched", 1.0)]
    {
        let mut client = server.connect();
        client.send_request("GET", path, &[]);
        begins.recv_timeout(PATIENCE).expect("the handler begins");
        clients.push(client);
        let gauge = server.metrics().value("requests_in_flight", &[]);
        assert_eq!(gauge, Some(in_flight), "{path}");
    }
    permits.add_permits(clients.len());
    for mut client in clients {
        assert_eq!(client.read_response().text(), "done");
    }
    let page = server.metrics();
    assert_eq!(page.value("requests_in_flight", &[]), Some(0.0));
    assert_eq!(page.recorded(), ["200 false GET /watched: 1 of 4 bytes"]);
}

#[test]
fn an_excluded_request_is_not_recorded_by_an_inner_middleware_of_the_same_monitor() {
    let monitor = isolated().exclude("/api/health").build();
    let handle = monitor.monitor();
    let server = Server::start(1, move || {
        let scope =
            web::scope("/api").wrap(monitor.clone()).route("/{x}", web::to(HttpResponse::Ok));
        App::new().service(scope).wrap(monitor.clone())
    });
    for path in ["/api/health", "/api/x"] {
        assert_eq!(server.connect().get(path).status, 200);
    }
    assert_eq!(page_of(&handle).recorded(), ["200 false GET /api/{x}: 1 of 0 bytes"]);
}

#[test]
fn exclusions_that_no_request_can_match_are_refused() {
    let relative = ["", "health", "static/*", "*", "users/{id}", " /health", "{tail:.*}"];
    let hopeless = ["/static*", "/a/*/b", "/users/{id}/*", "/a*/*", "/health?x"];
    for pattern in relative.into_iter().chain(hopeless) {
        let refusal = isolated().exclude("/fine").exclude(pattern).try_build();
        let message = refusal.expect_err("no request can match it").to_string();
        let expected = format!("exclude: no request can match {pattern:?}; ");
        assert!(message.starts_with(&expected), "{message}");
    }
}
