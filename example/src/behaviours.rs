//! Routes whose responses differ from ordinary ones: an error, a slow response, a
//! stream, and one that blocks its worker.

use std::convert::Infallible;
use std::thread;
use std::time::Duration;

use actix_web::rt::time::sleep;
use actix_web::{HttpResponse, web};
use futures_util::{Stream, stream};

use crate::failure::Failure;

const CHUNKS: u32 = 5;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/fail", web::get().to(fail))
        .route("/slow", web::get().to(slow))
        .route("/stream", web::get().to(stream))
        .route("/blocking", web::get().to(blocking))
        .route("/offloaded", web::get().to(offloaded));
}

async fn fail() -> Result<HttpResponse, Failure> {
    Err(Failure::OnPurpose)
}

async fn slow() -> &'static str {
    // Between the bucket bounds 0.3 and 1.5 seconds.
    sleep(Duration::from_millis(400)).await;
    "a slow response\n"
}

/// Ends 0.2 seconds after its head; the recorded duration includes them.
async fn stream() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").streaming(chunks())
}

/// Wrong on purpose: all connections of the worker wait meanwhile. The monitor counts it in
/// `worker_blocked_total`.
async fn blocking() -> &'static str {
    synchronous_call()
}

/// The same work on a thread for work that blocks: the worker goes on serving.
async fn offloaded() -> Result<&'static str, Failure> {
    Ok(web::block(synchronous_call).await?)
}

/// Stands for a query of a synchronous database driver, or for hashing a password.
fn synchronous_call() -> &'static str {
    thread::sleep(Duration::from_millis(200));
    "done\n"
}

fn chunks() -> impl Stream<Item = Result<web::Bytes, Infallible>> {
    stream::unfold(1..=CHUNKS, |mut left| async move {
        let number = left.next()?;
        sleep(Duration::from_millis(40)).await;
        let chunk = format!("chunk {number} of {CHUNKS}\n");
        Some((Ok(chunk.into()), left))
    })
}
