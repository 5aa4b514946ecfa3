//! A request, and how it ends.

use proptest::prelude::*;
use proptest::sample::select;

/// A request of a client, and what the app does with it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) route: Route,
    pub(crate) end: End,
    pub(crate) status: u16,
    pub(crate) body: Body,
    /// The lengths of the body's chunks.
    pub(crate) chunks: Vec<usize>,
    /// In a header, in the extensions and in the text of an error.
    pub(crate) message: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) trace: Option<u128>,
    /// Whether the request has the header that an exclusion asks for.
    pub(crate) is_probe: bool,
    /// The length of the request's own body.
    pub(crate) sent: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Root,
    Item,
    Scoped,
    Files,
    /// No route has the path.
    Nowhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Response,
    Error,
    Panic,
    /// A middleware within the monitor responds, fails or panics.
    LayerResponse,
    LayerError,
    LayerPanic,
    /// A middleware around the monitor drops the request while the handler runs.
    Timeout,
    /// The client resets the connection while the handler runs.
    Reset,
    /// The same in the middle of the body.
    ResetInBody,
    BodyFails,
    BodyPanics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    Sized,
    Stream,
    /// A stream with a `Content-Length` of its handler.
    DeclaredStream,
}

impl Route {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Item => "/items/7",
            Self::Scoped => "/api/acme/items/7",
            Self::Files => "/files/css/a.css",
            Self::Nowhere => "/nowhere/at/all",
        }
    }

    pub(crate) fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Root => Some("/"),
            Self::Item => Some("/items/{id}"),
            Self::Scoped => Some("/api/{tenant}/items/{id}"),
            Self::Files => Some("/files/{tail:.*}"),
            Self::Nowhere => None,
        }
    }
}

impl End {
    pub(crate) fn is_in_layer(self) -> bool {
        matches!(self, Self::LayerResponse | Self::LayerError | Self::LayerPanic)
    }

    pub(crate) fn breaks_body(self) -> bool {
        matches!(self, Self::ResetInBody | Self::BodyFails | Self::BodyPanics)
    }
}

/// What a body that does not end declares beyond its chunks.
pub(crate) const MISSING: usize = 10;

impl Request {
    /// What the body declares, if it declares something.
    pub(crate) fn declared(&self) -> usize {
        let missing = if self.end.breaks_body() { MISSING } else { 0 };
        self.chunks.iter().sum::<usize>() + missing
    }

    /// Without the combinations that HTTP or the app do not have.
    fn possible(mut self) -> Self {
        if self.route == Route::Nowhere && !self.end.is_in_layer() {
            self.end = End::Response;
        }
        if self.method == "HEAD" && self.end.breaks_body() {
            self.end = End::Response;
        }
        let has_content = |status| !matches!(status, 101 | 204 | 304);
        if self.end.breaks_body() {
            self.status = if has_content(self.status) { self.status } else { 200 };
            self.body = if self.body == Body::None { Body::Stream } else { self.body };
        }
        if !has_content(self.status) {
            (self.body, self.chunks) = (Body::None, Vec::new());
        }
        if self.end == End::Error && self.status == 101 {
            self.status = 500;
        }
        if self.end.is_in_layer() && self.status == 101 {
            self.status = 403;
        }
        self
    }
}

pub(crate) fn requests() -> impl Strategy<Value = Vec<Request>> {
    prop::collection::vec(request(), 1..14)
}

fn request() -> impl Strategy<Value = Request> {
    let methods = ["GET", "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PURGE"];
    let routes = [Route::Root, Route::Item, Route::Scoped, Route::Files, Route::Nowhere];
    let ends = [
        End::Response,
        End::Response,
        End::Error,
        End::Panic,
        End::LayerResponse,
        End::LayerError,
        End::LayerPanic,
        End::Timeout,
        End::Reset,
        End::ResetInBody,
        End::BodyFails,
        End::BodyPanics,
    ];
    let statuses =
        [200, 200, 201, 101, 204, 299, 301, 304, 400, 401, 404, 404, 418, 429, 500, 503, 599, 799];
    let bodies = [Body::None, Body::Sized, Body::Stream, Body::DeclaredStream];
    let chunks = prop::collection::vec(prop_oneof![1_usize..40, 1_usize..30_000], 0..4);
    let end = (select(methods.to_vec()), select(routes.to_vec()), select(ends.to_vec()));
    let response = (select(statuses.to_vec()), select(bodies.to_vec()), chunks);
    let labels = (
        prop::option::of(message()),
        prop::option::of(select(&["acme", "globex", "initech", "", "_overflow"][..])),
        prop::option::of(1_u128..),
    );
    let rest = (prop::bool::weighted(0.1), prop_oneof![3 => Just(0), 1 => 1_usize..5_000]);
    (end, response, labels, rest).prop_map(
        |((method, route, end), (status, body, chunks), (message, tenant, trace), rest)| {
            let tenant = tenant.map(str::to_owned);
            let (is_probe, sent) = rest;
            Request {
                method,
                route,
                end,
                status,
                body,
                chunks,
                message,
                tenant,
                trace,
                is_probe,
                sent,
            }
            .possible()
        },
    )
}

/// Text that a header can have, without white space at its ends, which is not part of a header.
fn message() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(&["taken", "not found", "\\", "a\\", "\"", "\\n"][..]).prop_map(str::to_owned),
        1 => "[!-~]([ -~]{0,150}[!-~])?",
    ]
}
