//! `Accept` and `Accept-Encoding` headers: the page has the format that its head declares, and
//! the one that the header asks for.

#![no_main]

use std::cell::OnceCell;

use actix_monitor::BigBrother;
use actix_monitor_fuzz::{is_protobuf, read_text};
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{self, HeaderValue};
use actix_web::rt::{System, SystemRunner};
use actix_web::{App, Error, test};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Accept {
    /// Lines of any bytes.
    Raw(Vec<Vec<u8>>),
    /// Media types with their weights in thousandths.
    Ranges(Vec<(Media, u16, bool)>),
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Media {
    Text,
    OpenMetrics,
    Protobuf,
    Any,
}

#[derive(Arbitrary, Debug)]
struct Input {
    accept: Accept,
    encoding: Option<Vec<u8>>,
}

impl Media {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text/plain;version=0.0.4",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0",
            Self::Protobuf => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            Self::Any => "*/*",
        }
    }
}

impl Accept {
    fn lines(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Raw(lines) => lines.clone(),
            Self::Ranges(ranges) => {
                let range = |(media, weight, has_space): &(Media, u16, bool)| {
                    let weight = f64::from(weight % 1001) / 1000.0;
                    let space = if *has_space { " " } else { "" };
                    format!("{space}{}{space};q={weight}", media.name())
                };
                vec![ranges.iter().map(range).collect::<Vec<_>>().join(",").into_bytes()]
            }
        }
    }

    /// What must be served, if that is known.
    fn expected(&self) -> Option<Media> {
        let Self::Ranges(ranges) = self else { return None };
        let weight = |wanted: Media| {
            let named = ranges.iter().filter(|(media, _, _)| *media == wanted);
            named.map(|(_, weight, _)| weight % 1001).max().unwrap_or(0)
        };
        let [text, openmetrics, protobuf] =
            [Media::Text, Media::OpenMetrics, Media::Protobuf].map(weight);
        Some(if protobuf > 0 && protobuf >= text && protobuf >= openmetrics {
            Media::Protobuf
        } else if openmetrics > 0 && openmetrics >= text {
            Media::OpenMetrics
        } else {
            Media::Text
        })
    }
}

type Call = Box<dyn Fn(test::TestRequest) -> (String, Option<String>, Vec<u8>)>;

thread_local! {
    /// Never dropped: a runtime cannot be dropped while the thread ends.
    static CALL: OnceCell<&'static Call> = const { OnceCell::new() };
}

fn service() -> &'static Call {
    let system = System::new();
    let middleware = BigBrother::builder().isolated().openmetrics().native_histograms().build();
    let service = system.block_on(test::init_service(App::new().wrap(middleware)));
    let call: Call = Box::new(move |request| call(&system, &service, request));
    Box::leak(Box::new(call))
}

fn call<S, B>(
    system: &SystemRunner,
    service: &S,
    request: test::TestRequest,
) -> (String, Option<String>, Vec<u8>)
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let response = system.block_on(test::call_service(service, request.to_request()));
    assert_eq!(response.status(), 200);
    let text = |name| {
        response
            .headers()
            .get(name)
            .map(|value: &HeaderValue| value.to_str().unwrap_or("").to_owned())
    };
    let (kind, coding) = (text(header::CONTENT_TYPE), text(header::CONTENT_ENCODING));
    let body = system.block_on(test::read_body(response));
    (kind.unwrap_or_default(), coding, body.to_vec())
}

fuzz_target!(|input: Input| {
    let mut request = test::TestRequest::get().uri("/metrics");
    for line in input.accept.lines() {
        let Ok(value) = HeaderValue::from_bytes(&line) else { return };
        request = request.append_header((header::ACCEPT, value));
    }
    if let Some(encoding) = &input.encoding {
        let Ok(value) = HeaderValue::from_bytes(encoding) else { return };
        request = request.append_header((header::ACCEPT_ENCODING, value));
    }
    let (kind, coding, body) = CALL.with(|call| call.get_or_init(service)(request));
    match coding.as_deref() {
        None => {}
        Some("gzip") => {
            let asked = String::from_utf8_lossy(input.encoding.as_deref().unwrap_or_default());
            assert!(asked.to_ascii_lowercase().contains("gzip") || asked.contains('*'), "{asked}");
            assert!(body.starts_with(&[0x1f, 0x8b]));
            return;
        }
        other => panic!("an encoding that does not exist: {other:?}"),
    }
    let served = if kind.starts_with("application/vnd.google.protobuf") {
        assert!(is_protobuf(&body));
        Media::Protobuf
    } else {
        let page = String::from_utf8(body).expect("a page of UTF-8");
        read_text(&page);
        let is_openmetrics = page.ends_with("# EOF\n");
        assert_eq!(is_openmetrics, kind.starts_with("application/openmetrics-text"));
        assert!(is_openmetrics || kind.starts_with("text/plain"), "{kind}");
        if is_openmetrics { Media::OpenMetrics } else { Media::Text }
    };
    if let Some(expected) = input.accept.expected() {
        assert_eq!(served, expected);
    }
});
