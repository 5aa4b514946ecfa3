//! Whatever the routes of an app are, `addr` is the pattern that the service itself sees, and
//! what the specification says for requests that none handled.

use std::path::PathBuf;

use actix_monitor::{BigBrother, ErrorMessage, Format};
use actix_web::body::BoxBody;
use actix_web::dev::{ResourceDef, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::System;
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::{App, Error, HttpResponse};
use proptest::prelude::*;

use crate::cases::cases;
use crate::support::page::Page;
use crate::tree::{Layer, Node, SEEN, SERVICE, VIEW, Visit, trees, visits};

/// Distinguishes the requests of one app on the page.
const ID: HeaderName = HeaderName::from_static("x-id");

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn addr_is_the_pattern_that_the_service_sees(tree in trees(), visits in visits()) {
        System::new().block_on(check(&tree, &visits));
    }
}

/// A response, as far as it decides the `addr`.
#[derive(Debug)]
struct Seen {
    status: StatusCode,
    service: Option<String>,
    pattern: Option<String>,
    view: Option<String>,
}

async fn check(tree: &[Node], visits: &[Visit]) {
    let middleware = BigBrother::builder()
        .isolated()
        .no_endpoint()
        .error_message(ErrorMessage::header(ID.as_str()))
        .build();
    let monitor = middleware.monitor();
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/files"));
    let app = App::new().configure(|config| {
        tree.iter().for_each(|node| node.register(config, "", &folder));
    });
    let service = init_service(app.wrap(from_fn(layer)).wrap(middleware)).await;
    let mut responses = Vec::new();
    for (id, visit) in visits.iter().enumerate() {
        let request = TestRequest::with_uri(&visit.path).method(visit.method.clone());
        let request = request.insert_header((ID, id.to_string()));
        let request = request.insert_header(("x-layer", visit.layer.header()));
        let request =
            if visit.has_header { request.insert_header(("x-guard", "1")) } else { request };
        let response = match try_call_service(&service, request.to_request()).await {
            Ok(response) => response.into_parts().1.map_into_boxed_body(),
            Err(error) => error.error_response(),
        };
        let text = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        responses.push(Seen {
            status: response.status(),
            service: text(SERVICE),
            pattern: text(SEEN),
            view: text(VIEW),
        });
    }

    let page = Page::parse(&monitor.encode(Format::Text));
    assert_eq!(page.requests(), visits.len() as f64);
    for (id, (visit, seen)) in visits.iter().zip(&responses).enumerate() {
        let id = id.to_string();
        let found = page.find("request_seconds_count", &[("errorMessage", &id)]);
        assert_eq!(found.len(), 1, "{visit:?}");
        seen.check(visit, tree, found[0].label("addr").unwrap_or_default());
    }
}

impl Layer {
    fn header(self) -> String {
        match self {
            Self::Passes => String::new(),
            Self::Responds(status) => format!("responds {status}"),
            Self::Fails(status) => format!("fails {status}"),
        }
    }
}

/// Responds with the pattern that the path would match, or adds the request's id.
async fn layer(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    let id = request.headers().get(ID).cloned().unwrap_or(HeaderValue::from_static(""));
    let text = request.headers().get("x-layer").and_then(|text| text.to_str().ok());
    let Some((does, status)) = text.and_then(|text| text.split_once(' ')) else {
        let mut response = next.call(request).await?;
        response.headers_mut().insert(ID, id);
        return Ok(response);
    };
    let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
    let fails = does == "fails";
    let mut response = HttpResponse::build(status.expect("a status"));
    response.insert_header((SERVICE, "layer")).insert_header((ID, id));
    if let Some(pattern) = would_match(&request, fails) {
        response.insert_header((SEEN, pattern));
    }
    let response = response.finish();
    if fails {
        return Err(InternalError::from_response("refused", response).into());
    }
    Ok(request.into_response(response))
}

/// What the path would match; that of a request without a response also as `NormalizePath`
/// may have rewritten it.
fn would_match(request: &ServiceRequest, is_normalised: bool) -> Option<String> {
    let map = request.request().resource_map();
    let path = request.path();
    let merged = path.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>();
    let trimmed = format!("/{}", merged.join("/"));
    let trailing = if path.ends_with('/') { "/" } else { "" };
    let candidates = [format!("{trimmed}{trailing}"), trimmed.clone(), format!("{trimmed}/")];
    let found = map.match_pattern(path);
    let normalised = || candidates.iter().find_map(|path| map.match_pattern(path));
    found.or_else(|| if is_normalised { normalised() } else { None })
}

impl Seen {
    fn check(&self, visit: &Visit, tree: &[Node], addr: &str) {
        let shown = |pattern: &str| if pattern.is_empty() { "/" } else { pattern }.to_owned();
        let seen = self.pattern.as_deref().filter(|pattern| *pattern != "none").map(shown);
        let expected = seen.as_deref().unwrap_or("unmatched");
        // At the root, actix is not asked, because it would scan all routes.
        let is_hidden = self.view != self.pattern || expected == "/";
        match self.service.as_deref() {
            Some("files") if is_hidden => {
                let view = self.view.as_deref().map(shown);
                let is_known =
                    [expected, "unmatched"].contains(&addr) || view.as_deref() == Some(addr);
                assert!(is_known, "{visit:?} {self:?} {addr}");
            }
            Some("handler" | "files" | "layer" | "resource") => {
                assert_eq!(addr, expected, "{visit:?} {self:?}");
            }
            Some("default") if self.status != 404 => {
                assert_eq!(addr, expected, "{visit:?} {self:?}")
            }
            // actix does not distinguish a scope or a wildcard that consumed the whole path
            // from a route: the pattern is one of the app's nevertheless.
            _ if self.status == 404 && !is_open(tree, &visit.path) => {
                assert_eq!(addr, "unmatched", "{visit:?} {self:?}");
            }
            _ => assert!(addr == "unmatched" || addr.starts_with('/'), "{visit:?} {self:?} {addr}"),
        }
    }
}

/// Whether a scope, a wildcard or a file server of the app matches the whole path.
fn is_open(tree: &[Node], path: &str) -> bool {
    let mut patterns = tree.iter().flat_map(|node| node.open_patterns(""));
    patterns.any(|pattern| ResourceDef::new(pattern.as_str()).is_match(path) || pattern.is_empty())
}
