//! Apps of any scopes, resources, guards, default services and file servers. Each service
//! responds with the pattern that it sees itself.

use std::path::Path;

use actix_files::Files;
use actix_web::dev::{ServiceRequest, fn_service};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, Route, Scope, guard};
use proptest::prelude::*;
use proptest::sample::select;

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Scope { prefix: &'static str, guard: Guard, default: Option<u16>, children: Vec<Node> },
    Resource { patterns: Vec<&'static str>, guard: Guard, default: Option<u16>, method: Guard },
    Route { pattern: &'static str, method: Guard },
    Files { path: &'static str },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Guard {
    None,
    Get,
    Post,
    Header,
}

/// The header with the pattern that a service sees, and who responded.
pub(crate) const SEEN: &str = "x-seen";
pub(crate) const SERVICE: &str = "x-service";
/// The header with the pattern that a file server sees. It is not its own if a scope or a route
/// with a guard comes before it: actix names the first one that the path matches.
pub(crate) const VIEW: &str = "x-view";

impl Guard {
    fn route(self) -> Route {
        let route = web::route();
        match self {
            Self::None => route,
            Self::Get => route.guard(guard::Get()),
            Self::Post => route.guard(guard::Post()),
            Self::Header => route.guard(guard::Header("x-guard", "1")),
        }
    }
}

fn guarded_scope(scope: Scope, guard: Guard) -> Scope {
    match guard {
        Guard::None => scope,
        Guard::Get => scope.guard(guard::Get()),
        Guard::Post => scope.guard(guard::Post()),
        Guard::Header => scope.guard(guard::Header("x-guard", "1")),
    }
}

fn guarded_resource(resource: Resource, guard: Guard) -> Resource {
    match guard {
        Guard::None => resource,
        Guard::Get => resource.guard(guard::Get()),
        Guard::Post => resource.guard(guard::Post()),
        Guard::Header => resource.guard(guard::Header("x-guard", "1")),
    }
}

fn responds(service: &'static str, status: StatusCode) -> Route {
    web::to(move |request: HttpRequest| async move {
        HttpResponse::build(status)
            .insert_header((SERVICE, service))
            .insert_header((SEEN, request.match_pattern().unwrap_or_else(|| "none".to_owned())))
            .finish()
    })
}

fn handler(method: Guard) -> Route {
    method.route().to(|request: HttpRequest| async move {
        HttpResponse::Ok()
            .insert_header((SERVICE, "handler"))
            .insert_header((SEEN, request.match_pattern().unwrap_or_else(|| "none".to_owned())))
            .finish()
    })
}

fn default(service: &'static str, status: u16) -> Route {
    responds(service, StatusCode::from_u16(status).expect("a status"))
}

/// A pattern below scopes, with parameters of other names than theirs.
fn named(pattern: &str, scopes: &str) -> String {
    pattern.replace('{', &format!("{{p{}_", scopes.matches('{').count()))
}

impl Node {
    /// Registers the node below `scopes`. File servers have the files of `folder`.
    pub(crate) fn register(&self, config: &mut ServiceConfig, scopes: &str, folder: &Path) {
        match self {
            Self::Scope { prefix, guard, default: status, children } => {
                let prefix = named(prefix, scopes);
                let scopes = format!("{scopes}{prefix}");
                let scope = guarded_scope(web::scope(&prefix), *guard);
                let scope = scope.configure(|config| {
                    children.iter().for_each(|child| child.register(config, &scopes, folder));
                });
                config.service(match status {
                    Some(status) => scope.default_service(default("default", *status)),
                    None => scope,
                });
            }
            Self::Resource { patterns, guard, default: status, method } => {
                let patterns: Vec<_> =
                    patterns.iter().map(|pattern| named(pattern, scopes)).collect();
                let resource = guarded_resource(web::resource(patterns), *guard);
                let resource = resource.route(handler(*method));
                config.service(match status {
                    Some(status) => resource.default_service(default("resource", *status)),
                    None => resource,
                });
            }
            Self::Route { pattern, method } => {
                config.route(&named(pattern, scopes), handler(*method));
            }
            Self::Files { path } => {
                let path = named(path, scopes);
                let seen = format!("{scopes}{}", path.trim_end_matches('/'));
                let missing = fn_service(move |request: ServiceRequest| {
                    let response = HttpResponse::NotFound()
                        .insert_header((SERVICE, "files"))
                        .insert_header((SEEN, seen.clone()))
                        .insert_header((VIEW, request.match_pattern().unwrap_or_default()))
                        .finish();
                    async move { Ok(request.into_response(response)) }
                });
                config.service(Files::new(&path, folder).default_handler(missing));
            }
        }
    }

    /// The patterns of scopes, file servers and wildcards.
    pub(crate) fn open_patterns(&self, scopes: &str) -> Vec<String> {
        let below = |pattern: &str| format!("{scopes}{}", named(pattern, scopes));
        match self {
            Self::Scope { prefix, children, .. } => {
                let scopes = below(prefix);
                let inner = children.iter().flat_map(|child| child.open_patterns(&scopes));
                let mut patterns: Vec<_> = inner.collect();
                patterns.push(scopes);
                patterns
            }
            Self::Resource { patterns, .. } => {
                let open = patterns.iter().filter(|pattern| pattern.contains(".*"));
                open.map(|pattern| below(pattern)).collect()
            }
            Self::Route { pattern, .. } if pattern.contains(".*") => vec![below(pattern)],
            Self::Route { .. } => Vec::new(),
            // It responds itself for a folder.
            Self::Files { path } => {
                vec![format!("{}{{rest:.*}}", below(path.trim_end_matches('/')))]
            }
        }
    }
}

pub(crate) fn trees() -> impl Strategy<Value = Vec<Node>> {
    let leaf = prop_oneof![
        4 => (pattern(), guard_of()).prop_map(|(pattern, method)| Node::Route { pattern, method }),
        3 => (prop::collection::vec(pattern(), 1..3), guard_of(), status(), guard_of()).prop_map(
            |(patterns, guard, default, method)| Node::Resource { patterns, guard, default, method }
        ),
        1 => select(vec!["/", "/a", "/files", "/{x}/b"]).prop_map(|path| Node::Files { path }),
    ];
    let prefixes = vec!["", "/", "/a", "/b", "/a/b", "/{t}", "/{t}/a", "/a/"];
    let node = leaf.prop_recursive(3, 24, 4, move |node| {
        let children = prop::collection::vec(node, 0..4);
        (select(prefixes.clone()), guard_of(), status(), children).prop_map(
            |(prefix, guard, default, children)| Node::Scope { prefix, guard, default, children },
        )
    });
    prop::collection::vec(node, 0..5)
}

fn pattern() -> impl Strategy<Value = &'static str> {
    let patterns = vec![
        "",
        "/",
        "/a",
        "/a/",
        "/b",
        "/{x}",
        "/{n:\\d+}",
        "/a/{x}",
        "/{x}/b",
        "/{x}.txt",
        "/{tail:.*}",
    ];
    select(patterns)
}

fn guard_of() -> impl Strategy<Value = Guard> {
    prop_oneof![3 => Just(Guard::None), 1 => Just(Guard::Get), 1 => Just(Guard::Post), 1 => Just(Guard::Header)]
}

fn status() -> impl Strategy<Value = Option<u16>> {
    prop::option::weighted(0.3, select(vec![404, 404, 200, 405, 410]))
}

/// A request to such an app.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) has_header: bool,
    pub(crate) layer: Layer,
}

/// What a middleware within the monitor does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Layer {
    Passes,
    Responds(u16),
    Fails(u16),
}

pub(crate) fn visits() -> impl Strategy<Value = Vec<Visit>> {
    let segments = vec!["/a", "/b", "/7", "/x.txt", "/files", "/f.txt", "/", "/a%20b"];
    let path = prop::collection::vec(select(segments), 1..5).prop_map(|path| path.concat());
    let layer = prop_oneof![
        6 => Just(Layer::Passes),
        1 => select(vec![200, 301, 401, 429]).prop_map(Layer::Responds),
        1 => select(vec![401, 404, 500]).prop_map(Layer::Fails),
    ];
    let method = select(vec![Method::GET, Method::POST, Method::DELETE]);
    let visit = (method, path, any::<bool>(), layer)
        .prop_map(|(method, path, has_header, layer)| Visit { method, path, has_header, layer });
    prop::collection::vec(visit, 1..24)
}
