//! The page on a port of its own, which only the scraper can reach.

use actix_monitor::{BigBrother, metrics, readiness_with_reasons};
use actix_web::{App, HttpServer, web};
use futures_util::future::try_join;

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let public = HttpServer::new(|| {
        App::new()
            .route("/", web::get().to(async || "hello"))
            .wrap(BigBrother::builder().no_endpoint().build())
    })
    .bind(("127.0.0.1", 0))?;
    // The handlers serve the monitor of the process, which the first build creates.
    let private = HttpServer::new(|| {
        App::new()
            .route("/metrics", web::get().to(metrics))
            .route("/ready", web::get().to(readiness_with_reasons))
    })
    .workers(1)
    .bind(("127.0.0.1", 0))?;
    println!("http://{}/", public.addrs()[0]);
    println!("http://{}/metrics", private.addrs()[0]);
    try_join(public.run(), private.run()).await?;
    Ok(())
}
