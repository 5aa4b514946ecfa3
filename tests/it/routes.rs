//! The `addr` label: the pattern of a request, and when there is none.

use actix_web::dev::ServiceResponse;
use actix_web::{App, HttpResponse, error, guard, web};

use crate::support::server::{Server, monitor};
use crate::support::services::Prefix;

#[test]
fn guards_decide_the_pattern() {
    let server = Server::watched(monitor(), |app| {
        app.service(
            web::resource("/items/{new}")
                .guard(guard::Header("x-api", "2"))
                .to(HttpResponse::Accepted),
        )
        .service(
            web::scope("/items")
                .guard(guard::Post())
                .route("/{made}", web::to(HttpResponse::Created)),
        )
        .route("/items/{old}", web::get().to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    assert_eq!(client.get("/items/1").status, 200);
    assert_eq!(client.request("GET", "/items/1", &[("x-api", "2")]).status, 202);
    assert_eq!(client.request("POST", "/items/1", &[]).status, 201);
    assert_eq!(
        server.metrics().recorded(),
        [
            "200 false GET /items/{old}: 1 of 0 bytes",
            "201 false POST /items/{made}: 1 of 0 bytes",
            "202 false GET /items/{new}: 1 of 0 bytes",
        ]
    );
}

#[test]
fn a_pattern_contains_its_scopes() {
    let server = Server::watched(monitor(), |app| {
        let users = web::scope("/users")
            .route("", web::get().to(HttpResponse::Ok))
            .route("/{id}", web::get().to(HttpResponse::Ok))
            .route("/{id}/files/{tail:.*}", web::get().to(HttpResponse::Ok));
        app.service(web::scope("/api").service(web::scope("/{version}").service(users)))
            .service(web::scope("").route("/flat", web::get().to(HttpResponse::Ok)));
    });
    let mut client = server.connect();
    for path in ["/api/v1/users", "/api/v1/users/7", "/api/v2/users/7/files/a/b/c", "/flat"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    assert_eq!(
        server.metrics().recorded(),
        [
            "200 false GET /api/{version}/users/{id}/files/{tail:.*}: 1 of 0 bytes",
            "200 false GET /api/{version}/users/{id}: 1 of 0 bytes",
            "200 false GET /api/{version}/users: 1 of 0 bytes",
            "200 false GET /flat: 1 of 0 bytes",
        ]
    );
}

#[test]
fn a_resource_with_several_patterns_has_the_first_of_them() {
    let server = Server::watched(monitor(), |app| {
        app.service(web::resource(["/users/{id}", "/people/{id}"]).to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    for path in ["/people/7", "/users/7"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    assert_eq!(server.metrics().recorded(), ["200 false GET /users/{id}: 2 of 0 bytes"]);
}

#[test]
fn requests_below_a_prefix_service_have_its_pattern() {
    let server = Server::watched(monitor(), |app| {
        app.service(Prefix("/static"))
            .service(Prefix("/{tenant}/files"))
            .service(web::scope("/api").service(Prefix("/docs")));
    });
    let mut client = server.connect();
    for (path, rest) in [
        ("/static", ""),
        ("/static/", "/"),
        ("/static/css/a.css", "/css/a.css"),
        ("/acme/files/2024/report.pdf", "/2024/report.pdf"),
        ("/api/docs/index.html", "/index.html"),
    ] {
        assert_eq!(client.get(path).text(), rest, "{path}");
    }
    assert_eq!(client.get("/elsewhere").status, 404);
    assert_eq!(
        server.metrics().recorded(),
        [
            "200 false GET /api/docs: 1 of 11 bytes",
            "200 false GET /static: 3 of 11 bytes",
            "200 false GET /{tenant}/files: 1 of 16 bytes",
            "404 true GET unmatched: 1 of 0 bytes",
        ]
    );
}

#[test]
fn a_404_of_a_prefix_service_has_its_pattern_beside_scopes_that_do_not_match() {
    let server = Server::watched(monitor(), |app| {
        let files =
            web::scope("/{tenant}").service(web::scope("/files/")).service(Prefix("/files"));
        let pages = web::scope("/pages").service(web::scope("/{page}")).service(Prefix(""));
        app.service(pages).service(files);
    });
    let mut client = server.connect();
    for path in ["/acme/files/missing", "/pages//missing"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    assert_eq!(
        server.metrics().recorded(),
        ["404 true GET /pages: 1 of 9 bytes", "404 true GET /{tenant}/files: 1 of 8 bytes"]
    );
}

#[test]
fn a_prefix_service_at_the_root_has_a_pattern_beside_the_routes() {
    let server = Server::watched(monitor(), |app| {
        app.service(web::scope("/api").route("/users", web::get().to(HttpResponse::Ok)))
            .service(Prefix(""));
    });
    let mut client = server.connect();
    for path in ["/api/users", "/", "/index.html", "/css/a.css"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    for (method, path) in [("GET", "/api/other"), ("POST", "/api/users")] {
        assert_eq!(client.request(method, path, &[]).status, 404, "{path}: its scope took it");
    }
    assert_eq!(
        server.metrics().recorded(),
        [
            "200 false GET /: 3 of 22 bytes",
            "200 false GET /api/users: 1 of 0 bytes",
            "404 true GET unmatched: 1 of 0 bytes",
            "404 true POST unmatched: 1 of 0 bytes",
        ]
    );
}

#[test]
fn a_resource_whose_first_pattern_is_the_root_is_not_a_service_for_all_paths() {
    let server = Server::watched(monitor(), |app| {
        app.service(web::resource(["", "/{page}"]).to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    assert_eq!(client.get("/about").status, 200);
    assert_eq!(client.get("/about/nothing").status, 404);
    assert_eq!(
        server.metrics().recorded(),
        ["200 false GET /: 1 of 0 bytes", "404 true GET unmatched: 1 of 0 bytes"]
    );
}

#[test]
fn a_resource_whose_first_pattern_is_its_scope_is_not_a_service_for_all_paths() {
    let routes = |app: &mut web::ServiceConfig| {
        let pages = web::resource(["", "/pages/{page}"]).guard(guard::Get()).to(HttpResponse::Ok);
        app.service(web::scope("/{tenant}").service(pages));
    };
    refusals_are_unmatched(routes, &["/acme/pages/about"]);
}

/// Requests each path with `GET`, which the routes handle, and with `DELETE`, which their
/// guards refuse: the latter must be unmatched.
fn refusals_are_unmatched(routes: fn(&mut web::ServiceConfig), paths: &[&str]) {
    let server = Server::watched(monitor(), routes);
    let mut client = server.connect();
    for path in paths {
        assert_eq!(client.get(path).status, 200, "{path}");
        assert_eq!(client.request("DELETE", path, &[]).status, 404, "{path}");
    }
    let page = server.metrics();
    let refused = page.find("request_seconds_count", &[("method", "DELETE")]);
    let refused: Vec<_> = refused.iter().map(|count| (count.label("addr"), count.value)).collect();
    assert_eq!(refused, [(Some("unmatched"), paths.len() as f64)]);
    assert_eq!(page.sum("request_seconds_count", &[("addr", "unmatched")]), paths.len() as f64);
}

fn got() -> actix_web::Route {
    web::get().to(HttpResponse::Ok)
}

#[test]
fn a_request_that_guards_refused_is_unmatched() {
    let routes = |app: &mut web::ServiceConfig| {
        app.route("/", got()).route("/users/{id}", got()).route("/files/{tail:.*}", got());
    };
    refusals_are_unmatched(routes, &["/", "/users/7", "/files/a/b"]);
}

#[test]
fn a_request_that_guards_refused_within_a_scope_is_unmatched() {
    let routes = |app: &mut web::ServiceConfig| {
        let tenant = web::scope("/v2/{tenant}").route("/x", got());
        app.service(web::scope("/api").route("/users/{id}", got()).service(tenant))
            .service(web::scope("/files").route("/{tail:.*}", got()))
            .service(web::scope("/admin").guard(guard::Get()).route("/x", got()))
            .service(web::scope("").route("/flat", got()));
    };
    let paths = ["/api/users/7", "/api/v2/acme/x", "/files/a/b/c", "/files/a", "/admin/x", "/flat"];
    refusals_are_unmatched(routes, &paths);
}

#[test]
fn a_request_that_guards_refused_at_the_root_of_a_scope_is_unmatched() {
    let routes = |app: &mut web::ServiceConfig| {
        app.service(web::scope("/api").route("", got()).route("/", got()))
            .service(web::scope("/{tenant}").route("", got()));
    };
    refusals_are_unmatched(routes, &["/api/"]);
}

/// A known limitation: actix does not distinguish a scope that consumed the whole path, and
/// whose guards then refused the request, from the route with that pattern.
#[test]
fn a_request_refused_on_the_very_path_of_a_scope_has_the_pattern_of_the_scope() {
    let server = Server::watched(monitor(), |app| {
        app.service(web::scope("/api").route("", got()))
            .service(web::scope("/{tenant}").route("", got()));
    });
    let mut client = server.connect();
    for path in ["/api", "/acme"] {
        assert_eq!(client.request("DELETE", path, &[]).status, 404, "{path}");
    }
    assert_eq!(
        server.metrics().recorded(),
        ["404 true DELETE /api: 1 of 0 bytes", "404 true DELETE /{tenant}: 1 of 0 bytes"]
    );
}

/// A known limitation as well: a wildcard beside the scope matches the path.
#[test]
fn a_request_refused_beside_a_wildcard_never_makes_an_addr_of_its_own() {
    let server = Server::watched(monitor(), |app| {
        let tenant = web::scope("/v2/{tenant}").route("", got()).route("/x", got());
        app.service(web::scope("/api").route("/{tail:.*}", got()).service(tenant));
    });
    let mut client = server.connect();
    for path in ["/api/v2/acme", "/api/v2/acme/x", "/api/a/b/c"] {
        assert_eq!(client.request("DELETE", path, &[]).status, 404, "{path}");
    }
    assert_eq!(
        server.metrics().recorded(),
        ["404 true DELETE /api/{tail:.*}: 2 of 0 bytes", "404 true DELETE unmatched: 1 of 0 bytes"]
    );
}

#[test]
fn a_response_of_a_middleware_has_the_pattern_that_its_path_matches() {
    let watched = monitor();
    let server = Server::start(1, move || {
        App::new()
            .route("/users/{id}", web::get().to(HttpResponse::Ok))
            .wrap_fn(|request, _| async {
                Ok::<ServiceResponse, _>(request.into_response(HttpResponse::Unauthorized()))
            })
            .wrap(watched.clone())
    });
    let mut client = server.connect();
    for path in ["/users/7", "/nowhere"] {
        assert_eq!(client.get(path).status, 401, "{path}");
    }
    assert_eq!(
        server.metrics().recorded(),
        ["401 true GET /users/{id}: 1 of 0 bytes", "401 true GET unmatched: 1 of 0 bytes"]
    );
}

#[test]
fn unmatched_paths_share_one_addr() {
    let server = Server::watched(monitor(), |app| {
        app.route("/users/{id}", web::get().to(HttpResponse::Ok))
            .service(web::scope("/api").route("/x", web::get().to(HttpResponse::Ok)))
            .default_service(web::to(HttpResponse::Gone));
    });
    let mut client = server.connect();
    for path in
        ["/", "/nowhere", "/users", "/users/7/", "/users/7/files", "/api", "/api/", "/api/y"]
    {
        assert_eq!(client.get(path).status, 410, "{path}");
    }
    assert_eq!(server.metrics().recorded(), ["410 true GET unmatched: 8 of 0 bytes"]);
}

#[test]
fn a_method_that_a_resource_refuses_itself_has_the_pattern_of_the_resource() {
    let server = Server::watched(monitor(), |app| {
        app.service(web::resource("/users/{id}").route(web::get().to(HttpResponse::Ok)));
    });
    assert_eq!(server.connect().request("PUT", "/users/7", &[]).status, 405);
    assert_eq!(server.metrics().recorded(), ["405 true PUT /users/{id}: 1 of 0 bytes"]);
}

#[test]
fn requests_that_end_in_an_error_have_the_pattern_that_their_path_matches() {
    let watched = monitor();
    let server = Server::start(1, move || {
        App::new()
            .service(Prefix("/static"))
            .service(
                web::scope("/api/{version}").route("/users/{id}", web::get().to(HttpResponse::Ok)),
            )
            .route("/", web::get().to(HttpResponse::Ok))
            .wrap_fn(|_, _| async { Err::<ServiceResponse, _>(error::ErrorForbidden("no")) })
            .wrap(watched.clone())
    });
    let mut client = server.connect();
    for path in ["/api/v1/users/7?x=1", "/api/v1/users", "/", "/static/a/b"] {
        assert_eq!(client.get(path).status, 403, "{path}");
    }
    assert_eq!(
        server.metrics().recorded(),
        [
            "403 true GET /: 1 of 2 bytes",
            "403 true GET /api/{version}/users/{id}: 1 of 2 bytes",
            "403 true GET /static: 1 of 2 bytes",
            "403 true GET unmatched: 1 of 2 bytes",
        ]
    );
}
