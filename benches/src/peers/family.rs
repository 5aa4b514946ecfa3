//! The obvious way on prometheus-client: two families, a struct of labels, and
//! `get_or_create` for each request. The families themselves; the middleware
//! around them is in `family_middleware`.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::BodySize;
use actix_web::dev::ServiceResponse;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Peer;
use super::family_middleware::Obvious;

pub const FAMILY: &str = "Family::get_or_create";
pub const BUCKETS: [f64; 4] = [0.1, 0.3, 1.5, 10.5];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(non_snake_case, reason = "the derive takes the label's key from the field")]
pub struct Labels {
    r#type: String,
    status: String,
    isError: String,
    method: String,
    addr: String,
}

impl Labels {
    pub fn of<B>(answer: &ServiceResponse<B>) -> Self {
        let request = answer.request();
        let status = answer.status();
        let is_error = status.is_client_error() || status.is_server_error();
        Self {
            r#type: "http".to_owned(),
            status: status.as_str().to_owned(),
            isError: is_error.to_string(),
            method: request.method().to_string(),
            addr: request.match_pattern().unwrap_or_else(|| request.path().to_owned()),
        }
    }
}

#[derive(Clone)]
pub struct Families {
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    bytes: Family<Labels, Counter>,
}

impl Families {
    fn register(registry: &mut Registry) -> Self {
        let families = Self {
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            bytes: Family::default(),
        };
        registry.register("request_seconds", "How long requests take", families.seconds.clone());
        registry.register("response_size_bytes", "How much is sent", families.bytes.clone());
        families
    }

    pub fn record(&self, labels: &Labels, start: Instant, size: BodySize) {
        let seconds = start.elapsed().as_secs_f64();
        self.seconds.get_or_create(labels).observe(seconds);
        let BodySize::Sized(bytes) = size else { return };
        self.bytes.get_or_create(labels).inc_by(bytes);
    }
}

pub fn family() -> Peer<Obvious> {
    let mut registry = Registry::default();
    let families = Arc::new(Families::register(&mut registry));
    let page = move || {
        let mut page = String::new();
        text::encode(&mut page, &registry).expect("a String takes any text");
        page
    };
    Peer::with_page(FAMILY, Obvious(families), "request_seconds", page)
}
