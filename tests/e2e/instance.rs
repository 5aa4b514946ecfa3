//! One instance of a service of which the end-to-end suite runs many: a route that
//! calls a dependency, one that fails, one that is slow, and one that blocks its worker.
//!
//! `instance PORT VERSION`

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use actix_monitor::{BigBrother, Dependency, Monitor};
use actix_web::rt::time::sleep;
use actix_web::{App, HttpResponse, HttpServer, web};

#[actix_web::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, version] = arguments.as_slice() else {
        return Err(io::Error::other("usage: instance PORT VERSION"));
    };
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let middleware = BigBrother::builder()
        .isolated()
        .version(version.as_str())
        .blocked_workers()
        .dependency(Dependency::new("stock", || async { true }))
        .build();
    HttpServer::new(move || {
        App::new()
            .route("/orders/{id}", web::get().to(order))
            .route("/fail", web::get().to(HttpResponse::InternalServerError))
            .route("/slow", web::get().to(slow))
            .route("/block", web::get().to(block))
            .wrap(middleware.clone())
    })
    .h1_allow_half_closed(false)
    .workers(1)
    .bind((Ipv4Addr::LOCALHOST, port))?
    .run()
    .await
}

async fn order(monitor: web::Data<Monitor>) -> HttpResponse {
    let call = monitor.start_dependency_request("stock").kind("sql").method("SELECT");
    let found: Result<&str, io::Error> =
        call.addr("order by id").time(async { Ok("an order") }).await;
    found.map_or_else(
        |_| HttpResponse::BadGateway().finish(),
        |order| HttpResponse::Ok().body(order),
    )
}

async fn slow() -> HttpResponse {
    sleep(Duration::from_secs(1)).await;
    HttpResponse::Ok().finish()
}

async fn block() -> HttpResponse {
    std::thread::sleep(Duration::from_millis(200));
    HttpResponse::Ok().finish()
}
