//! The `addr` label of responses that no handler of a route gave: one rule on the app, on
//! a scope and on a resource.

use actix_web::body::BoxBody;
use actix_web::dev::{
    AppService, HttpServiceFactory, ResourceDef, ServiceRequest, ServiceResponse, fn_service,
};
use actix_web::http::StatusCode;
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::{App, Error, HttpResponse, error, web};

use crate::support::client::Client;
use crate::support::server::{Server, monitor};
use crate::support::services::Prefix;

/// The status that the request asks for, as a middleware responds with it: in a response
/// that it returns, or in an error.
fn asked_for(request: &ServiceRequest, header: &str) -> Option<StatusCode> {
    let value = request.headers().get(header)?;
    StatusCode::from_bytes(value.as_bytes()).ok()
}

/// A middleware that responds for the routes: an authentication, a rate limiter, CORS.
async fn responds(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    if let Some(status) = asked_for(&request, "x-ok") {
        return Ok(request.into_response(HttpResponse::new(status)));
    }
    if let Some(status) = asked_for(&request, "x-err") {
        return Err(error::InternalError::new("", status).into());
    }
    next.call(request).await
}

/// Routes in an app, a scope, a scope in a scope and a resource. The middleware is where
/// `layer` says.
fn layered(layer: Layer) -> Server {
    let watched = monitor();
    Server::start(1, move || {
        let wrap = |is_here| Condition::new(is_here, from_fn(responds));
        let got = || web::get().to(HttpResponse::Ok);
        let item = web::resource("/items/{id}").route(got()).wrap(wrap(layer == Layer::Resource));
        let inner = web::scope("/{tenant}")
            .service(item)
            .route("/users/{id}", got())
            .wrap(wrap(layer == Layer::InnerScope));
        let outer = web::scope("/api").service(inner).wrap(wrap(layer == Layer::Scope));
        App::new()
            .route("/", got())
            .service(outer)
            .wrap(wrap(layer == Layer::App))
            .wrap(watched.clone())
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Layer {
    App,
    Scope,
    InnerScope,
    Resource,
}

/// Statuses of an authentication, a firewall, a rate limiter, redirects, a preflight and
/// a cache.
const RESPONSES: [&str; 8] = ["401", "403", "429", "301", "307", "308", "204", "200"];

fn addrs(server: &Server) -> Vec<(String, f64)> {
    let page = server.metrics();
    let counts = page.find("request_seconds_count", &[]).into_iter();
    let mut addrs = Vec::<(String, f64)>::new();
    for count in counts {
        let addr = count.label("addr").expect("each series has it");
        match addrs.iter_mut().find(|(other, _)| other == addr) {
            Some((_, total)) => *total += count.value,
            None => addrs.push((addr.to_owned(), count.value)),
        }
    }
    addrs.sort_by(|one, other| one.0.cmp(&other.0));
    addrs
}

#[track_caller]
fn responds_with(client: &mut Client, method: &str, path: &str, header: &str, status: &str) {
    client.send_request(method, path, &[(header, status)]);
    let response = if method == "HEAD" { client.read_head() } else { client.read_response() };
    assert_eq!(response.status.to_string(), status, "{method} {path} {header}");
}

#[test]
fn a_middleware_that_responds_for_the_routes_leaves_their_pattern_wherever_it_is() {
    let item = "/api/{tenant}/items/{id}";
    for layer in [Layer::App, Layer::Scope, Layer::InnerScope, Layer::Resource] {
        let server = layered(layer);
        let mut client = server.connect();
        for header in ["x-ok", "x-err"] {
            for status in RESPONSES {
                for method in ["GET", "POST", "OPTIONS", "HEAD"] {
                    let path = "/api/acme/items/7?query=1";
                    responds_with(&mut client, method, path, header, status);
                }
            }
        }
        let expected = (item.to_owned(), (2 * RESPONSES.len() * 4) as f64);
        assert_eq!(addrs(&server), [expected], "on {layer:?}");
    }
}

#[test]
fn a_middleware_that_responds_for_no_route_is_unmatched_wherever_it_is() {
    for layer in [Layer::App, Layer::Scope, Layer::InnerScope] {
        let server = layered(layer);
        let mut client = server.connect();
        for header in ["x-ok", "x-err"] {
            for status in RESPONSES {
                for path in ["/api/acme/nowhere", "/api/acme/users/7/files"] {
                    responds_with(&mut client, "GET", path, header, status);
                }
            }
        }
        let expected = ("unmatched".to_owned(), (4 * RESPONSES.len()) as f64);
        assert_eq!(addrs(&server), [expected], "on {layer:?}");
    }
}

#[test]
fn a_preflight_has_the_pattern_of_the_route_that_it_asks_about() {
    for layer in [Layer::App, Layer::Scope, Layer::InnerScope] {
        let server = layered(layer);
        let mut client = server.connect();
        responds_with(&mut client, "OPTIONS", "/api/acme/users/7", "x-ok", "200");
        responds_with(&mut client, "OPTIONS", "/api/acme/users/8", "x-ok", "204");
        assert_eq!(
            server.metrics().recorded(),
            [
                "200 false OPTIONS /api/{tenant}/users/{id}: 1 of 0 bytes",
                "204 false OPTIONS /api/{tenant}/users/{id}: 1 of 0 bytes",
            ],
            "on {layer:?}"
        );
    }
}

/// An app and a scope with a route, and default services that respond with `status`.
fn with_default_services(status: StatusCode) -> Server {
    let responds = move || web::to(move || async move { HttpResponse::new(status) });
    Server::watched(monitor(), move |app| {
        let got = || web::get().to(HttpResponse::Ok);
        let scope = web::scope("/api").route("/users/{id}", got()).default_service(responds());
        app.service(scope).route("/users/{id}", got()).default_service(responds());
    })
}

#[test]
fn default_services_of_apps_and_of_scopes_follow_the_same_rule() {
    for (status, of_app, of_scope) in [
        (200, "/users/{id}", "/api/users/{id}"),
        (405, "/users/{id}", "/api/users/{id}"),
        (302, "/users/{id}", "/api/users/{id}"),
        (404, "unmatched", "unmatched"),
    ] {
        let server = with_default_services(StatusCode::from_u16(status).expect("a status"));
        let mut client = server.connect();
        // Refused by the guards of their routes.
        for path in ["/users/7", "/api/users/7"] {
            assert_eq!(client.request("POST", path, &[]).status, status, "{path}");
        }
        let mut expected = vec![(of_app.to_owned(), 1.0), (of_scope.to_owned(), 1.0)];
        if of_app == of_scope {
            expected = vec![(of_app.to_owned(), 2.0)];
        }
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(addrs(&server), expected, "{status}");
    }
}

#[test]
fn default_services_are_unmatched_where_no_route_matches_the_path() {
    for status in [200, 302, 404, 405, 410] {
        let server = with_default_services(StatusCode::from_u16(status).expect("a status"));
        let mut client = server.connect();
        for path in ["/", "/nowhere", "/users/7/files", "/api/nowhere", "/api/users/7/files"] {
            assert_eq!(client.get(path).status, status, "{path}");
        }
        assert_eq!(addrs(&server), [("unmatched".to_owned(), 5.0)], "{status}");
    }
}

#[test]
fn a_route_with_the_empty_pattern_changes_no_other_addr() {
    let server = Server::watched(monitor(), |app| {
        let got = || web::get().to(HttpResponse::Ok);
        app.route("", got())
            .route("/users/{id}", got())
            .service(web::scope("/api").route("", got()).route("/users/{id}", got()));
    });
    let mut client = server.connect();
    assert_eq!(client.get("/users/7").status, 200);
    assert_eq!(client.get("/api").status, 200);
    for (method, path) in [
        // In an app, no path is empty.
        ("GET", "/"),
        ("POST", "/users/7"),
        ("POST", "/api/users/7"),
        ("GET", "/nowhere"),
        ("GET", "/api/nowhere"),
        ("GET", "/users/7/files"),
    ] {
        assert_eq!(client.request(method, path, &[]).status, 404, "{method} {path}");
    }
    assert_eq!(
        server.metrics().recorded(),
        [
            "200 false GET /api: 1 of 0 bytes",
            "200 false GET /users/{id}: 1 of 0 bytes",
            "404 true GET unmatched: 4 of 0 bytes",
            "404 true POST unmatched: 2 of 0 bytes",
        ]
    );
}

#[test]
fn a_service_on_the_empty_prefix_handles_what_it_does_not_find() {
    let server = Server::watched(monitor(), |app| {
        app.route("/users/{id}", web::get().to(HttpResponse::Ok)).service(NotFound(""));
    });
    let mut client = server.connect();
    for path in ["/", "/index.html", "/css/a.css", "/users/7/files"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    assert_eq!(server.metrics().recorded(), ["404 true GET /: 4 of 0 bytes"]);

    let server = Server::watched(monitor(), |app| {
        app.service(Prefix("/static")).route("/users/{id}", web::get().to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    assert_eq!(client.get("/index.html").status, 404);
    assert_eq!(server.metrics().recorded(), ["404 true GET unmatched: 1 of 0 bytes"]);
}

#[test]
fn a_service_on_a_prefix_has_its_pattern_if_it_finds_nothing() {
    let server = Server::watched(monitor(), |app| {
        app.service(NotFound("/files/of/{tenant}"));
    });
    let mut client = server.connect();
    for path in ["/files/of/acme", "/files/of/acme/", "/files/of/acme/a", "/files/of/acme/a/b/c"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    assert_eq!(server.metrics().recorded(), ["404 true GET /files/of/{tenant}: 4 of 0 bytes"]);
}

/// A file server that has no files, on a prefix.
struct NotFound(&'static str);

impl HttpServiceFactory for NotFound {
    fn register(self, config: &mut AppService) {
        let service = fn_service(|request: ServiceRequest| async {
            Ok(request.into_response(HttpResponse::NotFound()))
        });
        let pattern = ResourceDef::root_prefix(self.0);
        config.register_service(pattern, None, service, None);
    }
}
