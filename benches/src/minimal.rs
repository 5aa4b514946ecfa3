//! The cheapest honest surroundings of a middleware: requests that really went
//! through actix's routing, so that `match_pattern` is answered as in a server,
//! and an inner service that does nothing but answer.

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse, always_ready, fn_service};
use actix_web::error::ErrorImATeapot;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, HttpResponse, web};

use crate::lane::finish;

/// The query that asks for an answer with an error message in its head.
pub const WITH_MESSAGE: &str = "message";
pub const MESSAGE_HEADER: &str = "error-message";

/// Answers at once, without a handler, extractors or a boxed future.
#[derive(Clone, Copy)]
pub struct Minimal;

impl Service<ServiceRequest> for Minimal {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Ready<Result<ServiceResponse, Error>>;

    always_ready!();

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let query = request.query_string();
        let mut answer = HttpResponse::build(wanted_status(query));
        if query == WITH_MESSAGE {
            answer.insert_header((MESSAGE_HEADER, "already taken"));
        }
        let answer = answer.body("ok");
        ready(Ok(request.into_response(answer)))
    }
}

/// The grid of label sets asks for statuses in the query.
fn wanted_status(query: &str) -> StatusCode {
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

/// A path which that pattern matches.
pub fn path(route: usize) -> String {
    format!("/api/v1/resource_{route:02}/42")
}

pub const GRID_ROUTES: usize = 100;
const FIRST_STATUS: usize = 200;

/// The request of the n-th label set: 100 routes by up to 800 statuses.
pub fn grid_uri(set: usize) -> String {
    format!("{}?{}", path(set % GRID_ROUTES), grid_status(set))
}

pub fn grid_status(set: usize) -> usize {
    FIRST_STATUS + set / GRID_ROUTES
}

/// Takes requests out of an app's routing, just before their handler.
pub struct Routing {
    send: Box<dyn Fn(TestRequest)>,
    routed: Rc<RefCell<Option<ServiceRequest>>>,
}

impl Routing {
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
        let app = finish(init_service(app));
        let send = Box::new(move |request: TestRequest| {
            // The error only says that the request was taken.
            let _ = finish(app.call(request.to_request()));
        });
        Self { send, routed }
    }

    pub fn route(&self, request: TestRequest) -> ServiceRequest {
        (self.send)(request);
        self.routed.take().expect("a route matches every uri asked for")
    }
}
