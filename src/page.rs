//! The page as an answer to HTTP, for the middleware and for apps that mount it
//! elsewhere.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header::{ACCEPT, HeaderMap};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::exposition::format::Format;
use crate::exposition::negotiation::negotiate;
use crate::monitor::handle::Monitor;
use crate::monitor::instance;
use crate::protocol::LOG;

/// Marks an answer that is the metrics page: scrapes are not recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetricsPage;

/// Whether the page was ever answered within a middleware, by a handler or by
/// another middleware: until then no answer has the mark, and none needs to be
/// looked at.
static IS_MOUNTED: AtomicBool = AtomicBool::new(false);

/// Marks requests of an app whose page is to be text for everyone.
pub(crate) struct TextOnly;

impl MetricsPage {
    #[inline]
    pub(crate) fn is<B>(response: &HttpResponse<B>) -> bool {
        IS_MOUNTED.load(Ordering::Relaxed) && Self::is_marked(response)
    }

    #[cold]
    fn is_marked<B>(response: &HttpResponse<B>) -> bool {
        response.extensions().contains::<Self>()
    }

    pub(crate) fn mark(response: &mut HttpResponse) {
        IS_MOUNTED.store(true, Ordering::Relaxed);
        response.extensions_mut().insert(Self);
    }
}

/// Answers with the metrics page: a handler for mounting it on another route,
/// scope or port, or behind authentication. Use
/// [`no_endpoint`](crate::BigBrotherBuilder::no_endpoint) to have it there only.
///
/// It shows the monitor in the request's data (put there by the middleware, or
/// with `App::app_data` where the middleware is not), else the one of the
/// process. The format follows the request's `Accept` header. Where there is no
/// monitor at all, or a registered metric fails, the answer is 500 and the log
/// says why.
///
/// ```
/// use actix_monitor::BigBrother;
/// use actix_web::{App, web};
///
/// let monitor = BigBrother::builder().isolated().no_endpoint().build();
/// let public = App::new().wrap(monitor.clone());
/// let internal =
///     App::new().app_data(monitor.handle()).route("/metrics", web::get().to(actix_monitor::metrics));
/// ```
pub async fn metrics(request: HttpRequest) -> HttpResponse {
    match monitor_of(&request) {
        Some(monitor) => {
            let format = match request.app_data::<TextOnly>() {
                Some(TextOnly) => Format::Text,
                None => wanted_format(request.headers()),
            };
            let mut page = answer(&monitor, format).await;
            MetricsPage::mark(&mut page);
            page
        }
        None => HttpResponse::InternalServerError().finish(),
    }
}

pub(crate) fn monitor_of(request: &HttpRequest) -> Option<Data<Monitor>> {
    let monitor = request.app_data::<Data<Monitor>>().cloned().or_else(instance::get);
    if monitor.is_none() {
        log::error!(
            target: LOG, "there is no monitor to show; wrap an app with BigBrother, or give \
             its handle() to this one with app_data"
        );
    }
    monitor
}

/// The format that `headers` ask for.
pub(crate) fn wanted_format(headers: &HeaderMap) -> Format {
    negotiate(headers.get_all(ACCEPT).filter_map(|accept| accept.to_str().ok()))
}

/// The whole page, or an empty 500: never a part of it.
pub(crate) async fn answer(monitor: &Monitor, format: Format) -> HttpResponse {
    match monitor.scrape(format).await {
        Ok(page) => HttpResponse::Ok().content_type(format.content_type()).body(page),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
