//! Outgoing calls of awc and reqwest, which are recorded with the same labels.

use std::future::pending;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix_monitor::{
    AddrTemplate, BigBrother, ClientMonitor, Dependency, DependencyStatus, Format, Monitor,
};
use actix_web::body::BodySize;
use actix_web::dev::fn_service;
use actix_web::http::StatusCode;
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpResponse, web};
use futures_util::future::{Either, select};
use reqwest_middleware::reqwest;

use crate::support::checks::{state_of, wait_for_result};
use crate::support::child::in_a_process_of_its_own;
use crate::support::journal;
use crate::support::oracle::page_of;
use crate::support::page::Sample;
use crate::support::patience::PATIENCE;
use crate::support::server::{Runtime, Server, monitor, run};
use crate::support::services::{controlled_bodies, waits_for_ever};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Client {
    Awc,
    Reqwest,
}

/// A timeout that a call to a silent service always reaches.
const SHORT: Duration = Duration::from_millis(150);

const BOTH: [Client; 2] = [Client::Awc, Client::Reqwest];

impl Client {
    /// The status of the response, or the error of the client.
    async fn send(self, watched: ClientMonitor, method: &str, url: &str) -> Result<u16, String> {
        self.send_within(PATIENCE, watched, method, url).await
    }

    async fn send_within(
        self,
        timeout: Duration,
        watched: ClientMonitor,
        method: &str,
        url: &str,
    ) -> Result<u16, String> {
        match self {
            Self::Awc => {
                let client = awc::Client::builder().timeout(timeout).wrap(watched).finish();
                let method = actix_web::http::Method::from_bytes(method.as_bytes());
                let request = client.request(method.expect("a method"), url);
                request.send().await.map(|answer| answer.status().as_u16()).map_err(debug)
            }
            Self::Reqwest => {
                let client = reqwest::Client::builder().no_proxy().timeout(timeout).build();
                let client = reqwest_middleware::ClientBuilder::new(client.expect("a client"));
                let client = client.with(watched).build();
                let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
                let answer = client.request(method, url).send().await;
                answer.map(|answer| answer.status().as_u16()).map_err(debug)
            }
        }
    }

    /// One call on a runtime of its own.
    fn call(self, watched: ClientMonitor, method: &str, url: &str) -> Result<u16, String> {
        run(Runtime::Actix, self.send(watched, method, url))
    }
}

fn debug(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

fn handle() -> web::Data<Monitor> {
    monitor().monitor()
}

/// A sorted line for each series of calls, its values in the order of the page.
fn recorded(monitor: &Monitor) -> Vec<String> {
    let page = page_of(monitor);
    let line = |count: &&Sample| {
        let values: Vec<_> = count.labels.iter().map(|(_, value)| value.as_str()).collect();
        format!("{}: {}", values.join(" "), count.value)
    };
    let counts = page.find("dependency_request_seconds_count", &[]);
    let mut lines: Vec<_> = counts.iter().map(line).collect();
    lines.sort();
    lines
}

fn up(monitor: &Monitor) -> Option<f64> {
    page_of(monitor).value("dependency_up", &[("name", "api")])
}

/// A service whose status the client chooses.
fn chosen_status() -> Server {
    Server::start(1, || {
        App::new().route(
            "/status/{status}",
            web::to(async |status: web::Path<u16>| {
                HttpResponse::build(StatusCode::from_u16(*status).expect("a status")).finish()
            }),
        )
    })
}

/// The URL of a service that does not listen.
fn nobody() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    format!("http://{}/x", listener.local_addr().expect("its address"))
}

/// The URL of a service that reads the head of a request, sends `answer` and closes the
/// connection.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0)
            {
                head.push(byte[0]);
            }
            drop(stream.write_all(answer));
        }
    });
    format!("http://{address}/x")
}

// Responses.

#[test]
fn a_call_is_recorded_with_its_method_and_the_status_of_its_response() {
    let server = chosen_status();
    for client in BOTH {
        let monitor = handle();
        for (method, status) in
            [("GET", 200), ("GET", 200), ("POST", 201), ("PUT", 404), ("DELETE", 499), ("GET", 503)]
        {
            let url = server.url(&format!("/status/{status}"));
            let answer = client.call(ClientMonitor::new(&monitor, "api"), method, &url);
            assert_eq!(answer, Ok(status), "{client:?}");
        }
        assert_eq!(
            recorded(&monitor),
            [
                "api http 200 false GET unknown: 2",
                "api http 201 false POST unknown: 1",
                "api http 404 true PUT unknown: 1",
                "api http 499 true DELETE unknown: 1",
                "api http 503 true GET unknown: 1",
            ],
            "{client:?}"
        );
        assert_eq!(up(&monitor), None, "nobody asked for it");
    }
}

#[test]
fn methods_that_http_does_not_define_share_one_label() {
    let server = chosen_status();
    for client in BOTH {
        let monitor = handle();
        for method in ["PURGE", "get", "X1", "PATCH"] {
            let watched = ClientMonitor::new(&monitor, "api");
            assert_eq!(client.call(watched, method, &server.url("/status/200")), Ok(200));
        }
        let expected =
            ["api http 200 false PATCH unknown: 1", "api http 200 false _OTHER unknown: 3"];
        assert_eq!(recorded(&monitor), expected, "{client:?}");
    }
}

#[test]
fn many_calls_at_once_are_counted_exactly() {
    let server = chosen_status();
    for client in BOTH {
        let monitor = handle();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let url = server.url("/status/200");
                    run(Runtime::Actix, async {
                        let watched = ClientMonitor::new(&monitor, "api");
                        let calls = (0..25).map(|_| client.send(watched.clone(), "GET", &url));
                        let answers = futures_util::future::join_all(calls).await;
                        assert!(answers.iter().all(|answer| *answer == Ok(200)), "{answers:?}");
                    });
                });
            }
        });
        assert_eq!(recorded(&monitor), ["api http 200 false GET unknown: 100"], "{client:?}");
    }
}

#[test]
fn a_call_ends_with_the_head_of_its_response() {
    let (controls, routes) = controlled_bodies(BodySize::Stream);
    let server = Server::start(1, move || App::new().configure(routes.clone()));
    for client in BOTH {
        let monitor = handle();
        let started = Instant::now();
        // The body has not ended.
        let answer =
            client.call(ClientMonitor::new(&monitor, "api"), "GET", &server.url("/body/1"));
        let took = started.elapsed().as_secs_f64();
        assert_eq!(answer, Ok(200));
        let page = page_of(&monitor);
        assert_eq!(page.total("dependency_request_seconds_count"), 1.0, "{client:?}");
        let sum = page.total("dependency_request_seconds_sum");
        assert!(0.0 < sum && sum <= took, "{client:?}: {sum} of {took}");
        drop(controls.recv_timeout(PATIENCE).expect("the handler begins"));
    }
}

// The addr.

#[test]
fn the_addr_is_the_clients_template_and_never_the_raw_path() {
    let server = chosen_status();
    for client in BOTH {
        let monitor = handle();
        for _ in 0..2 {
            let watched = ClientMonitor::new(&monitor, "api").addr("/status/{status}");
            client.call(watched, "GET", &server.url("/status/200?secret=1")).expect("an answer");
        }
        client
            .call(ClientMonitor::new(&monitor, "api"), "GET", &server.url("/status/201"))
            .expect("an answer");
        let expected =
            ["api http 200 false GET /status/{status}: 2", "api http 201 false GET unknown: 1"];
        assert_eq!(recorded(&monitor), expected, "{client:?}");
        assert!(!page_of(&monitor).text.contains("/status/2"));
    }
}

#[test]
fn the_addr_can_be_derived_from_the_method_and_the_path_of_each_call() {
    let server = chosen_status();
    for client in BOTH {
        let monitor = handle();
        let watched =
            ClientMonitor::new(&monitor, "api").addr("overruled").addr_from(|method, path| {
                match path {
                    "/status/200" => format!("{method} good").into(),
                    _ => "other".into(),
                }
            });
        for (method, path) in
            [("GET", "/status/200"), ("PUT", "/status/200?x=/status/404"), ("GET", "/status/404")]
        {
            client.call(watched.clone(), method, &server.url(path)).expect("an answer");
        }
        let expected = [
            "api http 200 false GET GET good: 1",
            "api http 200 false PUT PUT good: 1",
            "api http 404 true GET other: 1",
        ];
        assert_eq!(recorded(&monitor), expected, "{client:?}");
    }
}

#[test]
fn a_request_of_reqwest_can_have_its_own_template() {
    let server = chosen_status();
    let monitor = handle();
    run(Runtime::Actix, async {
        let plain = reqwest::Client::builder().no_proxy().build().expect("a client");
        let client = reqwest_middleware::ClientBuilder::new(plain)
            .with(ClientMonitor::new(&monitor, "api").addr("the client's"))
            .build();
        for (path, template) in [("/status/200", Some("/status/{good}")), ("/status/404", None)] {
            let mut request = client.get(server.url(path));
            if let Some(template) = template {
                request = request.with_extension(AddrTemplate::new(template));
            }
            request.send().await.expect("an answer");
        }
    });
    let expected =
        ["api http 200 false GET /status/{good}: 1", "api http 404 true GET the client's: 1"];
    assert_eq!(recorded(&monitor), expected);
}

#[test]
fn addrs_past_the_limit_are_overflow() {
    let server = chosen_status();
    for client in BOTH {
        let monitor = BigBrother::builder().isolated().series_limit(1).build().monitor();
        let watched =
            ClientMonitor::new(&monitor, "api").addr_from(|_, path| path.to_owned().into());
        for status in [200, 201, 200] {
            let url = server.url(&format!("/status/{status}"));
            client.call(watched.clone(), "GET", &url).expect("an answer");
        }
        let expected =
            ["api http 200 false GET /status/200: 2", "api http 201 false GET _overflow: 1"];
        assert_eq!(recorded(&monitor), expected, "{client:?}");
    }
}

// Calls without a response.

#[test]
fn a_service_that_does_not_listen_is_unreachable() {
    for client in BOTH {
        let monitor = handle();
        let watched = ClientMonitor::new(&monitor, "api").addr("/x").dependency_up();
        client.call(watched, "GET", &nobody()).expect_err("nobody listens");
        assert_eq!(recorded(&monitor), ["api http unreachable true GET /x: 1"], "{client:?}");
        assert_eq!(up(&monitor), Some(0.0), "{client:?}");
    }
}

#[test]
fn a_response_that_is_not_http_or_breaks_off_is_a_bad_answer() {
    let answers: [&[u8]; 6] = [
        b"no HTTP at all\r\n\r\n",
        b"\x00\x01\x02\xff\xfe garbage \r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1",
        b"",
    ];
    for client in BOTH {
        for answer in answers {
            let monitor = handle();
            let watched = ClientMonitor::new(&monitor, "api").dependency_up();
            let said = client.call(watched, "GET", &answering(answer)).expect_err("no answer");
            let expected = ["api http bad_answer true GET unknown: 1"];
            let answer = String::from_utf8_lossy(answer);
            assert_eq!(recorded(&monitor), expected, "{client:?} after {answer:?}: {said}");
            assert_eq!(up(&monitor), Some(0.0), "{client:?} after {answer:?}");
        }
    }
}

/// A service whose handler never returns, and a message for each request.
fn silent() -> (Server, mpsc::Receiver<()>) {
    let (begun, begins) = mpsc::channel();
    let server =
        Server::start(1, move || App::new().configure(|app| waits_for_ever(app, "/slow", &begun)));
    (server, begins)
}

#[test]
fn a_timeout_of_the_client_is_recorded_as_timeout_or_cancelled() {
    // The timeout of awc drops the call, which is recorded as cancelled.
    for (client, word, is_up) in
        [(Client::Awc, "cancelled", None), (Client::Reqwest, "timeout", Some(0.0))]
    {
        let (server, _begins) = silent();
        let monitor = handle();
        let watched = ClientMonitor::new(&monitor, "api").dependency_up();
        let url = server.url("/slow");
        let answer = run(Runtime::Actix, client.send_within(SHORT, watched, "GET", &url));
        answer.expect_err("it took too long");
        assert_eq!(recorded(&monitor), [format!("api http {word} true GET unknown: 1")]);
        assert_eq!(up(&monitor), is_up, "{client:?}");
        let sum = page_of(&monitor).total("dependency_request_seconds_sum");
        assert!(sum >= 0.1, "{client:?} waited {sum}");
    }
}

#[test]
fn the_time_limit_of_awcs_connector_is_recorded_as_timeout() {
    let monitor = handle();
    run(Runtime::Actix, async {
        let never = fn_service(async |_| pending().await);
        let connector = awc::Connector::new().connector::<_, TcpStream>(never).timeout(SHORT);
        let client = awc::Client::builder().connector(connector).timeout(PATIENCE);
        let client = client.wrap(ClientMonitor::new(&monitor, "api").dependency_up()).finish();
        let answer = client.get("http://127.0.0.1/x").send().await.map_err(debug);
        assert_eq!(answer.err().as_deref(), Some("Connect(Timeout)"));
    });
    assert_eq!(recorded(&monitor), ["api http timeout true GET unknown: 1"]);
    assert_eq!(up(&monitor), Some(0.0));
}

#[test]
fn a_call_that_is_dropped_is_cancelled_and_does_not_change_the_dependency() {
    for client in BOTH {
        let (server, begins) = silent();
        let monitor = handle();
        let watched = ClientMonitor::new(&monitor, "api").dependency_up();
        run(Runtime::Actix, async {
            let url = server.url("/slow");
            let call = Box::pin(client.send(watched, "GET", &url));
            let begun = actix_web::rt::task::spawn_blocking(move || {
                begins.recv_timeout(PATIENCE).expect("the handler begins");
            });
            let Either::Right((begun, call)) = select(call, begun).await else {
                panic!("an answer of a handler that never answers");
            };
            begun.expect("the handler has begun");
            assert!(recorded(&monitor).is_empty(), "it is under way");
            drop(call);
        });
        assert_eq!(recorded(&monitor), ["api http cancelled true GET unknown: 1"], "{client:?}");
        assert_eq!(up(&monitor), None, "{client:?}");
    }
}

// The state of the dependency.

#[test]
fn the_gauge_follows_the_results_of_calls() {
    let server = chosen_status();
    for client in BOTH {
        let monitor = handle();
        let watched = ClientMonitor::new(&monitor, "api").dependency_up();
        assert_eq!(up(&monitor), None, "nothing is known before the first call");
        for (status, is_up) in
            [(200, 1.0), (503, 0.0), (404, 1.0), (500, 0.0), (304, 1.0), (599, 0.0), (499, 1.0)]
        {
            let url = server.url(&format!("/status/{status}"));
            assert_eq!(client.call(watched.clone(), "GET", &url), Ok(status));
            assert_eq!(up(&monitor), Some(is_up), "{client:?} after {status}");
        }
        client.call(watched.clone(), "GET", &nobody()).expect_err("nobody listens");
        assert_eq!(up(&monitor), Some(0.0), "{client:?}");
        client.call(watched, "GET", &server.url("/status/200")).expect("an answer");
        assert_eq!(up(&monitor), Some(1.0), "{client:?}");
    }
}

#[test]
fn the_state_has_the_reason_and_is_never_critical() {
    let server = chosen_status();
    for client in BOTH {
        let monitor = handle();
        let watched = ClientMonitor::new(&monitor, "api").dependency_up();
        client.call(watched, "GET", &server.url("/status/503")).expect("an answer");
        let states = monitor.dependencies();
        let [state] = &states[..] else { panic!("{states:?}") };
        assert_eq!((state.name(), state.is_critical()), ("api", false));
        assert_eq!(state.status(), DependencyStatus::Down);
        assert_eq!((state.reason(), state.last_duration()), (Some("answer with status 503"), None));
        assert!(state.since().is_some());
    }
}

/// The error text of an HTTP client contains the URL.
#[test]
fn a_reason_is_a_fixed_sentence_without_the_url() {
    const SECRETS: &str = "x/SECRET?api_key=SECRET";
    journal::start();
    let (silent, _begins) = silent();
    let cases = [
        (nobody(), "no connection"),
        (answering(b"no HTTP at all\r\n\r\n"), "answer that is not HTTP or breaks off"),
        (answering(b"HTTP/1.1 503 No\r\n\r\n"), "answer with status 503"),
        (silent.url("/slow"), "no answer in time"),
    ];
    for client in BOTH {
        for (address, reason) in &cases {
            // The timeout of awc drops the call, which does not change the state.
            if client == Client::Awc && *reason == "no answer in time" {
                continue;
            }
            let name = format!("{client:?} without {reason}");
            let monitor = handle();
            let watched = ClientMonitor::new(&monitor, name.clone()).dependency_up();
            let url = match address.strip_suffix("/slow") {
                Some(_) => format!("{address}?api_key=SECRET"),
                None => format!("{address}/{SECRETS}").replace("://", "://user:SECRET@"),
            };
            let timeout = if *reason == "no answer in time" { SHORT } else { PATIENCE };
            let call = client.send_within(timeout, watched, "GET", &url);
            drop(run(Runtime::Actix, call));
            assert_eq!(state_of(&monitor, &name).reason(), Some(*reason), "{name}");
            let page = monitor.encode(Format::Text);
            assert!(!page.contains("SECRET"), "{page}");
            let line = format!("WARN dependency {name:?} is down: {reason}");
            assert!(journal::lines("actix_monitor").contains(&line), "{line}");
        }
    }
    let lines = journal::lines("actix_monitor");
    assert!(!lines.iter().any(|line| line.contains("SECRET")), "{lines:?}");
}

#[test]
fn two_clients_of_one_dependency_share_one_gauge() {
    let server = chosen_status();
    let monitor = handle();
    let [awc, reqwest] =
        BOTH.map(|client| (client, ClientMonitor::new(&monitor, "api").dependency_up()));
    for ((client, watched), status, is_up) in [
        (&awc, 200, 1.0),
        (&reqwest, 500, 0.0),
        (&awc, 200, 1.0),
        (&awc, 502, 0.0),
        (&reqwest, 200, 1.0),
    ] {
        let url = server.url(&format!("/status/{status}"));
        client.call(watched.clone(), "GET", &url).expect("an answer");
        assert_eq!(up(&monitor), Some(is_up));
    }
}

#[test]
fn if_there_is_a_check_it_alone_decides() {
    let server = chosen_status();
    for client in BOTH {
        for (verdict, gauge) in [(true, 1.0), (false, 0.0)] {
            let check = move || std::future::ready(verdict);
            let check = Dependency::new("api", check).every(Duration::from_secs(3_600));
            let monitor = BigBrother::builder().isolated().dependency(check).build().monitor();
            wait_for_result(&monitor, "api");
            let watched = ClientMonitor::new(&monitor, "api").dependency_up();
            for status in [200, 503] {
                let url = server.url(&format!("/status/{status}"));
                client.call(watched.clone(), "GET", &url).expect("an answer");
                assert_eq!(up(&monitor), Some(gauge), "{client:?} after {status}");
            }
            client.call(watched, "GET", &nobody()).expect_err("nobody listens");
            assert_eq!(up(&monitor), Some(gauge), "{client:?}");
            assert_eq!(monitor.dependencies().len(), 1);
        }
    }
}

#[test]
fn a_check_that_is_added_later_decides_from_then_on() {
    in_a_process_of_its_own(|| {
        let server = chosen_status();
        let monitor = BigBrother::builder().build().monitor();
        let watched = ClientMonitor::new(&monitor, "api").dependency_up();
        let call = |status: u16| {
            let url = server.url(&format!("/status/{status}"));
            Client::Awc.call(watched.clone(), "GET", &url).expect("an answer");
        };
        call(503);
        assert_eq!(up(&monitor), Some(0.0));
        let check = Dependency::new("api", || async { true }).every(Duration::from_secs(3_600));
        let _later = BigBrother::builder().dependency(check).build();
        wait_for_result(&monitor, "api");
        assert_eq!(up(&monitor), Some(1.0));
        call(503);
        assert_eq!(up(&monitor), Some(1.0));
        assert_eq!(monitor.dependencies().len(), 1);
        assert!(recorded(&monitor).contains(&"api http 503 true GET unknown: 2".to_owned()));
    });
}
