//! An app with metrics behind the `metrics` facade, shown on the same page.

use std::time::Instant;

use actix_monitor::{BigBrother, MetricSource};
use actix_web::{App, HttpResponse, HttpServer, web};
use metrics::{counter, histogram};
use metrics_exporter_prometheus::PrometheusBuilder;

async fn order() -> HttpResponse {
    let start = Instant::now();
    counter!("orders_total", "country" => "br").increment(1);
    histogram!("order_seconds").record(start.elapsed());
    HttpResponse::Created().finish()
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    // Installs the recorder without a page of its own.
    let handle = PrometheusBuilder::new()
        .set_buckets(&[0.1, 1.0])
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(std::io::Error::other)?;
    let server = HttpServer::new(move || {
        let handle = handle.clone();
        let source = MetricSource::text(move || {
            handle.run_upkeep();
            handle.render()
        });
        // Each worker calls this; the key makes it one source.
        let monitor = BigBrother::builder().attach("metrics", source).build();
        App::new().route("/orders", web::post().to(order)).wrap(monitor)
    })
    .bind(("127.0.0.1", 0))?;
    println!("http://{}/metrics", server.addrs()[0]);
    server.run().await
}
