//! Metrics of the app with labels of their own. The derive macros need `prometheus-client` as
//! a direct dependency, with the version that actix-monitor uses.

use actix_monitor::BigBrother;
use actix_web::{App, HttpResponse, HttpServer, web};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Payment {
    Card,
    Invoice,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OrderLabels {
    country: String,
    payment: Payment,
}

/// Clones share their values.
#[derive(Clone)]
struct Orders {
    taken: Family<OrderLabels, Counter>,
    weight: Family<OrderLabels, Histogram>,
}

impl Orders {
    fn new() -> Self {
        let histogram = || Histogram::new([0.5, 2.0, 10.0]);
        Self { taken: Family::default(), weight: Family::new_with_constructor(histogram) }
    }

    fn register(self, registry: &mut Registry) {
        registry.register("orders", "Orders taken", self.taken);
        let unit = Unit::Other("kilograms".to_owned());
        registry.register_with_unit("order_weight", "Weight of orders", unit, self.weight);
    }
}

async fn order(country: web::Path<String>, orders: web::Data<Orders>) -> HttpResponse {
    // A label value that clients choose makes a series for each value: only known ones.
    let country = match country.as_str() {
        known @ ("br" | "de") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let payment = if country == "br" { Payment::Card } else { Payment::Invoice };
    let labels = OrderLabels { country, payment };
    orders.taken.get_or_create(&labels).inc();
    orders.weight.get_or_create(&labels).observe(1.5);
    HttpResponse::Created().finish()
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let orders = Orders::new();
    let server = HttpServer::new(move || {
        let registered = orders.clone();
        // Each worker calls this; the key makes it one registration.
        let monitor = BigBrother::builder()
            .register("orders", move |registry| registered.register(registry))
            .build();
        App::new()
            .app_data(web::Data::new(orders.clone()))
            .route("/orders/{country}", web::post().to(order))
            .wrap(monitor)
    })
    .bind(("127.0.0.1", 0))?;
    println!("http://{}/metrics", server.addrs()[0]);
    server.run().await
}
