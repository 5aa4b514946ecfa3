//! Mixed traffic of the service to itself, over real connections: good and bad
//! requests, slow and abandoned ones, so that each part of the page lives.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use actix_web::rt::time::sleep;
use awc::{Client, SendClientRequest};
use futures_util::future::join3;
use serde::{Deserialize, Serialize};

/// The oldest is removed past this many, so that the file does not grow.
const NOTES_KEPT: usize = 10;

/// What is listed twice is asked for twice as often.
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

/// Three loops at once: the slow requests must not slow the others down.
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
            caller.change(newest, "a second thought").await;
        }
        if kept.len() > NOTES_KEPT
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
        caller.get(&format!("/nobody/knows/{number}")).await;
        caller.post_broken().await;
        let _ = caller.hang_up().await;
        sleep(Duration::from_millis(500)).await;
    }
}

impl Caller {
    async fn get(&self, path: &str) {
        finish(self.http.get(self.url(path)).send()).await;
    }

    async fn add(&self, text: &str) -> Option<i64> {
        let request = self.http.post(self.url("/api/notes"));
        let mut answer = request.send_json(&Draft { text }).await.ok()?;
        let stored: Stored = answer.json().await.ok()?;
        Some(stored.id)
    }

    async fn show(&self, id: i64) {
        finish(self.http.get(self.note(id)).send()).await;
    }

    async fn change(&self, id: i64, text: &str) {
        let request = self.http.put(self.note(id));
        finish(request.send_json(&Draft { text })).await;
    }

    async fn remove(&self, id: i64) {
        finish(self.http.delete(self.note(id)).send()).await;
    }

    async fn post_broken(&self) {
        let request = self.http.post(self.url("/api/notes"));
        let request = request.content_type("application/json");
        finish(request.send_body(r#"{"text": "#)).await;
    }

    /// Goes away before the second answer, with the first one unread: that makes
    /// the system reset the connection, and a reset is noticed at once.
    async fn hang_up(&self) -> io::Result<()> {
        let connection = TcpStream::connect(self.service).await?;
        connection.writable().await?;
        for path in ["/", "/api/slow"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.service);
            connection.try_write(request.as_bytes())?;
        }
        sleep(Duration::from_millis(100)).await;
        Ok(())
    }

    fn note(&self, id: i64) -> String {
        self.url(&format!("/api/notes/{id}"))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.service)
    }
}

/// A failed call is part of the traffic and seen on the page. The body is read,
/// for without its end the connection could not be used again.
async fn finish(request: SendClientRequest) {
    if let Ok(mut answer) = request.await {
        let _ = answer.body().await;
    }
}
