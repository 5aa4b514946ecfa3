//! The dashboard over HTTP, for the middleware and for apps that mount it.

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderMap, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use super::assets::{Asset, Assets};
use super::metrics::{self, MetricsPage, monitor_of, values};
use crate::exposition::coding::prefers_gzip;
use crate::monitor::handle::Monitor;

/// Nothing is loaded from elsewhere or executed from the page's text, and no string becomes
/// markup. Only pages of the same origin may show the dashboard in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Responds with the dashboard, a page that shows the metrics live in a browser: a
/// handler to mount it on another route, scope or port, or behind authentication.
///
/// The page has requests per second, errors, latencies, bytes, dependencies and a table of
/// routes. It loads the metrics every few seconds and keeps their history in the browser;
/// the server computes and stores nothing for it. Nothing is loaded from other servers.
///
/// | request | response |
/// |---|---|
/// | no query | the page |
/// | `?script=…`, `?style=…` | its script and style, which browsers cache by their content |
/// | `?metrics` | what [`metrics`](crate::metrics()) responds |
///
/// All of them have the path under which the handler is mounted, so the page works below any
/// prefix, behind authentication, and if the metrics page is elsewhere or not served at all.
/// The monitor that it shows is chosen as by [`metrics`](crate::metrics()). None of these
/// requests is recorded.
///
/// # Examples
///
/// ```
/// use actix_monitor::BigBrother;
/// use actix_web::{App, web};
///
/// let middleware = BigBrother::builder().isolated().build();
/// let public = App::new().wrap(middleware.clone());
/// let private = App::new()
///     .app_data(middleware.monitor())
///     .route("/status", web::get().to(actix_monitor::dashboard));
/// ```
pub async fn dashboard(request: HttpRequest) -> HttpResponse {
    match monitor_of(&request) {
        Some(monitor) => respond(&monitor, &request).await,
        None => HttpResponse::InternalServerError().finish(),
    }
}

/// The part of the dashboard that the query asks for.
pub(crate) async fn respond(monitor: &Monitor, request: &HttpRequest) -> HttpResponse {
    let (query, headers) = (request.query_string(), request.headers());
    if query == "metrics" {
        return metrics::respond(monitor, headers).await;
    }
    let assets = Assets::get();
    let mut response = match query.split_once('=') {
        Some(("script", hash)) => cached(&assets.script, hash, headers),
        Some(("style", hash)) => cached(&assets.style, hash, headers),
        _ => page(&assets.page, headers),
    };
    response.extensions_mut().insert(MetricsPage);
    response
}

/// The page itself, which the browser asks for each time, and gets if it has changed.
fn page(page: &'static Asset, headers: &HeaderMap) -> HttpResponse {
    // Weak: the compressed page has the same tag.
    let tag = format!("W/\"{}\"", page.hash);
    let mut known = values(headers, IF_NONE_MATCH).flat_map(|tags| tags.split(','));
    let is_known = known.any(|known| known.trim() == tag);
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, tag))
        .insert_header((VARY, "accept-encoding"))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    if is_known { response.finish() } else { body(page, headers, response) }
}

/// An asset whose address contains its hash. One of another version of the server is
/// answered with what there is, and not kept.
fn cached(asset: &'static Asset, hash: &str, headers: &HeaderMap) -> HttpResponse {
    let control =
        if hash == asset.hash { "private, max-age=31536000, immutable" } else { "no-store" };
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, control));
    body(asset, headers, response)
}

fn body(
    asset: &'static Asset,
    headers: &HeaderMap,
    mut response: HttpResponseBuilder,
) -> HttpResponse {
    response
        .insert_header((CONTENT_TYPE, asset.content_type))
        .insert_header((VARY, "accept-encoding"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if prefers_gzip(values(headers, ACCEPT_ENCODING)) {
        response.insert_header((CONTENT_ENCODING, "gzip")).body(Bytes::from_static(&asset.gzip))
    } else {
        response.body(Bytes::from_static(asset.text.as_bytes()))
    }
}
