//! The middleware among other middlewares, on apps, scopes and resources.

use actix_monitor::{BigBrother, BigBrotherBuilder, Format, ResponseSize};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Service as _, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::middleware::{
    Compat, Compress, Condition, DefaultHeaders, ErrorHandlerResponse, ErrorHandlers, Logger, Next,
    NormalizePath, from_fn,
};
use actix_web::{App, Error, HttpResponse, web};

use crate::support::page::Page;
use crate::support::server::{Server, monitor};
use crate::support::services::{ControlledBody, Step};

fn builder() -> BigBrotherBuilder {
    BigBrother::builder().isolated()
}

/// What `monitor` has recorded, without a scrape.
fn recorded(monitor: &BigBrother) -> Vec<String> {
    Page::parse(&monitor.monitor().encode(Format::Text)).recorded()
}

const LONG: &str = "a text that is worth being compressed; ";

fn routes(app: &mut web::ServiceConfig) {
    app.service(web::scope("/users").route("/{id}", web::get().to(async || "hello")))
        .route("/long", web::get().to(async || LONG.repeat(100)))
        .route(
            "/stream",
            web::get().to(async || {
                let steps = [Step::Chunk(LONG), Step::Chunk(LONG)];
                HttpResponse::Ok()
                    .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/plain")))
                    .body(ControlledBody::of(BodySize::Stream, steps))
            }),
        );
}

/// Passes everything on unchanged.
async fn passing<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    next.call(request).await
}

const LONG_LENGTH: usize = 100 * LONG.len();

#[test]
fn the_innermost_and_the_outermost_middleware_record_the_same() {
    let outermost = monitor();
    let innermost = monitor();
    let watched = (outermost.clone(), innermost.clone());
    let server = Server::start(1, move || {
        App::new()
            .configure(routes)
            .wrap(watched.1.clone())
            .wrap(from_fn(passing))
            .wrap(DefaultHeaders::new().add(("x-version", "1")))
            .wrap(Condition::new(true, Logger::default()))
            .wrap(NormalizePath::trim())
            .wrap(Condition::new(false, Compress::default()))
            .wrap(watched.0.clone())
    });
    let mut client = server.connect();
    assert_eq!(client.get("/users/7").text(), "hello");
    assert_eq!(client.get("//users///7/").text(), "hello");
    assert_eq!(client.get("/long").body.len(), LONG_LENGTH);
    assert_eq!(client.get("/nowhere").status, 404);
    let expected = [
        format!("200 false GET /long: 1 of {LONG_LENGTH} bytes"),
        "200 false GET /users/{id}: 2 of 10 bytes".to_owned(),
        "404 true GET unmatched: 1 of 0 bytes".to_owned(),
    ];
    assert_eq!(recorded(&outermost), expected);
    assert_eq!(recorded(&innermost), expected);
}

const GZIP: [(&str, &str); 1] = [("accept-encoding", "gzip")];

#[test]
fn the_size_of_a_compressed_body_is_counted_outside_of_the_compressor_only() {
    let sent = || builder().response_size(ResponseSize::Sent).build();
    let (outer, outer_sent, inner, inner_sent) = (monitor(), sent(), monitor(), sent());
    let watched = (outer.clone(), outer_sent.clone(), inner.clone(), inner_sent.clone());
    let server = Server::start(1, move || {
        App::new()
            .configure(routes)
            .wrap(watched.2.clone())
            .wrap(watched.3.clone())
            .wrap(Compress::default())
            .wrap(watched.1.clone())
            .wrap(watched.0.clone())
    });
    let mut client = server.connect();
    let compressed = client.request("GET", "/long", &GZIP);
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    let length = compressed.body.len();
    assert!((1..LONG_LENGTH).contains(&length), "{length}");
    let line = |bytes: usize| [format!("200 false GET /long: 1 of {bytes} bytes")];
    assert_eq!(recorded(&outer), line(0), "a compressed body declares no length");
    assert_eq!(recorded(&outer_sent), line(length));
    assert_eq!(recorded(&inner), line(LONG_LENGTH));
    assert_eq!(recorded(&inner_sent), line(LONG_LENGTH));
}

#[test]
fn a_compressor_works_inside_and_outside_of_the_middleware() {
    // The page itself has no other coding than gzip.
    let deflate = [("accept-encoding", "deflate")];
    let watched = monitor();
    let inside = watched.clone();
    let server = Server::start(1, move || {
        App::new().configure(routes).wrap(Compress::default()).wrap(inside.clone())
    });
    let page = server.connect().request("GET", "/metrics", &deflate);
    assert_eq!(page.header("content-encoding"), None);
    Page::parse(&page.text());
    let server = Server::start(1, move || {
        App::new().configure(routes).wrap(watched.clone()).wrap(Compress::default())
    });
    let page = server.connect().request("GET", "/metrics", &deflate);
    assert_eq!((page.status, page.header("content-encoding")), (200, Some("deflate")));
    assert_eq!(server.metrics().recorded(), [] as [&str; 0], "scrapes are not recorded");
}

/// A request of which there is a clone cannot be changed.
#[test]
fn the_page_is_served_while_an_outer_middleware_holds_the_request() {
    let watched = monitor();
    let server = Server::start(1, move || {
        App::new().wrap(watched.clone()).wrap_fn(|request, service| {
            let held = request.request().clone();
            let answer = service.call(request);
            async move {
                let answer = answer.await;
                drop(held);
                answer
            }
        })
    });
    assert_eq!(server.connect().get("/metrics").status, 200);
}

#[test]
fn a_normalized_path_has_its_pattern_inside_and_outside_of_the_normalizer() {
    let (inner, outer) = (monitor(), monitor());
    let watched = (inner.clone(), outer.clone());
    let server = Server::start(1, move || {
        App::new()
            .configure(routes)
            .wrap(watched.0.clone())
            .wrap(NormalizePath::trim())
            .wrap(watched.1.clone())
    });
    let mut client = server.connect();
    for path in ["/users/7/", "//users/7", "/users/7"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    let expected = ["200 false GET /users/{id}: 3 of 15 bytes"];
    assert_eq!(recorded(&inner), expected);
    assert_eq!(recorded(&outer), expected);
    // The inner middleware gets the normalized path, the outer one the raw path.
    let page = Page::parse(&client.get("/metrics/").text());
    assert_eq!(page.recorded(), expected);
    let page = Page::parse(&client.get("/metrics").text());
    assert_eq!(page.recorded()[0], "200 false GET /users/{id}: 3 of 15 bytes");
}

#[test]
fn a_condition_switches_the_monitor_on_and_off() {
    for is_on in [true, false] {
        let watched = monitor();
        let inside = watched.clone();
        let server = Server::start(1, move || {
            App::new().configure(routes).wrap(Condition::new(is_on, inside.clone()))
        });
        let mut client = server.connect();
        assert_eq!(client.get("/users/7").text(), "hello");
        assert_eq!(client.get("/metrics").status, if is_on { 200 } else { 404 });
        let expected: &[&str] =
            if is_on { &["200 false GET /users/{id}: 1 of 5 bytes"] } else { &[] };
        assert_eq!(recorded(&watched), expected);
    }
}

#[test]
fn a_response_replaced_by_an_outer_middleware_is_recorded_as_it_was_inside() {
    let (inner, outer) = (monitor(), monitor());
    let watched = (inner.clone(), outer.clone());
    let server = Server::start(1, move || {
        let replaced = |answer: ServiceResponse<_>| {
            let (request, _) = answer.into_parts();
            let page = HttpResponse::Gone().body("nothing here").map_into_right_body();
            Ok(ErrorHandlerResponse::Response(ServiceResponse::new(request, page)))
        };
        App::new()
            .configure(routes)
            .wrap(watched.0.clone())
            .wrap(ErrorHandlers::new().handler(StatusCode::NOT_FOUND, replaced))
            .wrap(watched.1.clone())
    });
    assert_eq!(server.connect().get("/nowhere").status, 410);
    assert_eq!(recorded(&inner), ["404 true GET unmatched: 1 of 0 bytes"]);
    assert_eq!(recorded(&outer), ["410 true GET unmatched: 1 of 12 bytes"]);
}

#[test]
fn a_request_that_a_middleware_answers_before_the_routes_is_recorded_once() {
    let watched = monitor();
    let inside = watched.clone();
    let server = Server::start(1, move || {
        let turned_away = from_fn(async |request: ServiceRequest, _: Next<BoxBody>| {
            Ok::<_, Error>(request.into_response(HttpResponse::Unauthorized().body("who?")))
        });
        App::new().configure(routes).wrap(turned_away).wrap(inside.clone())
    });
    assert_eq!(server.connect().get("/users/7").status, 401);
    let page = server.metrics();
    assert_eq!((page.requests(), page.total("response_size_bytes")), (1.0, 4.0));
    assert_eq!(page.sum("request_seconds_count", &[("status", "401"), ("isError", "true")]), 1.0);
}

#[test]
fn a_request_that_passes_a_monitor_several_times_is_recorded_once() {
    let watched = monitor();
    let inside = watched.clone();
    let server = Server::start(1, move || {
        let m = || inside.clone();
        let ok = || web::get().to(async || "hello");
        let resource = web::resource("/deep/{id}").wrap(m()).route(ok());
        let failing = web::resource("/failing").wrap(m()).route(
            web::get()
                .to(async || Err::<HttpResponse, _>(actix_web::error::ErrorConflict("conflict"))),
        );
        let inner = web::scope("/inner").wrap(m()).wrap(m()).service(resource).service(failing);
        App::new()
            .service(web::scope("/outer").wrap(m()).service(inner).route("/flat", ok()))
            .route("/bare", ok())
            .wrap(m())
            .wrap(from_fn(passing))
            .wrap(m())
    });
    let mut client = server.connect();
    for (path, status) in [
        ("/outer/inner/deep/1", 200),
        ("/outer/inner/failing", 409),
        ("/outer/flat", 200),
        ("/outer/nowhere", 404),
        ("/bare", 200),
    ] {
        assert_eq!(client.get(path).status, status, "{path}");
    }
    assert_eq!(
        server.metrics().recorded(),
        [
            "200 false GET /bare: 1 of 5 bytes",
            "200 false GET /outer/flat: 1 of 5 bytes",
            "200 false GET /outer/inner/deep/{id}: 1 of 5 bytes",
            "404 true GET unmatched: 1 of 0 bytes",
            "409 true GET /outer/inner/failing: 1 of 8 bytes",
        ]
    );
}

#[test]
fn a_request_that_fails_within_several_layers_of_a_monitor_is_recorded_once() {
    let watched = monitor();
    let inside = watched.clone();
    let server = Server::start(1, move || {
        let forbidden = from_fn(async |_: ServiceRequest, _: Next<BoxBody>| {
            Err::<ServiceResponse, _>(actix_web::error::ErrorForbidden("forbidden"))
        });
        let panics = web::get().to(async || -> HttpResponse { panic!("a panic, on purpose") });
        let scope = web::scope("/scope")
            .service(web::resource("/{id}").wrap(forbidden).to(HttpResponse::Ok))
            .wrap(inside.clone());
        let broken = web::scope("/broken").route("/{id}", panics).wrap(inside.clone());
        App::new().service(scope).service(broken).wrap(inside.clone())
    });
    let mut client = server.connect();
    assert_eq!(client.get("/scope/1").status, 403);
    client.send_request("GET", "/broken/1", &[]);
    client.try_read_response().expect_err("a panic has no answer");
    let expected =
        ["403 true GET /scope/{id}: 1 of 9 bytes", "500 true GET /broken/{id}: 1 of 0 bytes"];
    assert_eq!(server.metrics().recorded(), expected);
}

#[test]
fn a_middleware_on_a_scope_records_the_requests_of_its_scope_only() {
    let watched = monitor();
    let inside = watched.clone();
    let server = Server::start(1, move || {
        let panics = web::get().to(async || -> HttpResponse { panic!("a panic, on purpose") });
        let api = web::scope("/api/{version}")
            .route("/users/{id}", web::get().to(async || "hello"))
            .route("/panics/{id}", panics)
            .wrap(inside.clone());
        App::new().configure(routes).service(api)
    });
    let mut client = server.connect();
    for (path, status) in [("/users/7", 200), ("/api/v1/users/7", 200), ("/api/v1/nowhere", 404)] {
        assert_eq!(client.get(path).status, status, "{path}");
    }
    client.send_request("GET", "/api/v2/panics/7", &[]);
    client.try_read_response().expect_err("a panic has no answer");
    let expected = [
        "200 false GET /api/{version}/users/{id}: 1 of 5 bytes",
        "404 true GET unmatched: 1 of 0 bytes",
        "500 true GET /api/{version}/panics/{id}: 1 of 0 bytes",
    ];
    assert_eq!(server.connect().get("/users/7").status, 200, "the worker is done with the panic");
    assert_eq!(recorded(&watched), expected);
}

#[test]
fn two_monitors_that_alternate_record_each_request_once_each() {
    let (a, b) = (monitor(), monitor());
    let watched = (a.clone(), b.clone());
    let server = Server::start(1, move || {
        let (a, b) = watched.clone();
        let resource = web::resource("/x/{id}").route(web::get().to(async || "hello"));
        let inner = web::scope("/inner").service(resource.wrap(a.clone())).wrap(b.clone());
        let outer = web::scope("/outer").service(inner).wrap(a.clone()).wrap(b);
        App::new().service(outer).configure(routes).wrap(a)
    });
    let mut client = server.connect();
    client.get("/outer/inner/x/1");
    client.get("/users/7");
    let once = "200 false GET /outer/inner/x/{id}: 1 of 5 bytes";
    assert_eq!(recorded(&a), [once, "200 false GET /users/{id}: 1 of 5 bytes"]);
    assert_eq!(recorded(&b), [once]);
}

#[test]
fn clones_share_their_monitor() {
    let watched = monitor();
    let servers = [watched.clone(), watched.clone()].map(|one| Server::watched(one, routes));
    for server in &servers {
        server.connect().get("/users/7");
    }
    for server in &servers {
        assert_eq!(server.metrics().recorded(), ["200 false GET /users/{id}: 2 of 10 bytes"]);
    }
}

#[test]
fn it_wraps_apps_scopes_and_resources_among_other_middlewares() {
    /// The test is that this compiles.
    fn is_app<B: MessageBody>(
        app: App<
            impl ServiceFactory<
                ServiceRequest,
                Config = (),
                Response = ServiceResponse<B>,
                Error = Error,
                InitError = (),
            >,
        >,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        >,
    > {
        app
    }
    fn is_handed_about<T: Clone + Send + Sync + std::fmt::Debug + 'static>(_: &T) {}

    let m = monitor;
    is_handed_about(&m());
    is_handed_about(&m().monitor());
    let resource = || web::resource("/x").to(HttpResponse::Ok);
    let scope = web::scope("/a")
        .service(resource().wrap(m()))
        .service(resource().wrap(Compat::new(m())))
        .service(resource().wrap(Condition::new(true, m())))
        .service(resource().wrap(from_fn(passing)).wrap(m()).wrap(from_fn(passing)));
    let scope = scope.wrap(m()).wrap(Compress::default()).wrap(m()).wrap(Logger::default());
    drop(is_app(App::new().service(scope).wrap(m())));
    drop(is_app(App::new().wrap(m()).wrap(NormalizePath::trim()).wrap(Compat::new(m()))));
    drop(is_app(App::new().wrap(Compress::default()).wrap(m()).wrap(ErrorHandlers::new())));
}

/// What a monitor records of some requests to the app that `stack` builds.
fn recorded_by<T, B>(stack: impl Fn(BigBrother) -> App<T> + Clone + Send + 'static) -> Vec<String>
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    let watched = monitor();
    let inside = watched.clone();
    let server = Server::start(1, move || stack(inside.clone()));
    let mut client = server.connect();
    for (path, status) in [("/users/7", 200), ("/stream", 200), ("/nowhere", 404)] {
        assert_eq!(client.get(path).status, status, "{path}");
    }
    assert_eq!(client.head("/users/7").status, 404);
    recorded(&watched)
}

#[test]
fn every_order_of_common_middlewares_records_the_same() {
    let app = || App::new().configure(routes);
    let (log, zip) = (|| Logger::new("%r %s"), Compress::default);
    let (trim, pass) = (NormalizePath::trim, || DefaultHeaders::new().add(("x-order", "any")));
    let expected = [
        "200 false GET /stream: 1 of 0 bytes",
        "200 false GET /users/{id}: 1 of 5 bytes",
        "404 true GET unmatched: 1 of 0 bytes",
        "404 true HEAD unmatched: 1 of 0 bytes",
    ];
    let all = [
        recorded_by(move |m| app().wrap(m).wrap(log()).wrap(zip()).wrap(trim()).wrap(pass())),
        recorded_by(move |m| app().wrap(log()).wrap(m).wrap(zip()).wrap(trim()).wrap(pass())),
        recorded_by(move |m| app().wrap(log()).wrap(zip()).wrap(m).wrap(trim()).wrap(pass())),
        recorded_by(move |m| app().wrap(log()).wrap(zip()).wrap(trim()).wrap(m).wrap(pass())),
        recorded_by(move |m| app().wrap(log()).wrap(zip()).wrap(trim()).wrap(pass()).wrap(m)),
        recorded_by(move |m| app().wrap(pass()).wrap(trim()).wrap(zip()).wrap(log()).wrap(m)),
        recorded_by(move |m| app().wrap(m).wrap(pass()).wrap(trim()).wrap(zip()).wrap(log())),
        recorded_by(move |m| app().wrap(m.clone()).wrap(from_fn(passing)).wrap(m)),
        recorded_by(move |m| app().wrap(from_fn(passing)).wrap(m).wrap(from_fn(passing))),
    ];
    for (order, recorded) in all.into_iter().enumerate() {
        assert_eq!(recorded, expected, "order {order}");
    }
}
