//! The two settings a middleware is measured in, as lanes: alone around a
//! minimal service, and in an app of 50 routes.

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse, Transform};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, HttpResponse, web};

use crate::lane::{Driven, Lane, finish};
use crate::minimal::{GRID_ROUTES, Minimal, Routing, grid_uri, path, pattern};
use crate::peers::Peer;

pub type BoxedLane = Box<dyn Lane>;

/// What `Transform` must be for the minimal service; a bound with a shorter name.
pub trait Alone:
    Transform<Minimal, ServiceRequest, InitError = (), Transform = Self::Wrapped>
{
    type Body: MessageBody + 'static;
    type Wrapped: Service<ServiceRequest, Response = ServiceResponse<Self::Body>, Error = Error>
        + 'static;
}

impl<M, S, B> Alone for M
where
    M: Transform<Minimal, ServiceRequest, InitError = (), Transform = S>,
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Body = B;
    type Wrapped = S;
}

/// The middleware alone, one route, always the same series.
pub fn alone<M: Alone>(peer: Peer<M>) -> BoxedLane {
    let routing = Routing::new(1);
    let uri = path(0);
    around_minimal(&peer, move || routing.route(TestRequest::with_uri(&uri)))
}

/// The middleware alone, walking the grid of label sets from `first` on and
/// returning to `first` after `sets` of them.
pub fn grid<M: Alone>(peer: &Peer<M>, first: usize, sets: usize) -> BoxedLane {
    let routing = Routing::new(GRID_ROUTES);
    let mut walked = 0;
    around_minimal(peer, move || {
        let uri = grid_uri(first + walked % sets);
        walked += 1;
        routing.route(TestRequest::with_uri(&uri))
    })
}

/// The middleware alone, with whatever requests `next` makes.
pub fn around_minimal<M: Alone>(
    peer: &Peer<M>,
    next: impl FnMut() -> ServiceRequest + 'static,
) -> BoxedLane {
    let service = finish(peer.middleware.new_transform(Minimal));
    let service = service.unwrap_or_else(|()| panic!("{} starts", peer.name));
    Box::new(Driven::new(peer, service, next))
}

/// A whole app of 50 routes with the middleware around it. The caller passes
/// `App::new()`, because the type of an app's inside cannot be named here.
pub fn app<M, T, B>(peer: Peer<M>, app: App<T>, uri: &'static str) -> BoxedLane
where
    M: Transform<T::Service, ServiceRequest, Response = ServiceResponse<B>> + 'static,
    M: Transform<T::Service, ServiceRequest, Error = Error, InitError = ()> + Clone,
    T: ServiceFactory<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
    T: ServiceFactory<ServiceRequest, Config = (), InitError = ()>,
    B: MessageBody + 'static,
{
    unique_app(peer, app, move || uri.to_owned())
}

/// The same with a uri of its own for every request.
pub fn unique_app<M, T, B>(
    peer: Peer<M>,
    app: App<T>,
    mut uri: impl FnMut() -> String + 'static,
) -> BoxedLane
where
    M: Transform<T::Service, ServiceRequest, Response = ServiceResponse<B>> + 'static,
    M: Transform<T::Service, ServiceRequest, Error = Error, InitError = ()> + Clone,
    T: ServiceFactory<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
    T: ServiceFactory<ServiceRequest, Config = (), InitError = ()>,
    B: MessageBody + 'static,
{
    let app = with_routes(app).wrap(peer.middleware.clone());
    let service = finish(init_service(app));
    let next = move || TestRequest::with_uri(&uri()).to_request();
    Box::new(Driven::new(&peer, service, next))
}

pub fn with_routes<T>(app: App<T>) -> App<T>
where
    T: ServiceFactory<ServiceRequest, Config = (), Error = Error, InitError = ()>,
{
    let routes = (0..APP_ROUTES).map(|route| (pattern(route), web::get().to(handler)));
    routes.fold(app, |app, (pattern, route)| app.route(&pattern, route))
}

const APP_ROUTES: usize = 50;

async fn handler() -> HttpResponse {
    HttpResponse::Ok().body("ok")
}
