//! Traffic that the service sends to itself over real connections: successes and
//! errors, slow responses, and clients that disconnect.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::rt::net::TcpStream;
use actix_web::rt::time::sleep;
use awc::{Client, ClientRequest, SendClientRequest};
use futures_util::future::join3;
use serde::{Deserialize, Serialize};

/// Above this number the oldest note is removed, which bounds the size of the file.
const MAX_NOTES: usize = 10;

/// The header with which the traffic is recorded under a label of its own.
pub(crate) const CLIENT: (&str, &str) = ("x-client", "traffic");

/// A path that is listed twice is requested twice as often.
const READS: [&str; 7] = [
    "/",
    "/api/notes",
    "/api/notes",
    "/api/quote",
    "/api/stream",
    "/api/notes/999999999",
    "/api/notes?page=2",
];

#[derive(Serialize)]
struct Draft<'a> {
    text: &'a str,
}

#[derive(Deserialize)]
struct Stored {
    id: i64,
}

struct Caller {
    http: Client,
    service: SocketAddr,
}

/// Runs three loops at once, so that slow requests do not delay the others.
pub(crate) async fn run(service: SocketAddr) {
    let caller =
        Caller { http: Client::builder().timeout(Duration::from_secs(5)).finish(), service };
    join3(read(&caller), write(&caller), misbehave(&caller)).await;
}

async fn read(caller: &Caller) {
    for path in READS.iter().cycle() {
        caller.get(path).await;
        sleep(Duration::from_millis(60)).await;
    }
}

async fn write(caller: &Caller) {
    let mut kept = VecDeque::new();
    for number in 1_u64.. {
        kept.extend(caller.add(&format!("note {number} of the traffic")).await);
        if let Some(&newest) = kept.back() {
            caller.show(newest).await;
            caller.change(newest, "a changed note").await;
        }
        if kept.len() > MAX_NOTES
            && let Some(oldest) = kept.pop_front()
        {
            caller.remove(oldest).await;
        }
        sleep(Duration::from_millis(250)).await;
    }
}

async fn misbehave(caller: &Caller) {
    for number in 1_u64.. {
        caller.get("/api/slow").await;
        caller.get("/api/fail").await;
        caller.get(&format!("/no/such/route/{number}")).await;
        caller.post_malformed().await;
        let _ = caller.disconnect().await;
        sleep(Duration::from_millis(500)).await;
    }
}

impl Caller {
    async fn get(&self, path: &str) {
        receive(self.request(Method::GET, path).send()).await;
    }

    async fn add(&self, text: &str) -> Option<i64> {
        let request = self.request(Method::POST, "/api/notes");
        let mut response = request.send_json(&Draft { text }).await.ok()?;
        let stored: Stored = response.json().await.ok()?;
        Some(stored.id)
    }

    async fn show(&self, id: i64) {
        receive(self.request(Method::GET, &note(id)).send()).await;
    }

    async fn change(&self, id: i64, text: &str) {
        receive(self.request(Method::PUT, &note(id)).send_json(&Draft { text })).await;
    }

    async fn remove(&self, id: i64) {
        receive(self.request(Method::DELETE, &note(id)).send()).await;
    }

    async fn post_malformed(&self) {
        let request = self.request(Method::POST, "/api/notes").content_type("application/json");
        receive(request.send_body(r#"{"text": "#)).await;
    }

    /// Closes the connection before the response, which takes 0.4 seconds.
    async fn disconnect(&self) -> io::Result<()> {
        let request = format!(
            "GET /api/slow HTTP/1.1\r\nHost: {}\r\ntraceparent: {}\r\n{}: {}\r\n\r\n",
            self.service,
            traceparent(),
            CLIENT.0,
            CLIENT.1,
        );
        let connection = TcpStream::connect(self.service).await?;
        connection.writable().await?;
        connection.try_write(request.as_bytes())?;
        sleep(Duration::from_millis(100)).await;
        Ok(())
    }

    fn request(&self, method: Method, path: &str) -> ClientRequest {
        let url = format!("http://{}{path}", self.service);
        let request = self.http.request(method, url).insert_header(CLIENT);
        request.insert_header(("traceparent", traceparent()))
    }
}

fn note(id: i64) -> String {
    format!("/api/notes/{id}")
}

/// A sampled trace context with random ids, which the monitor shows as an exemplar.
fn traceparent() -> String {
    let random = RandomState::new();
    let [high, low, parent] = [1, 2, 3].map(|part| random.hash_one(part));
    format!("00-{high:016x}{low:016x}-{parent:016x}-01")
}

/// Reads the whole response, without which the connection cannot be reused. Errors
/// are ignored: the service records them.
async fn receive(request: SendClientRequest) {
    if let Ok(mut response) = request.await {
        let _ = response.body().await;
    }
}
