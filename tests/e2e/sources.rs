//! A service whose page has metrics of other libraries, for the end-to-end suite: in every
//! format on one port, and with a source of text on another.
//!
//! `sources PORT TEXT_PORT`

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use actix_monitor::prometheus_client::metrics::histogram::Histogram;
use actix_monitor::prometheus_client::registry::{Registry, Unit};
use actix_monitor::{BigBrother, BigBrotherBuilder, MetricSource};
use actix_web::{App, HttpServer};
use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let ports: Vec<u16> =
        std::env::args().skip(1).map(|port| port.parse()).collect::<Result<_, _>>()?;
    let &[port, text_port] = ports.as_slice() else {
        return Err("usage: sources PORT TEXT_PORT".into());
    };
    let handle = PrometheusBuilder::new().install_recorder()?;
    metrics::describe_counter!("facade_orders", "Orders \\ taken\nhere");
    metrics::counter!("facade_orders", "kind" => "a \"book\"\n\\").increment(3);
    metrics::histogram!("facade_wait", "queue" => "a").record(1.25);
    let (_provider, telemetry) = opentelemetry()?;
    let builder = isolated(prometheus_crate()?, telemetry).openmetrics();
    let all = builder.build();
    let text = MetricSource::text(move || handle.render());
    let text = isolated(prometheus_crate()?, prometheus::Registry::new()).attach("metrics", text);
    let text = text.build();
    let serve = |middleware: BigBrother, port| {
        let server = HttpServer::new(move || App::new().wrap(middleware.clone()));
        Ok::<_, std::io::Error>(server.workers(1).bind((Ipv4Addr::LOCALHOST, port))?.run())
    };
    let text = actix_web::rt::spawn(serve(text, text_port)?);
    serve(all, port)?.await?;
    Ok(text.await??)
}

fn isolated(
    prometheus: prometheus::Registry,
    telemetry: prometheus::Registry,
) -> BigBrotherBuilder {
    let builder = BigBrother::builder().isolated().const_label("zone", "\"1\"");
    let builder = builder.attach("prometheus", prometheus).attach("telemetry", telemetry);
    builder.attach("own", Arc::new(Mutex::new(own())))
}

fn own() -> Registry {
    let mut registry = Registry::with_prefix("own");
    let waits = Histogram::new([0.5, 2.0]);
    waits.observe(1.0);
    registry.register_with_unit("wait", "Time in queues", Unit::Seconds, waits);
    registry
}

fn prometheus_crate() -> Result<prometheus::Registry, prometheus::Error> {
    let registry = prometheus::Registry::new_custom(Some("crate".to_owned()), None)?;
    let orders = IntCounterVec::new(Opts::new("orders_total", "Orders\n\\ taken"), &["kind"])?;
    orders.with_label_values(&["a \"book\"\n\\"]).inc_by(3);
    let visits = IntCounter::new("visits", "Visits, without a suffix")?;
    visits.inc_by(5);
    let waits = HistogramOpts::new("wait_seconds", "Waits").buckets(vec![0.5, 1.0, 25.0]);
    let waits = HistogramVec::new(waits, &["queue"])?;
    for seconds in [0.25, 3.0, 70.0] {
        waits.with_label_values(&["a"]).observe(seconds);
    }
    registry.register(Box::new(orders))?;
    registry.register(Box::new(visits))?;
    registry.register(Box::new(waits))?;
    Ok(registry)
}

fn opentelemetry() -> Result<(SdkMeterProvider, prometheus::Registry), Box<dyn Error>> {
    let registry = prometheus::Registry::new();
    let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?;
    let provider = SdkMeterProvider::builder().with_reader(exporter).build();
    let meter = provider.meter("shop");
    let attributes = [KeyValue::new("shop.kind", "\"book\"")];
    meter.u64_counter("telemetry_orders").with_description("Orders").build().add(3, &attributes);
    meter.f64_histogram("telemetry_wait").with_unit("s").build().record(0.75, &attributes);
    Ok((provider, registry))
}
