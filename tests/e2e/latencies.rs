//! A service with native histograms for the end-to-end suite. It records durations that the
//! suite chooses, and delays responses.
//!
//! `latencies PORT`

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use actix_monitor::{BigBrother, Monitor};
use actix_web::rt::time::sleep;
use actix_web::{App, HttpResponse, HttpServer, web};

#[actix_web::main]
async fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let port: u16 = port.ok_or_else(|| io::Error::other("usage: latencies PORT"))?;
    let middleware = BigBrother::builder()
        .isolated()
        .version("v1")
        .native_histograms()
        .exclude("/record/*")
        .build();
    HttpServer::new(move || {
        App::new()
            .wrap(middleware.clone())
            .app_data(web::PayloadConfig::new(16 << 20))
            .route("/record/{addr}", web::post().to(record))
            .route("/delay/{millis}", web::get().to(delay))
    })
    .workers(2)
    .bind((Ipv4Addr::LOCALHOST, port))?
    .run()
    .await
}

/// Records a request and a call to a dependency for each line of the body, in nanoseconds.
async fn record(
    monitor: web::Data<Monitor>,
    addr: web::Path<String>,
    body: String,
) -> HttpResponse {
    for nanos in body.lines() {
        let Ok(nanos) = nanos.parse() else { return HttpResponse::BadRequest().finish() };
        let duration = Duration::from_nanos(nanos);
        monitor.start_request("test").addr(addr.clone()).duration(duration).finish("ok");
        let call = monitor.start_dependency_request("db").addr(addr.clone());
        call.duration(duration).finish("ok");
    }
    HttpResponse::Ok().finish()
}

async fn delay(millis: web::Path<u64>) -> HttpResponse {
    sleep(Duration::from_millis(*millis)).await;
    HttpResponse::Ok().finish()
}
