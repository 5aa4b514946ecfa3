//! The metrics page over HTTP, for the middleware and for apps that mount it.

use actix_web::body::MessageBody;
use actix_web::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::exposition::coding::Coding;
use crate::exposition::format::{Format, PageFormat};
use crate::exposition::negotiation::negotiate;
#[cfg(feature = "native-histograms")]
use crate::exposition::negotiation::prefers_protobuf;
use crate::exposition::page::PageBody;
use crate::exposition::scrape::{Representation, ScrapeError};
use crate::monitor::global;
use crate::monitor::handle::Monitor;
use crate::panics::contain;
use crate::protocol::LOG;

/// Marks a response as the metrics page: scrapes are not recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetricsPage;

impl MetricsPage {
    #[inline]
    pub(crate) fn is_marked<B>(response: &HttpResponse<B>) -> bool {
        response.extensions().contains::<Self>()
    }
}

/// Responds with the metrics page: a handler to mount the page on another route,
/// scope or port, or behind authentication.
///
/// It serves the monitor in the request's app data (attached by the middleware, or
/// set with `App::app_data`), or else [`Monitor::global`]. Use
/// [`no_endpoint`](crate::BigBrotherBuilder::no_endpoint) to remove the page from the
/// middleware.
///
/// With the feature `gzip`, the page is compressed if `Accept-Encoding` asks for it.
///
/// The response has status 503 if no page is encoded within 8 seconds because a
/// collector of the app hangs, or if too many clients do not read their pages; and
/// status 500 if there is no monitor or no thread to encode the page. All are logged. The
/// page is not recorded.
///
/// # Examples
///
/// ```
/// use actix_monitor::BigBrother;
/// use actix_web::{App, web};
///
/// let middleware = BigBrother::builder().isolated().no_endpoint().build();
/// let public = App::new().wrap(middleware.clone());
/// let private = App::new()
///     .app_data(middleware.monitor())
///     .route("/metrics", web::get().to(actix_monitor::metrics));
/// ```
pub async fn metrics(request: HttpRequest) -> HttpResponse {
    match monitor_of(&request) {
        Some(monitor) => respond(&monitor, request.headers()).await,
        None => HttpResponse::InternalServerError().finish(),
    }
}

/// The monitor that a handler serves.
pub(crate) fn monitor_of(request: &HttpRequest) -> Option<Data<Monitor>> {
    let monitor = request.app_data::<Data<Monitor>>().cloned().or_else(global::get);
    if monitor.is_none() {
        log::error!(
            target: LOG,
            "a handler has no monitor; wrap an app with BigBrother, or set \
             `App::app_data(middleware.monitor())`"
        );
    }
    monitor
}

/// The page in the format and coding that the headers ask for: the whole page, or an empty
/// response with an error status.
pub(crate) async fn respond(monitor: &Monitor, headers: &HeaderMap) -> HttpResponse {
    let format = format(monitor, headers);
    let coding = Coding::negotiate(values(headers, ACCEPT_ENCODING));
    let mut response = match monitor.scrape(Representation { format, coding }).await {
        Ok(page) => {
            let mut response = HttpResponse::Ok();
            if let Some(coding) = page.coding().name() {
                response.insert_header((CONTENT_ENCODING, coding));
            }
            response
                .insert_header((CONTENT_TYPE, format.content_type()))
                .insert_header((CACHE_CONTROL, "no-store"))
                .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
                .body(PageBody::new(page).boxed())
        }
        Err(error) => {
            contain(|| log_error(error));
            match error {
                ScrapeError::Timeout | ScrapeError::Busy => {
                    HttpResponse::ServiceUnavailable().finish()
                }
                ScrapeError::Failed => HttpResponse::InternalServerError().finish(),
            }
        }
    };
    let has_formats = monitor.has_openmetrics() || monitor.config().native_histograms;
    let varies = [(has_formats, "accept"), (Coding::IS_NEGOTIATED, "accept-encoding")];
    for (_, header) in varies.into_iter().filter(|(is_negotiated, _)| *is_negotiated) {
        response.headers_mut().append(VARY, HeaderValue::from_static(header));
    }
    response.extensions_mut().insert(MetricsPage);
    response
}

fn format(monitor: &Monitor, headers: &HeaderMap) -> PageFormat {
    let accept = values(headers, ACCEPT);
    #[cfg(feature = "native-histograms")]
    if monitor.config().native_histograms && prefers_protobuf(accept.clone()) {
        return PageFormat::Protobuf;
    }
    let format = if monitor.has_openmetrics() { negotiate(accept) } else { Format::Text };
    PageFormat::Text(format)
}

/// The values of a header, as far as they are text.
pub(super) fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> + Clone {
    headers.get_all(name).filter_map(|value| value.to_str().ok())
}

fn log_error(error: ScrapeError) {
    match error {
        ScrapeError::Timeout => log::error!(
            target: LOG,
            "a scrape is answered with 503: no page was encoded in time, because a collector of \
             the app hangs or the machine is overloaded"
        ),
        ScrapeError::Busy => log::warn!(
            target: LOG,
            "a scrape is answered with 503: clients that do not read keep too many pages open"
        ),
        ScrapeError::Failed => log::error!(target: LOG, "a scrape is answered with 500"),
    }
}
