//! Websockets, which are recorded at their head.

use std::sync::mpsc;

use actix_monitor::{BigBrother, ResponseSize};
use actix_web::middleware::{Compress, Logger};
use actix_web::{App, HttpRequest, HttpResponse, Result, web};
use actix_ws::Message;
use tracing_actix_web::TracingLogger;

use crate::places::{recorded, turn_logs_on};
use crate::support::client::Client;
use crate::support::patience::PATIENCE;
use crate::support::server::Server;

/// Sends each text back and closes the connection when the client asks for it.
async fn echo(
    request: HttpRequest,
    body: web::Payload,
    ended: web::Data<mpsc::Sender<()>>,
) -> Result<HttpResponse> {
    let (response, mut session, mut messages) = actix_ws::handle(&request, body)?;
    actix_web::rt::spawn(async move {
        while let Some(Ok(message)) = messages.recv().await {
            match message {
                Message::Text(text) => session.text(text).await.expect("the client reads"),
                Message::Close(reason) => {
                    session.close(reason).await.expect("the client reads");
                    break;
                }
                _ => {}
            }
        }
        ended.send(()).expect("the test receives");
    });
    Ok(response)
}

#[track_caller]
fn open(server: &Server) -> Client {
    let mut client = server.connect();
    let headers = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("accept-encoding", "gzip"),
    ];
    client.send_request("GET", "/rooms/1", &headers);
    assert_eq!(client.read_head().status, 101);
    client
}

#[test]
fn a_websocket_is_recorded_once_at_its_head_and_without_bytes() {
    turn_logs_on();
    for size in [ResponseSize::Declared, ResponseSize::Sent] {
        let builder = || BigBrother::builder().isolated().requests_in_flight();
        let monitors = [(); 4].map(|()| builder().response_size(size).build());
        let (ended, has_ended) = mpsc::channel();
        let watched = monitors.clone();
        let server = Server::start(1, move || {
            let [a, b, c, d] = watched.clone();
            let room = web::resource("/{id}").route(web::get().to(echo)).wrap(d);
            App::new()
                .app_data(web::Data::new(ended.clone()))
                .service(web::scope("/rooms").service(room).wrap(c))
                .wrap(b)
                .wrap(Compress::default())
                .wrap(Logger::default())
                .wrap(TracingLogger::default())
                .wrap(a)
        });
        let are_recorded = |expected: &[&str]| {
            for monitor in &monitors {
                assert_eq!(recorded(monitor), expected, "{size:?}");
            }
            assert_eq!(server.metrics().total("requests_in_flight"), 0.0);
        };
        let mut client = open(&server);
        are_recorded(&["101 false GET /rooms/{id}: 1 of 0 bytes"]);
        // A text and the end of the conversation, with a mask of zeros.
        client.send(b"\x81\x82\0\0\0\0hi\x88\x80\0\0\0\0");
        assert_eq!(client.read_to_end(), b"\x81\x02hi\x88\x00");
        are_recorded(&["101 false GET /rooms/{id}: 1 of 0 bytes"]);
        let open = [open(&server), open(&server)];
        are_recorded(&["101 false GET /rooms/{id}: 3 of 0 bytes"]);
        open.into_iter().for_each(Client::reset);
        (0..3).for_each(|_| has_ended.recv_timeout(PATIENCE).expect("an end"));
        are_recorded(&["101 false GET /rooms/{id}: 3 of 0 bytes"]);
        // Without the headers of a websocket, it is an ordinary request.
        let refused = server.connect().get("/rooms/1");
        assert_eq!(refused.status, 400);
        let refused = format!("400 true GET /rooms/{{id}}: 1 of {} bytes", refused.body.len());
        are_recorded(&["101 false GET /rooms/{id}: 3 of 0 bytes", &refused]);
    }
}
