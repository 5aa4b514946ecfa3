//! The options of a middleware.

use actix_monitor::{
    BigBrother, BigBrotherBuilder, ErrorMessage, Exclude, Exemplars, Label, ObserveAt, RequestSize,
    ResponseSize, Unmatched,
};
use actix_web::http::StatusCode;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::request::Route;

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) buckets: Vec<f64>,
    pub(crate) errors: Errors,
    pub(crate) exclusions: Vec<Exclusion>,
    pub(crate) const_label: Option<String>,
    pub(crate) message: Option<MessageSource>,
    pub(crate) observe_at: ObserveAt,
    pub(crate) observe_route: Option<(Route, ObserveAt)>,
    pub(crate) response_size: ResponseSize,
    pub(crate) request_size: Option<RequestSize>,
    pub(crate) unmatched: Unmatched,
    pub(crate) series_limit: Option<usize>,
    /// The limit of the values of a label of the app's own.
    pub(crate) tenants: Option<usize>,
    pub(crate) has_heads: bool,
    pub(crate) has_in_flight: bool,
    pub(crate) has_native: bool,
    pub(crate) has_exemplars: bool,
    pub(crate) has_openmetrics: bool,
    pub(crate) has_blocked_workers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Errors {
    Default,
    ServerOnly,
    Odd,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Exclusion {
    Path,
    Prefix,
    Pattern,
    Probe,
    Status(u16),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum MessageSource {
    Header,
    Extension,
    ActixError,
}

impl Errors {
    pub(crate) fn is_error(self, status: u16) -> bool {
        match self {
            Self::Default => (400..600).contains(&status),
            Self::ServerOnly => (500..600).contains(&status),
            Self::Odd => status % 2 == 1,
        }
    }
}

impl Exclusion {
    fn rule(self) -> Exclude {
        match self {
            Self::Path => "/".into(),
            Self::Prefix => "/files/*".into(),
            Self::Pattern => "/items/{id}".into(),
            Self::Probe | Self::Status(_) => {
                Exclude::from_fn(|request| request.headers().contains_key("x-probe"))
            }
        }
    }
}

impl Options {
    pub(crate) fn build(&self) -> BigBrother {
        let errors = self.errors;
        let builder = BigBrother::builder().isolated().version("v1").buckets(self.buckets.clone());
        let builder = match errors {
            Errors::Default => builder,
            _ => builder.is_error(move |status| errors.is_error(status.as_u16())),
        };
        let builder = builder
            .observe_at(self.observe_at)
            .response_size(self.response_size)
            .unmatched(self.unmatched);
        self.families(self.labels(self.exclude(builder))).build()
    }

    fn exclude(&self, builder: BigBrotherBuilder) -> BigBrotherBuilder {
        self.exclusions.iter().fold(builder, |builder, exclusion| match exclusion {
            Exclusion::Status(code) => {
                builder.exclude_status(StatusCode::from_u16(*code).expect("a status"))
            }
            other => builder.exclude(other.rule()),
        })
    }

    fn labels(&self, mut builder: BigBrotherBuilder) -> BigBrotherBuilder {
        if let Some(value) = &self.const_label {
            builder = builder.const_label("region", value);
        }
        if let Some(source) = self.message {
            builder = builder.error_message(match source {
                MessageSource::Header => ErrorMessage::header("x-message"),
                MessageSource::Extension => ErrorMessage::extension(),
                MessageSource::ActixError => ErrorMessage::actix_error(),
            });
        }
        if let Some(limit) = self.tenants {
            builder = builder.label("tenant", Label::header("x-tenant").limit(limit));
        }
        if let Some(limit) = self.series_limit {
            builder = builder.series_limit(limit);
        }
        builder
    }

    fn families(&self, mut builder: BigBrotherBuilder) -> BigBrotherBuilder {
        if let Some((route, end)) = self.observe_route {
            builder = builder.observe_route_at(route.pattern().unwrap_or("/none"), end);
        }
        if let Some(size) = self.request_size {
            builder = builder.request_size(size);
        }
        if self.has_heads {
            builder = builder.request_head_seconds([0.01, 2.0]);
        }
        if self.has_in_flight {
            builder = builder.requests_in_flight();
        }
        if self.has_native {
            builder = builder.native_histograms();
        }
        if self.has_exemplars {
            builder = builder.exemplars(Exemplars::traceparent());
        }
        if self.has_openmetrics {
            builder = builder.openmetrics();
        }
        if self.has_blocked_workers {
            builder = builder.blocked_workers();
        }
        builder
    }
}

pub(crate) fn options() -> impl Strategy<Value = Options> {
    let bounds = vec![0.000_01, 0.000_3, 0.1, 0.3, 1.5, 10.5, 1e9];
    let exclusions = vec![
        Exclusion::Path,
        Exclusion::Prefix,
        Exclusion::Pattern,
        Exclusion::Probe,
        Exclusion::Status(404),
        Exclusion::Status(499),
        Exclusion::Status(500),
    ];
    let routes = [Route::Root, Route::Item, Route::Scoped, Route::Nowhere];
    let ends = || select(&[ObserveAt::BodyEnd, ObserveAt::Head][..]);
    let sources = [MessageSource::Header, MessageSource::Extension, MessageSource::ActixError];
    let rules = (
        subsequence(bounds, 1..=7),
        select(&[Errors::Default, Errors::ServerOnly, Errors::Odd][..]),
        prop_oneof![
            1 => Just(Vec::new()),
            1 => subsequence(exclusions, 0..=2),
        ],
        ends(),
        prop::option::of((select(routes.to_vec()), ends())),
        select(&[ResponseSize::Declared, ResponseSize::Sent][..]),
        prop::option::of(select(&[RequestSize::Declared, RequestSize::Received][..])),
        select(&[Unmatched::Label, Unmatched::Path][..]),
    );
    let labels = (
        prop::option::of("[a-z\\\\\"\n€ ]{1,8}"),
        prop::option::of(select(sources.to_vec())),
        prop::option::weighted(0.3, 1_usize..6),
        prop::option::of(1_usize..3),
    );
    let flags = prop::array::uniform6(any::<bool>());
    (rules, labels, flags).prop_map(|(rules, labels, flags)| Options {
        buckets: rules.0,
        errors: rules.1,
        exclusions: rules.2,
        observe_at: rules.3,
        observe_route: rules.4,
        response_size: rules.5,
        request_size: rules.6,
        unmatched: rules.7,
        const_label: labels.0,
        message: labels.1,
        series_limit: labels.2,
        tenants: labels.3,
        has_heads: flags[0],
        has_in_flight: flags[1],
        has_native: flags[2],
        has_exemplars: flags[3],
        has_openmetrics: flags[4],
        has_blocked_workers: flags[5],
    })
}
