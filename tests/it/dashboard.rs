//! The dashboard over HTTP: its files, its headers, and where it can be.

use std::io::Read as _;

use actix_monitor::{BigBrother, BigBrotherBuilder, dashboard};
use actix_web::dev::ServiceRequest;
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::{App, HttpResponse, error, web};

use crate::support::client::{Client, Response};
use crate::support::page::Page;
use crate::support::server::{Server, monitor};

fn isolated() -> BigBrotherBuilder {
    BigBrother::builder().isolated()
}

/// A server whose middleware serves the dashboard.
fn served() -> Server {
    Server::watched(isolated().dashboard("/status").requests_in_flight().build(), |app| {
        app.route("/ok", web::get().to(async || "ok"));
    })
}

#[track_caller]
fn open(client: &mut Client, path: &str) -> Response {
    let response = client.get(path);
    assert_eq!(response.status, 200, "{path} answers {response:?}");
    response
}

/// The queries by which a page loads its script and its style.
fn assets_of(page: &Response) -> Vec<String> {
    let page = page.text();
    let query = |start: &str| {
        let at = page.find(start).expect("the page loads the asset");
        page[at..].split('"').next().unwrap_or_default().to_owned()
    };
    vec![query("?script="), query("?style=")]
}

/// The recorded requests, all of them.
fn recorded(server: &Server) -> Vec<String> {
    server.metrics().recorded()
}

#[test]
fn the_page_loads_its_own_script_and_style_and_the_metrics_and_nothing_else() {
    let server = served();
    let mut client = server.connect();
    let page = open(&mut client, "/status");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for (query, content_type) in assets_of(&page).iter().zip(["text/javascript", "text/css"]) {
        let asset = open(&mut client, &format!("/status{query}"));
        let found = asset.header("content-type").expect("a content type");
        assert!(found.starts_with(content_type), "{found}");
        assert!(!asset.text().contains("\nimport "), "{query} is complete in itself");
    }
    let metrics = open(&mut client, "/status?metrics");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(Page::parse(&metrics.text()).requests(), 0.0);

    let page = page.text();
    let addresses = page.match_indices("src=").chain(page.match_indices("href="));
    for (at, _) in addresses {
        let address = page[at..].split('"').nth(1).unwrap_or_default();
        let is_own =
            ["?script=", "?style=", "?metrics", "data:"].iter().any(|own| address.starts_with(own));
        assert!(is_own, "{address}");
    }
}

#[test]
fn the_policy_allows_scripts_styles_and_requests_of_the_same_origin_only() {
    let server = served();
    let page = open(&mut server.connect(), "/status");
    let policy = page.header("content-security-policy").expect("a policy");
    let rules: Vec<_> = policy.split("; ").collect();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(rules.contains(&rule), "{rule} is not in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
}

#[test]
fn assets_are_cached_by_their_content_and_the_page_is_validated() {
    let server = served();
    let mut client = server.connect();
    let page = open(&mut client, "/status");
    assert_eq!(page.header("cache-control"), Some("private, no-cache"));
    let tag = page.header("etag").expect("a tag").to_owned();
    let again = client.request("GET", "/status", &[("if-none-match", &tag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(client.request("GET", "/status", &[("if-none-match", "\"other\"")]).status, 200);

    for query in assets_of(&page) {
        let asset = open(&mut client, &format!("/status{query}"));
        assert_eq!(asset.header("cache-control"), Some("private, max-age=31536000, immutable"));
        // The address of another version of the server.
        let (key, _) = query.split_once('=').expect("a hash");
        let other = open(&mut client, &format!("/status{key}=0123456789abcdef"));
        assert_eq!(other.header("cache-control"), Some("no-store"));
        assert_eq!(other.text(), asset.text());
    }
}

#[test]
fn files_are_compressed_for_clients_that_accept_it() {
    let server = served();
    let mut client = server.connect();
    let mut paths = assets_of(&open(&mut client, "/status"));
    paths.push(String::new());
    for query in paths {
        let path = format!("/status{query}");
        let plain = open(&mut client, &path);
        assert_eq!(plain.header("content-encoding"), None);
        assert_eq!(plain.header("vary"), Some("accept-encoding"));
        assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
        let gzip = client.request("GET", &path, &[("accept-encoding", "br;q=1, GZip ; q=0.5")]);
        assert_eq!(gzip.header("content-encoding"), Some("gzip"));
        assert!(gzip.body.len() < plain.body.len() / 2, "{path}");
        let mut text = String::new();
        let mut decoder = flate2::read::GzDecoder::new(&*gzip.body);
        decoder.read_to_string(&mut text).expect("gzip");
        assert_eq!(text, plain.text());
        for refusal in ["identity", "gzip;q=0", "gzip;q=0.000", "br"] {
            let plain = client.request("GET", &path, &[("accept-encoding", refusal)]);
            assert_eq!(plain.header("content-encoding"), None, "{refusal}");
        }
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let server = served();
    let mut client = server.connect();
    let page = open(&mut client, "/status");
    let mut paths = assets_of(&page);
    paths.push(String::new());
    for query in paths {
        let path = format!("/status{query}");
        let (get, head) = (client.get(&path), client.head(&path));
        assert_eq!((get.status, head.status), (200, 200));
        for header in ["content-type", "content-length", "cache-control", "etag"] {
            assert_eq!(head.header(header), get.header(header), "{path}");
        }
    }
    assert_eq!(client.get("/ok").text(), "ok", "nothing was left on the connection");
}

#[test]
fn other_methods_and_paths_are_passed_on_to_the_app() {
    let server = Server::watched(isolated().dashboard("/status").build(), |app| {
        app.default_service(web::to(async || "the app"));
    });
    let mut client = server.connect();
    for (method, path) in
        [("POST", "/status"), ("GET", "/status/"), ("GET", "/statis"), ("GET", "/metricz")]
    {
        assert_eq!(client.request(method, path, &[]).text(), "the app", "{method} {path}");
    }
    assert_ne!(client.get("/status").text(), "the app");
    assert_ne!(client.get("/metrics").text(), "the app");
}

#[test]
fn nothing_that_the_page_asks_for_is_recorded() {
    let mounted = isolated().requests_in_flight().build();
    let mounted = Server::watched(mounted, |app| {
        app.route("/status", web::get().to(dashboard));
    });
    for server in [served(), mounted] {
        let mut client = server.connect();
        let page = open(&mut client, "/status");
        for query in assets_of(&page).into_iter().chain(["?metrics".to_owned(), "?x".to_owned()]) {
            open(&mut client, &format!("/status{query}"));
        }
        let tag = page.header("etag").expect("a tag");
        client.request("GET", "/status", &[("if-none-match", tag)]);
        assert_eq!(recorded(&server), [""; 0]);
        assert_eq!(server.metrics().value("requests_in_flight", &[]), Some(0.0));
    }
}

#[test]
fn the_handler_works_below_a_prefix_behind_authentication_and_without_the_metrics_page() {
    let watched = isolated().no_endpoint().build();
    let server = Server::watched(watched, |app| {
        let allow = from_fn(async |request: ServiceRequest, next: Next<_>| {
            if request.headers().contains_key("authorization") {
                next.call(request).await
            } else {
                Err(error::ErrorUnauthorized("sign in"))
            }
        });
        let status = web::resource("/deep/status").route(web::get().to(dashboard));
        app.service(web::scope("/internal").wrap(allow).service(status))
            .route("/ok", web::get().to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    assert_eq!(client.get("/ok").status, 200);
    let authorization = [("authorization", "Basic Og==")];
    for query in ["", "?metrics", "?script=0", "?style=0"] {
        let path = format!("/internal/deep/status{query}");
        assert_eq!(client.get(&path).status, 401, "{path}");
        assert_eq!(client.request("GET", &path, &authorization).status, 200, "{path}");
    }
    let metrics = client.request("GET", "/internal/deep/status?metrics", &authorization);
    let recorded = Page::parse(&metrics.text()).recorded();
    assert_eq!(recorded.iter().filter(|line| line.contains("/ok")).count(), 1);
    assert!(
        recorded.iter().all(|line| line.contains("/ok") || line.contains("401")),
        "{recorded:?}"
    );
}

#[test]
fn the_handler_shows_the_monitor_that_it_was_given() {
    let watched = monitor();
    let data = watched.monitor();
    data.start_request("amqp").addr("orders").finish("ok");
    let server = Server::start(1, move || {
        App::new().app_data(data.clone()).route("/status", web::get().to(dashboard))
    });
    assert_eq!(server.page("/status?metrics").requests(), 1.0);
}

#[test]
fn a_compressor_around_the_page_leaves_it_as_it_is() {
    let watched = isolated().dashboard("/status").build();
    let server =
        Server::start(1, move || App::new().wrap(watched.clone()).wrap(Compress::default()));
    let accept = [("accept-encoding", "gzip")];
    let page = server.connect().request("GET", "/status", &accept);
    assert_eq!(page.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*page.body).read_to_string(&mut text).expect("gzip, once");
    assert!(text.starts_with("<!doctype html>"));
}

#[test]
fn a_path_that_no_request_can_have_or_that_is_taken_is_refused() {
    let refused = |builder: BigBrotherBuilder| {
        builder.try_build().expect_err("the path is refused").to_string()
    };
    for path in ["", "status", "/status?a", "/status#a", "/{status}", "/status/*"] {
        assert_eq!(
            refused(isolated().dashboard(path)),
            format!(
                "dashboard: {path:?} is not a path, so no request could match it; give an absolute \
                 path without a query such as \"/status\""
            )
        );
    }
    for builder in
        [isolated().dashboard("/metrics"), isolated().endpoint("/metrics").dashboard("/metrics")]
    {
        assert_eq!(
            refused(builder),
            "dashboard: \"/metrics\" is the path of the metrics page as well; give the dashboard \
             another one such as \"/status\", or change that of the metrics page with endpoint()"
        );
    }
    assert!(isolated().no_endpoint().dashboard("/metrics").try_build().is_ok());
}

#[test]
fn it_is_off_by_default() {
    let server = Server::watched(monitor(), |_| {});
    assert_eq!(server.connect().get("/status").status, 404);
}
