//! The `errorMessage` label: the sources of messages, how they are shown, and which series
//! have the label.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::mpsc;

use actix_monitor::{BigBrother, ErrorMessage, ErrorText, Monitor};
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpResponse, ResponseError, error, web};

use crate::support::child::in_a_process_of_its_own;
use crate::support::oracle::page_of;
use crate::support::page::{Page, Sample};
use crate::support::patience::PATIENCE;
use crate::support::server::Server;
use crate::support::services::waits_for_ever;

fn with(source: ErrorMessage) -> BigBrother {
    BigBrother::builder().isolated().error_message(source).build()
}

fn from_header() -> BigBrother {
    with(ErrorMessage::header("Error-Message"))
}

/// A sorted line for each series, with status, message and count, such as
/// `409 "already taken": 2`. Both families of requests must have the same series.
#[track_caller]
fn messages_of_statuses(page: &Page) -> Vec<String> {
    let counts = page.find("request_seconds_count", &[]);
    let sizes = page.find("response_size_bytes", &[]);
    let labels = |samples: &[&Sample]| {
        samples.iter().map(|sample| sample.labels.clone()).collect::<Vec<_>>()
    };
    assert_eq!(labels(&counts), labels(&sizes));
    let mut lines: Vec<_> = counts
        .iter()
        .map(|count| {
            let [status, message] = ["status", "errorMessage"].map(|key| count.label(key));
            let (status, message) = (status.expect("a status"), message.expect("a message"));
            format!("{status} {message:?}: {}", count.value)
        })
        .collect();
    lines.sort();
    lines
}

/// How often each message was counted.
fn messages(page: &Page) -> BTreeMap<String, f64> {
    let mut messages = BTreeMap::new();
    for count in page.find("request_seconds_count", &[]) {
        let message = count.label("errorMessage").expect("the label is on").to_owned();
        *messages.entry(message).or_default() += count.value;
    }
    messages
}

fn conflict(message: &'static str) -> HttpResponse {
    let mut response = HttpResponse::Conflict().insert_header(("error-message", message)).finish();
    response.extensions_mut().insert(ErrorText::new(message));
    response
}

#[test]
fn the_label_is_off_by_default() {
    let monitor = BigBrother::builder().isolated().build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, |app| {
        app.route("/taken", web::get().to(async || conflict("already taken")));
    });
    server.connect().get("/taken");
    handle.start_request("amqp").error_message("unroutable").fail("nack");
    handle.start_dependency_request("db").error_message("deadlock").fail("error");
    let page = page_of(&handle);
    assert_eq!(page.requests(), 2.0);
    for absent in ["errorMessage", "already taken", "unroutable", "deadlock"] {
        assert!(!page.text.contains(absent), "{absent}: {}", page.text);
    }
}

#[test]
fn the_label_follows_is_error_in_all_three_families() {
    let monitor = from_header();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, |app| {
        app.route("/taken", web::get().to(async || conflict("already taken")))
            .route("/ok", web::get().to(HttpResponse::Ok));
    });
    for path in ["/taken", "/ok"] {
        server.connect().get(path);
    }
    for message in ["deadlock", ""] {
        handle.start_dependency_request("db").error_message(message).fail("error");
    }
    let page = page_of(&handle);
    let of_requests = ["type", "status", "isError", "errorMessage", "method", "addr"];
    let of_calls = ["name", "type", "status", "isError", "errorMessage", "method", "addr"];
    let mut seen = 0;
    for sample in &page.samples {
        let keys = sample.labels.iter().map(|(key, _)| key.as_str()).filter(|key| *key != "le");
        let keys: Vec<_> = keys.collect();
        if sample.name.starts_with("request_seconds") || sample.name == "response_size_bytes" {
            assert_eq!(keys, of_requests, "{sample:?}");
            seen += 1;
        } else if sample.name.starts_with("dependency_request_seconds") {
            assert_eq!(keys, of_calls, "{sample:?}");
            seen += 1;
        }
    }
    // Two series in each family: five buckets, a sum and a count, or one counter.
    assert_eq!(seen, 2 * 7 + 2 + 2 * 7);
    assert_eq!(messages_of_statuses(&page), [r#"200 "": 1"#, r#"409 "already taken": 1"#]);
    for message in ["deadlock", ""] {
        let labels = [("name", "db"), ("errorMessage", message)];
        assert_eq!(page.value("dependency_request_seconds_count", &labels), Some(1.0));
    }
}

#[test]
fn each_message_has_series_of_its_own() {
    let server = Server::watched(from_header(), |app| {
        app.route(
            "/{message}",
            web::get().to(async |message: web::Path<String>| {
                HttpResponse::Conflict().insert_header(("error-message", message.as_str())).finish()
            }),
        );
    });
    let mut client = server.connect();
    for _ in 0..3 {
        for path in ["/aa", "/ab", "/aa", "/"] {
            client.get(path);
        }
    }
    let expected = [r#"404 "": 3"#, r#"409 "aa": 6"#, r#"409 "ab": 3"#];
    assert_eq!(messages_of_statuses(&server.metrics()), expected);
}

// Sources.

#[test]
fn a_header_is_found_in_any_case_and_sent_to_the_client_as_well() {
    let server = Server::watched(with(ErrorMessage::header("eRROR-mESSAGE")), |app| {
        app.route("/taken", web::get().to(async || conflict("already taken")));
    });
    let answer = server.connect().get("/taken");
    assert_eq!(answer.header("error-message"), Some("already taken"));
    assert_eq!(messages_of_statuses(&server.metrics()), [r#"409 "already taken": 1"#]);
}

#[test]
fn an_invalid_header_name_is_refused() {
    for name in ["", "no header", "é"] {
        let builder = BigBrother::builder().isolated();
        let refusal = builder.error_message(ErrorMessage::header(name)).try_build();
        let message = refusal.expect_err("the name is not valid").to_string();
        assert!(
            message.starts_with(&format!("error_message: {name:?} is not a valid")),
            "{message}"
        );
    }
}

#[test]
fn every_byte_of_a_header_is_shown_or_replaced() {
    let value = |byte: u8| [b'a', byte, b'z'];
    let monitor = from_header();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, move |app| {
        app.route(
            "/{byte}",
            web::get().to(move |byte: web::Path<u8>| async move {
                let value = HeaderValue::from_bytes(&value(*byte)).expect("a legal byte");
                HttpResponse::BadRequest().insert_header(("error-message", value)).finish()
            }),
        );
    });
    let legal: Vec<u8> =
        (0..=255).filter(|byte| HeaderValue::from_bytes(&value(*byte)).is_ok()).collect();
    assert!(legal.len() > 200, "{legal:?}");
    let mut client = server.connect();
    let mut expected = BTreeMap::new();
    for byte in legal {
        assert_eq!(client.get(&format!("/{byte}")).status, 400);
        let message = String::from_utf8_lossy(&value(byte)).into_owned();
        *expected.entry(message).or_default() += 1.0;
    }
    assert_eq!(messages(&page_of(&handle)), expected);
}

#[test]
fn a_text_in_the_extensions_is_a_message_that_is_not_sent_to_the_client() {
    let server = Server::watched(with(ErrorMessage::extension()), |app| {
        app.route(
            "/taken",
            web::get().to(async || {
                let mut response = HttpResponse::Conflict().body("no");
                response.extensions_mut().insert(ErrorText::new(String::from("already taken")));
                response
            }),
        )
        .route(
            "/other",
            web::get().to(async || {
                let mut response = HttpResponse::Conflict().finish();
                response.extensions_mut().insert("another type's text");
                response
            }),
        );
    });
    let answer = server.connect().get("/taken");
    assert!(!format!("{answer:?}").contains("already taken"), "{answer:?}");
    server.connect().get("/other");
    assert_eq!(
        messages_of_statuses(&server.metrics()),
        [r#"409 "": 1"#, r#"409 "already taken": 1"#]
    );
}

/// An error whose text is not what the client receives.
#[derive(Debug)]
struct OutOfStock;

impl fmt::Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("shelf 7 is empty")
    }
}

impl ResponseError for OutOfStock {
    fn status_code(&self) -> StatusCode {
        StatusCode::CONFLICT
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = conflict("out of stock");
        response.extensions_mut().insert(ErrorText::new("shelf 7"));
        response
    }
}

/// An app in which the handler, an extractor and a middleware fail.
fn failing(
    monitor: BigBrother,
) -> App<
    impl actix_web::dev::ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse<impl actix_web::body::MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new()
        .route("/handler", web::get().to(async || Err::<HttpResponse, _>(OutOfStock)))
        .route("/extractor/{id}", web::get().to(async |id: web::Path<u32>| id.to_string()))
        .route("/middleware", web::get().to(HttpResponse::Ok))
        .route("/no-error", web::get().to(HttpResponse::BadRequest))
        .wrap(from_fn(async |request: ServiceRequest, next: Next<_>| {
            if request.path() == "/middleware" {
                return Err(OutOfStock.into());
            }
            next.call(request).await
        }))
        .wrap(monitor)
}

/// What is recorded of one request to each path of `failing`.
fn messages_of_failures(source: ErrorMessage) -> Vec<String> {
    let monitor = with(source);
    let handle = monitor.monitor();
    let server = Server::start(1, move || failing(monitor.clone()));
    for (path, status) in
        [("/handler", 409), ("/extractor/x", 404), ("/middleware", 409), ("/no-error", 400)]
    {
        assert_eq!(server.connect().get(path).status, status, "{path}");
    }
    messages_of_statuses(&page_of(&handle))
}

#[test]
fn errors_of_handlers_extractors_and_middlewares_are_messages() {
    let lines = messages_of_failures(ErrorMessage::actix_error());
    let (unparsed, others): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line.starts_with("404"));
    let expected = [r#"400 "": 1"#, r#"409 "shelf 7 is empty": 1"#, r#"409 "shelf 7 is empty": 1"#];
    assert_eq!(others, expected);
    assert!(matches!(unparsed[..], [line] if line.contains("x")), "{unparsed:?}");
    assert!(!unparsed[0].contains(r#""""#), "{unparsed:?}");
}

#[test]
fn the_header_and_the_extensions_of_an_errors_response_are_used() {
    for (source, message) in [
        (ErrorMessage::header("error-message"), "out of stock"),
        (ErrorMessage::extension(), "shelf 7"),
    ] {
        let taken = format!("409 {message:?}: 1");
        let expected = [r#"400 "": 1"#, r#"404 "": 1"#, &taken, &taken];
        assert_eq!(messages_of_failures(source), expected);
    }
}

#[test]
fn a_closure_returns_the_message_of_a_response() {
    let source = ErrorMessage::from_fn(|head| {
        let reason = head.status.canonical_reason().filter(|_| head.status.as_u16() >= 400)?;
        Some(format!("{reason}, of {} headers", head.headers().len()))
    });
    let conflict = r#"409 "Conflict, of 1 headers": 1"#;
    let failures = messages_of_failures(source);
    assert_eq!(failures.iter().filter(|line| *line == conflict).count(), 2, "{failures:?}");
    assert!(failures.contains(&r#"400 "Bad Request, of 0 headers": 1"#.to_owned()), "{failures:?}");
}

#[test]
fn a_closure_is_called_for_successful_responses_as_well() {
    let server = Server::watched(with(ErrorMessage::from_fn(|_| Some("asked".into()))), |app| {
        app.route("/ok", web::get().to(HttpResponse::Ok));
    });
    server.connect().get("/ok");
    assert_eq!(messages_of_statuses(&server.metrics()), [r#"200 "asked": 1"#]);
}

#[test]
fn a_request_without_a_response_has_no_message() {
    let (begun, begins) = mpsc::channel();
    let source = ErrorMessage::from_fn(|_| Some("an answer's".into()));
    let server = Server::watched(with(source), move |app| {
        waits_for_ever(app, "/slow", &begun);
        app.route(
            "/panic",
            web::get().to(async || -> HttpResponse { panic!("a handler's panic, on purpose") }),
        );
    });
    let mut client = server.connect();
    client.send_request("GET", "/slow", &[]);
    begins.recv_timeout(PATIENCE).expect("the handler begins");
    client.reset();
    let mut client = server.connect();
    client.send_request("GET", "/panic", &[]);
    client.read_to_end();
    assert_eq!(messages_of_statuses(&server.metrics_of(2.0)), [r#"499 "": 1"#, r#"500 "": 1"#]);
}

#[test]
fn a_closure_that_panics_loses_no_request() {
    let source = ErrorMessage::from_fn(|head| {
        assert!(head.status != StatusCode::CONFLICT, "a closure's panic, on purpose");
        None
    });
    let server = Server::watched(with(source), |app| {
        app.route("/taken", web::get().to(async || conflict("already taken")))
            .route("/ok", web::get().to(HttpResponse::Ok));
    });
    let mut client = server.connect();
    client.send_request("GET", "/taken", &[]);
    client.read_to_end();
    assert_eq!(server.connect().get("/ok").status, 200);
    assert_eq!(messages_of_statuses(&server.metrics_of(2.0)), [r#"200 "": 1"#, r#"500 "": 1"#]);
}

// Text.

#[test]
fn a_message_is_truncated_to_120_characters() {
    for character in ["x", "é", "\u{1F980}"] {
        let [long, longer, most, less] =
            [500, 121, 120, 119].map(|length| character.repeat(length));
        let sent = [long.clone(), longer, most.clone(), less.clone()];
        let sources = [
            ErrorMessage::header("error-message"),
            ErrorMessage::extension(),
            ErrorMessage::actix_error(),
            ErrorMessage::from_fn(|head| {
                let text = head.headers().get("error-message")?.as_bytes().to_vec();
                String::from_utf8(text).ok()
            }),
        ];
        for source in sources {
            let monitor = with(source);
            let handle = monitor.monitor();
            let texts = sent.clone();
            let server = Server::watched(monitor, move |app| {
                let texts = texts.clone();
                app.route(
                    "/{number}",
                    web::get().to(move |number: web::Path<usize>| {
                        let text = texts[*number].clone();
                        async move { Err::<HttpResponse, _>(Failure(text)) }
                    }),
                );
            });
            for number in 0..sent.len() {
                assert_eq!(server.connect().get(&format!("/{number}")).status, 418);
            }
            for text in &sent {
                handle.start_dependency_request("db").error_message(text.clone()).fail("error");
            }
            let page = page_of(&handle);
            let expected = BTreeMap::from([(most.clone(), 3.0), (less.clone(), 1.0)]);
            assert_eq!(messages(&page), expected);
            for (message, count) in expected {
                let labels = [("errorMessage", message.as_str())];
                let counted = page.value("dependency_request_seconds_count", &labels);
                assert_eq!(counted, Some(count), "{message}");
            }
        }
    }
}

/// An error whose text is in its display, its header and its extensions.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::IM_A_TEAPOT
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Ok(value) = HeaderValue::from_bytes(self.0.as_bytes()) {
            response.insert_header(("error-message", value));
        }
        let mut response = response.finish();
        response.extensions_mut().insert(ErrorText::new(self.0.clone()));
        response
    }
}

#[test]
fn no_message_can_break_the_page() {
    let hostile = [
        "\"",
        "\\",
        "\\\"",
        "\n",
        "\r\n",
        "\\n",
        "\0",
        "\u{1b}[31m\u{7f}",
        "\n# EOF\n",
        "\"} 1\nforged_total 7\nx{y=\"",
        "\",isError=\"false",
        " # {trace_id=\"x\"} 1",
        "\u{2028}\u{feff}\u{202e}",
        "{}",
        " ",
    ];
    for source in [ErrorMessage::extension(), ErrorMessage::actix_error()] {
        let monitor = with(source);
        let handle = monitor.monitor();
        let server = Server::watched(monitor, move |app| {
            app.route(
                "/{number}",
                web::get().to(move |number: web::Path<usize>| async move {
                    Err::<HttpResponse, _>(Failure(hostile[*number].to_owned()))
                }),
            );
        });
        for (number, message) in hostile.into_iter().enumerate() {
            assert_eq!(server.connect().get(&format!("/{number}")).status, 418);
            handle.start_dependency_request("db").error_message(message).fail("error");
        }
        let page = page_of(&handle);
        assert_eq!(messages(&page), hostile.map(|message| (message.to_owned(), 1.0)).into());
        for message in hostile {
            let labels = [("errorMessage", message), ("status", "error"), ("isError", "true")];
            let counted = page.value("dependency_request_seconds_count", &labels);
            assert_eq!(counted, Some(1.0), "{message:?}");
        }
    }
}

#[test]
fn messages_with_text_of_clients_are_bounded_by_the_series_limit() {
    const LIMIT: usize = 10;
    let monitor = BigBrother::builder()
        .isolated()
        .series_limit(LIMIT)
        .error_message(ErrorMessage::actix_error())
        .build();
    let handle = monitor.monitor();
    let server = Server::watched(monitor, |app| {
        app.route(
            "/{name}",
            web::get().to(async |name: web::Path<String>| {
                Err::<HttpResponse, _>(error::ErrorConflict(format!("{name} is taken")))
            }),
        )
        .default_service(web::to(HttpResponse::NotFound));
    });
    let mut client = server.connect();
    for number in 0..100 {
        assert_eq!(client.get(&format!("/name{number}%00")).status, 409);
    }
    assert_eq!(client.get("/").status, 404);
    let page = page_of(&handle);
    let mut expected: Vec<_> =
        (0..LIMIT).map(|number| format!("409 \"name{number}\\0 is taken\": 1")).collect();
    expected.extend([r#"404 "_overflow": 1"#.to_owned(), r#"409 "_overflow": 90"#.to_owned()]);
    expected.sort();
    assert_eq!(messages_of_statuses(&page), expected);
    let overflowed = page.find("request_seconds_count", &[("errorMessage", "_overflow")]);
    assert!(overflowed.iter().all(|count| count.label("addr") == Some("_overflow")));
}

// The label is shared, the source belongs to each middleware.

fn taken(monitor: BigBrother) -> Server {
    Server::watched(monitor, |app| {
        app.route(
            "/taken",
            web::get().to(async || {
                let mut response = conflict("from the header");
                response.extensions_mut().insert(ErrorText::new("from the extensions"));
                response
            }),
        );
    })
}

#[test]
fn each_middleware_of_a_process_has_its_own_source_or_that_of_the_first() {
    in_a_process_of_its_own(|| {
        let first = BigBrother::builder().error_message(ErrorMessage::header("error-message"));
        let other = BigBrother::builder().error_message(ErrorMessage::extension());
        for builder in [first, other, BigBrother::builder()] {
            assert_eq!(taken(builder.build()).connect().get("/taken").status, 409);
        }
        let handle = Monitor::global().expect("there was a build");
        let expected = [r#"409 "from the extensions": 1"#, r#"409 "from the header": 2"#];
        assert_eq!(messages_of_statuses(&page_of(&handle)), expected);
    });
}

#[test]
fn messages_are_refused_if_the_first_build_has_none() {
    in_a_process_of_its_own(|| {
        let server = taken(BigBrother::builder().build());
        let late = BigBrother::builder().error_message(ErrorMessage::extension());
        let refusal = late.try_build().expect_err("the label set is decided");
        assert!(refusal.to_string().starts_with("error_message: "), "{refusal}");
        server.connect().get("/taken");
        assert_eq!(server.metrics().recorded(), ["409 true GET /taken: 1 of 0 bytes"]);
        let alone = BigBrother::builder().isolated().error_message(ErrorMessage::extension());
        assert_eq!(taken(alone.build()).connect().get("/taken").status, 409);
    });
}
