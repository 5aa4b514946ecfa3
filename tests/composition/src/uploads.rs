//! Uploads in several parts, whole and broken.

use std::sync::mpsc;

use actix_monitor::BigBrother;
use actix_multipart::Multipart;
use actix_web::{App, Error, HttpResponse, web};
use futures_util::TryStreamExt as _;

use crate::places::recorded;
use crate::support::client::Client;
use crate::support::patience::{PATIENCE, eventually};
use crate::support::server::{Server, monitor};

/// A form of two files of five bytes.
const FORM: &str = "--edge\r\n\
    content-disposition: form-data; name=\"a\"\r\n\r\n12345\r\n\
    --edge\r\n\
    content-disposition: form-data; name=\"b\"\r\n\r\n67890\r\n\
    --edge--\r\n";

/// A server with monitors on the app, a scope and a resource. Its handler sends a message when
/// it has the first part.
fn server() -> (Server, [BigBrother; 3], mpsc::Receiver<()>) {
    let (begun, has_begun) = mpsc::channel();
    let monitors = [(); 3].map(|()| monitor());
    let watched = monitors.clone();
    let server = Server::start(1, move || {
        let [app, scope, resource] = watched.clone();
        let begun = begun.clone();
        let upload = move |form| upload(form, begun.clone());
        let uploads = web::resource("/{id}").route(web::post().to(upload)).wrap(resource);
        App::new().service(web::scope("/uploads").service(uploads).wrap(scope)).wrap(app)
    });
    (server, monitors, has_begun)
}

async fn upload(mut form: Multipart, begun: mpsc::Sender<()>) -> Result<HttpResponse, Error> {
    let mut bytes = 0;
    while let Some(mut part) = form.try_next().await? {
        begun.send(()).expect("the test receives");
        while let Some(chunk) = part.try_next().await? {
            bytes += chunk.len();
        }
    }
    Ok(HttpResponse::Created().body(bytes.to_string()))
}

/// Begins an upload of `length` bytes and sends `form`.
fn send(server: &Server, form: &str, length: usize) -> Client {
    let mut client = server.connect();
    let headers = [
        ("content-type", "multipart/form-data; boundary=edge"),
        ("content-length", &*length.to_string()),
    ];
    client.send_request("POST", "/uploads/1", &headers);
    client.send(form);
    client
}

#[test]
fn uploads_that_are_whole_or_end_early() {
    let (server, monitors, _begun) = server();
    let whole = send(&server, FORM, FORM.len()).read_response();
    assert_eq!((whole.status, &*whole.text()), (201, "10"));
    // A form without its last part, a client that stops sending, and a request without a form.
    let cut = &FORM[..60];
    let mut stops = send(&server, cut, FORM.len());
    stops.finish_sending();
    let bytes = [
        send(&server, cut, cut.len()).read_response(),
        stops.read_response(),
        server.connect().request("POST", "/uploads/1", &[]),
    ]
    .map(|response| {
        assert_eq!(response.status, 400);
        response.body.len()
    });
    let expected = [
        "201 false POST /uploads/{id}: 1 of 2 bytes".to_owned(),
        format!("400 true POST /uploads/{{id}}: 3 of {} bytes", bytes.iter().sum::<usize>()),
    ];
    for monitor in &monitors {
        assert_eq!(recorded(monitor), expected);
    }
}

/// Whether actix drops the handler or gives it an error depends on what it reads first.
#[test]
fn an_upload_whose_client_disconnects_is_recorded_once() {
    let (server, monitors, begun) = server();
    let client = send(&server, &FORM[..60], FORM.len());
    begun.recv_timeout(PATIENCE).expect("the first part");
    client.reset();
    for monitor in &monitors {
        let lines = eventually("the upload is recorded", || {
            Some(recorded(monitor)).filter(|lines| !lines.is_empty())
        });
        let [line] = &lines[..] else { panic!("once: {lines:?}") };
        let is_dropped = line == "499 true POST /uploads/{id}: 1 of 0 bytes";
        assert!(is_dropped || line.starts_with("400 true POST /uploads/{id}: 1 of "), "{line}");
    }
}
