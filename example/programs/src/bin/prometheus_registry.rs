//! An app with metrics in the `prometheus` crate, shown on the same page.

use actix_monitor::BigBrother;
use actix_web::{App, HttpResponse, HttpServer, web};
use prometheus::{IntCounterVec, register_int_counter_vec};

async fn order(orders: web::Data<IntCounterVec>, country: web::Path<String>) -> HttpResponse {
    // A label value that clients choose makes a series for each value: only known ones.
    let country = if country.as_str() == "br" { "br" } else { "other" };
    orders.with_label_values(&[country]).inc();
    HttpResponse::Created().finish()
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    // In the default registry, which libraries use as well.
    let orders = register_int_counter_vec!("orders_total", "Orders taken", &["country"])
        .map_err(std::io::Error::other)?;
    let orders = web::Data::new(orders);
    let server = HttpServer::new(move || {
        // Each worker calls this; the key makes it one source.
        let monitor = BigBrother::builder()
            .attach("prometheus", prometheus::default_registry().clone())
            .build();
        App::new()
            .app_data(orders.clone())
            .route("/orders/{country}", web::post().to(order))
            .wrap(monitor)
    })
    .bind(("127.0.0.1", 0))?;
    println!("http://{}/metrics", server.addrs()[0]);
    server.run().await
}
