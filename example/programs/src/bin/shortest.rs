//! The shortest server with metrics.

use actix_monitor::BigBrother;
use actix_web::{App, HttpServer, web};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let server = HttpServer::new(|| {
        App::new()
            .route("/users/{id}", web::get().to(async || "a user"))
            .wrap(BigBrother::builder().version("v0.1.2").build())
    })
    // Any free port.
    .bind(("127.0.0.1", 0))?;
    println!("http://{}/metrics", server.addrs()[0]);
    server.run().await
}
