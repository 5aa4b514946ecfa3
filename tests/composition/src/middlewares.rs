//! Middlewares of actix-web and of other crates, each on an app, a scope and a resource.

use actix_cors::Cors;
use actix_governor::{Governor, GovernorConfigBuilder};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::middleware::{
    Compat, Compress, Condition, ErrorHandlerResponse, ErrorHandlers, Logger, Next, NormalizePath,
    from_fn,
};
use actix_web::{App, Error, HttpResponse, error, web};
use actix_web_httpauth::extractors::bearer::BearerAuth;
use actix_web_httpauth::middleware::HttpAuthentication;
use tracing_actix_web::TracingLogger;

use crate::places::Inside::{Changed, Dropped, Nothing, Same};
use crate::places::{Request, in_each_place, recorded};
use crate::support::server::{Server, monitor};

const PATH: &str = "/api/users/7";
const HELLO: Request<'_> = ("GET", PATH, &[], 200, Same);
/// A response, an error of the handler, and a method that the resource does not have.
const PASSED: [Request<'_>; 4] =
    [HELLO, HELLO, ("GET", "/api/users/0", &[], 404, Same), ("DELETE", PATH, &[], 405, Same)];

#[test]
fn layers_that_pass_requests_on() {
    in_each_place!(
        PASSED,
        Logger::default(),
        TracingLogger::default(),
        Compat::new(Logger::new("%s %b")),
        Condition::new(true, Compat::new(Compress::default())),
        Condition::new(false, HttpAuthentication::bearer(only_secret)),
        NormalizePath::trim(),
        from_fn(async |request, next: Next<_>| next.call(request).await),
    );
}

#[test]
fn monitors_within_compat_and_condition() {
    let monitors = [(); 4].map(|()| monitor());
    let watched = monitors.clone();
    let server = Server::start(1, move || {
        let [a, b, c, off] = watched.clone();
        let user = crate::routes::user().wrap(Compat::new(a)).wrap(Condition::new(false, off));
        let scope = web::scope("/api").service(user).wrap(Condition::new(true, Compat::new(b)));
        App::new().service(scope).wrap(Compat::new(c))
    });
    let mut client = server.connect();
    assert_eq!(client.get(PATH).text(), "hello");
    assert_eq!(client.get("/api/users/0").text(), "no user");
    let expected = [
        "200 false GET /api/users/{id}: 1 of 5 bytes",
        "404 true GET /api/users/{id}: 1 of 7 bytes",
    ];
    let [on @ .., off] = &monitors;
    for monitor in on {
        assert_eq!(recorded(monitor), expected);
    }
    assert!(recorded(off).is_empty());
}

#[test]
fn compressor() {
    let gzip = [("accept-encoding", "gzip")];
    let requests = [
        HELLO,
        ("GET", PATH, &gzip, 200, Changed(200, 5)),
        ("GET", "/api/users/0", &gzip, 404, Changed(404, 7)),
    ];
    in_each_place!(requests, Compress::default());
}

#[test]
fn handlers_of_errors() {
    fn gone<B>(response: ServiceResponse<B>) -> Result<ErrorHandlerResponse<B>, Error> {
        let response = response.into_response(HttpResponse::Gone().body("deleted"));
        Ok(ErrorHandlerResponse::Response(response.map_into_right_body()))
    }
    let requests = [HELLO, ("GET", "/api/users/0", &[][..], 410, Dropped(404, 7))];
    in_each_place!(requests, ErrorHandlers::new().handler(StatusCode::NOT_FOUND, gone));
}

/// Passes on what came with TLS, redirects what has no such header, and fails otherwise.
async fn only_tls<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match request.headers().get("x-forwarded-proto") {
        Some(scheme) if scheme == "https" => Ok(next.call(request).await?.map_into_left_body()),
        Some(_) => Err(error::ErrorForbidden("only with TLS")),
        None => {
            let mut response = HttpResponse::PermanentRedirect();
            let response = response.insert_header((LOCATION, "https://a.example/"));
            Ok(request.into_response(response.body("elsewhere")).map_into_right_body())
        }
    }
}

#[test]
fn functions_that_respond_or_fail() {
    let [https, http] = ["https", "http"].map(|scheme| [("x-forwarded-proto", scheme)]);
    let requests = [
        ("GET", PATH, &https[..], 200, Same),
        ("GET", "/api/users/0", &https, 404, Same),
        ("GET", PATH, &[], 308, Nothing),
        ("GET", PATH, &http, 403, Nothing),
    ];
    in_each_place!(requests, from_fn(only_tls));
}

#[test]
fn cors() {
    let method = ("access-control-request-method", "GET");
    let [ours, theirs] = [("origin", "http://a.example"), ("origin", "http://b.example")];
    let requests = [
        HELLO,
        ("GET", PATH, &[ours], 200, Same),
        ("OPTIONS", PATH, &[ours, method], 200, Nothing),
        ("GET", PATH, &[theirs], 400, Nothing),
        ("OPTIONS", PATH, &[theirs, method], 400, Nothing),
        ("OPTIONS", PATH, &[ours], 405, Same),
    ];
    in_each_place!(
        requests,
        Cors::default()
            .allowed_origin("http://a.example")
            .allowed_methods(["GET"])
            .block_on_origin_mismatch(true)
    );
}

pub(crate) async fn only_secret(
    request: ServiceRequest,
    token: BearerAuth,
) -> Result<ServiceRequest, (Error, ServiceRequest)> {
    match token.token() {
        "secret" => Ok(request),
        _ => Err((error::ErrorForbidden("not this token"), request)),
    }
}

#[test]
fn authentication() {
    let [right, wrong] = ["Bearer secret", "Bearer wrong"].map(|value| [("authorization", value)]);
    let requests = [
        ("GET", PATH, &right[..], 200, Same),
        ("GET", "/api/users/0", &right, 404, Same),
        ("GET", PATH, &wrong, 403, Nothing),
        ("GET", PATH, &[], 401, Nothing),
        ("DELETE", PATH, &[], 401, Nothing),
    ];
    in_each_place!(requests, HttpAuthentication::bearer(only_secret));
}

#[test]
fn rate_limits() {
    let limited = ("GET", PATH, &[][..], 429, Nothing);
    in_each_place!([HELLO, HELLO, limited, limited], {
        let mut config = GovernorConfigBuilder::default();
        Governor::new(&config.seconds_per_request(3_600).burst_size(2).finish().expect("a limit"))
    });
}
