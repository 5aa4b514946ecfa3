//! The services that middlewares are measured around: a minimal one, and an app of 50
//! routes.

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{
    Service, ServiceFactory, ServiceRequest, ServiceResponse, Transform, always_ready, fn_service,
};
use actix_web::error::ErrorImATeapot;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Bytes;
use actix_web::{App, Error, HttpResponse, web};
use pin_project_lite::pin_project;

use crate::peers::peer::Peer;
use crate::runner::{BoxedWorkload, ServiceWorkload, block_on};

/// The query of requests whose response has an error message in its head.
pub const WITH_MESSAGE: &str = "message";
pub const MESSAGE_HEADER: &str = "error-message";

/// A service that responds at once, without a handler, extractors or a boxed future.
#[derive(Clone, Copy)]
pub struct Minimal;

impl Service<ServiceRequest> for Minimal {
    type Response = ServiceResponse<MinimalBody>;
    type Error = Error;
    type Future = Ready<Result<Self::Response, Error>>;

    always_ready!();

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let query = request.query_string();
        let mut response = HttpResponse::build(requested_status(query));
        if query == WITH_MESSAGE {
            response.insert_header((MESSAGE_HEADER, "already taken"));
        }
        let response = response.body("ok").map_body(|_, body| MinimalBody { body });
        ready(Ok(request.into_response(response)))
    }
}

pin_project! {
    /// An actix body under a type of its own. Otherwise the functions of a middleware
    /// would have several callers in this program, one of them an app, and the compiler
    /// would inline less of them than in a server with one app.
    pub struct MinimalBody {
        #[pin]
        body: BoxBody,
    }
}

impl MessageBody for MinimalBody {
    type Error = <BoxBody as MessageBody>::Error;

    #[inline]
    fn size(&self) -> BodySize {
        self.body.size()
    }

    #[inline]
    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.project().body.poll_next(context)
    }
}

/// The grid of label sets requests statuses in the query.
fn requested_status(query: &str) -> StatusCode {
    if query.is_empty() || query == WITH_MESSAGE {
        return StatusCode::OK;
    }
    let status = query.parse().unwrap_or_default();
    StatusCode::from_u16(status).expect("a status between 100 and 999")
}

/// A pattern like those of a REST service.
pub fn pattern(route: usize) -> String {
    format!("/api/v1/resource_{route:02}/{{id}}")
}

/// A path that the pattern matches.
pub fn path(route: usize) -> String {
    format!("/api/v1/resource_{route:02}/42")
}

/// Routes of the grid of label sets, which are 100 routes by up to 800 statuses.
pub const GRID_ROUTES: usize = 100;

/// The status of the n-th label set.
pub fn grid_status(set: usize) -> usize {
    200 + set / GRID_ROUTES
}

fn grid_uri(set: usize) -> String {
    format!("{}?{}", path(set % GRID_ROUTES), grid_status(set))
}

/// Routes requests as an app does, so that `match_pattern` returns for them what it
/// returns in a server, but outside of what is measured.
pub struct Router {
    route: Box<dyn Fn(TestRequest)>,
    routed: Rc<RefCell<Option<ServiceRequest>>>,
}

impl Router {
    pub fn new(routes: usize) -> Self {
        let routed = Rc::new(RefCell::new(None));
        let mut app = App::new();
        for route in 0..routes {
            let slot = Rc::clone(&routed);
            let take = fn_service(move |request: ServiceRequest| {
                slot.replace(Some(request));
                ready(Err::<ServiceResponse, _>(ErrorImATeapot("taken")))
            });
            app = app.service(web::service(pattern(route)).finish(take));
        }
        let app = block_on(init_service(app));
        let route = Box::new(move |request: TestRequest| {
            // The error only means that the request was taken.
            let _ = block_on(app.call(request.to_request()));
        });
        Self { route, routed }
    }

    pub fn route(&self, request: TestRequest) -> ServiceRequest {
        (self.route)(request);
        self.routed.take().expect("a route matches each path of the benches")
    }
}

/// A middleware that can wrap the minimal service: a shorter name for the bound.
pub trait Middleware:
    Transform<Minimal, ServiceRequest, InitError = (), Transform = Self::Wrapped>
{
    type Body: MessageBody + 'static;
    type Wrapped: Service<ServiceRequest, Response = ServiceResponse<Self::Body>, Error = Error>
        + 'static;
}

impl<M, S, B> Middleware for M
where
    M: Transform<Minimal, ServiceRequest, InitError = (), Transform = S>,
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Body = B;
    type Wrapped = S;
}

/// The middleware around the minimal service, with the requests that `next` creates.
pub fn minimal<M: Middleware>(
    peer: &Peer<M>,
    next: impl FnMut() -> ServiceRequest + 'static,
) -> BoxedWorkload {
    let service = block_on(peer.middleware.new_transform(Minimal));
    let service = service.unwrap_or_else(|()| panic!("{} does not start", peer.name));
    Box::new(ServiceWorkload::new(peer, service, next))
}

/// The middleware around the minimal service: one route, one series.
pub fn one_series<M: Middleware>(peer: Peer<M>) -> BoxedWorkload {
    let router = Router::new(1);
    let uri = path(0);
    minimal(&peer, move || router.route(TestRequest::with_uri(&uri)))
}

/// The middleware around the minimal service: label sets of the grid in turn, from
/// `first` on, starting again after `sets` of them.
pub fn grid<M: Middleware>(peer: &Peer<M>, first: usize, sets: usize) -> BoxedWorkload {
    let router = Router::new(GRID_ROUTES);
    let mut sent = 0;
    minimal(peer, move || {
        let uri = grid_uri(first + sent % sets);
        sent += 1;
        router.route(TestRequest::with_uri(&uri))
    })
}

/// An app of 50 routes with the middleware around it, and the same request each time.
/// The caller passes `App::new()`, because the type of an app cannot be named here.
pub fn app<M, T, B>(peer: Peer<M>, app: App<T>, uri: &'static str) -> BoxedWorkload
where
    M: Transform<T::Service, ServiceRequest, Response = ServiceResponse<B>> + 'static,
    M: Transform<T::Service, ServiceRequest, Error = Error, InitError = ()> + Clone,
    T: ServiceFactory<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
    T: ServiceFactory<ServiceRequest, Config = (), InitError = ()>,
    B: MessageBody + 'static,
{
    app_with_uris(peer, app, move || uri.to_owned())
}

/// The same with the URIs that `uri` returns.
pub fn app_with_uris<M, T, B>(
    peer: Peer<M>,
    app: App<T>,
    mut uri: impl FnMut() -> String + 'static,
) -> BoxedWorkload
where
    M: Transform<T::Service, ServiceRequest, Response = ServiceResponse<B>> + 'static,
    M: Transform<T::Service, ServiceRequest, Error = Error, InitError = ()> + Clone,
    T: ServiceFactory<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
    T: ServiceFactory<ServiceRequest, Config = (), InitError = ()>,
    B: MessageBody + 'static,
{
    let app = with_routes(app).wrap(peer.middleware.clone());
    let service = block_on(init_service(app));
    let next = move || TestRequest::with_uri(&uri()).to_request();
    Box::new(ServiceWorkload::new(&peer, service, next))
}

const APP_ROUTES: usize = 50;

pub fn with_routes<T>(app: App<T>) -> App<T>
where
    T: ServiceFactory<ServiceRequest, Config = (), Error = Error, InitError = ()>,
{
    let routes = (0..APP_ROUTES).map(|route| (pattern(route), web::get().to(handler)));
    routes.fold(app, |app, (pattern, route)| app.route(&pattern, route))
}

async fn handler() -> HttpResponse {
    HttpResponse::Ok().body("ok")
}
