//! The places of monitors around and within layers, and what they must record there.

use std::collections::BTreeMap;
use std::sync::Once;

use actix_monitor::{BigBrother, Format, ResponseSize};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::{App, Error};

use crate::routes::USER;
use crate::support::page::Page;
use crate::support::server::Server;

/// Method, path, headers, the status that the client receives, and what monitors inside record.
pub(crate) type Request<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, Inside);

/// What monitors inside of a layer record of a request. Those outside record the response that
/// the client receives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Inside {
    /// The response that the client receives.
    Same,
    /// A response with this status and length, which the layer changes.
    Changed(u16, usize),
    /// The same, whose body the layer drops.
    Dropped(u16, usize),
    /// Nothing: the layer responds in place of the routes.
    Nothing,
}

/// Wraps an app, a scope and a resource with layers, the innermost first, and compares what
/// monitors record on both sides of them.
macro_rules! in_each_place {
    ($requests:expr, $($layer:expr),+ $(,)?) => {{
        use actix_web::{App, web::scope};
        let requests = &$requests;
        crate::places::compare("app", 1, requests, move |[a, b, c, d]| {
            let scope = scope("/api").service(crate::routes::user().wrap(d)).wrap(c);
            App::new().service(scope).wrap(b)$(.wrap($layer))+.wrap(a)
        });
        crate::places::compare("scope", 2, requests, move |[a, b, c, d]| {
            let scope = scope("/api").service(crate::routes::user().wrap(d));
            App::new().service(scope.wrap(c)$(.wrap($layer))+.wrap(b)).wrap(a)
        });
        crate::places::compare("resource", 3, requests, move |[a, b, c, d]| {
            let user = crate::routes::user().wrap(d)$(.wrap($layer))+.wrap(c);
            App::new().service(scope("/api").service(user).wrap(b)).wrap(a)
        });
    }};
}
pub(crate) use in_each_place;

/// Sends `requests` to the app that `stack` makes with four monitors. The first `outside` of
/// them are outside of the layers, the others inside.
#[track_caller]
pub(crate) fn compare<T, B>(
    place: &str,
    outside: usize,
    requests: &[Request<'_>],
    stack: impl Fn([BigBrother; 4]) -> App<T> + Clone + Send + 'static,
) where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    turn_logs_on();
    for size in [ResponseSize::Declared, ResponseSize::Sent] {
        let monitor = || BigBrother::builder().isolated().response_size(size).build();
        let monitors = [(); 4].map(|()| monitor());
        let (watched, stack) = (monitors.clone(), stack.clone());
        let server = Server::start(1, move || stack(watched.clone()));
        let series = received(&server, requests, matches!(size, ResponseSize::Sent));
        for (number, monitor) in monitors.iter().enumerate() {
            let expected = series[(number + 1).saturating_sub(outside).min(2)].lines();
            assert_eq!(recorded(monitor), expected, "{place}, {size:?}, monitor {number}");
        }
    }
}

/// What the monitors outside of the layers must record of `requests`, the next one inside, and
/// those further in.
#[track_caller]
fn received<'a>(server: &Server, requests: &[Request<'a>], is_sent: bool) -> [Series<'a>; 3] {
    let mut client = server.connect();
    let mut all = [(); 3].map(|()| Series::new(USER));
    for (method, path, headers, status, inside) in requests {
        let response = client.request(method, path, headers);
        assert_eq!(response.status, *status, "{method} {path} {headers:?}");
        let declared = response.header("content-length").map_or(Ok(0), str::parse);
        let bytes = if is_sent { response.body.len() } else { declared.expect("a length") };
        let outside = Some((*status, bytes));
        let [next, further] = match *inside {
            Inside::Same => [outside; 2],
            Inside::Changed(status, length) => [Some((status, length)); 2],
            // actix itself reads bodies in memory where a scope or a resource ends.
            Inside::Dropped(status, length) => {
                [if is_sent { 0 } else { length }, length].map(|bytes| Some((status, bytes)))
            }
            Inside::Nothing => [None; 2],
        };
        for (series, recorded) in all.iter_mut().zip([outside, next, further]) {
            recorded.into_iter().for_each(|(status, bytes)| series.add(method, status, bytes));
        }
    }
    all
}

/// What `monitor` has recorded, without a scrape.
#[track_caller]
pub(crate) fn recorded(monitor: &BigBrother) -> Vec<String> {
    Page::parse(&monitor.monitor().encode(Format::Text)).recorded()
}

/// Requests and bytes of one `addr` label, by status and method.
pub(crate) struct Series<'a> {
    addr: &'a str,
    counts: BTreeMap<(u16, &'a str), (usize, usize)>,
}

impl<'a> Series<'a> {
    pub(crate) fn new(addr: &'a str) -> Self {
        Self { addr, counts: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, method: &'a str, status: u16, bytes: usize) {
        let (requests, sum) = self.counts.entry((status, method)).or_default();
        *requests += 1;
        *sum += bytes;
    }

    /// The lines of [`Page::recorded`].
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.counts.iter().map(|((status, method), (requests, bytes))| {
            let is_error = *status >= 400;
            format!("{status} {is_error} {method} {}: {requests} of {bytes} bytes", self.addr)
        });
        lines.collect()
    }
}

/// Formats logs and spans and writes them nowhere. Otherwise the layers that log do nothing.
pub(crate) fn turn_logs_on() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing_subscriber::fmt().with_writer(std::io::sink).init());
}
