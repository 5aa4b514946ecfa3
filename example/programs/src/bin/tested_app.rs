//! An app whose tests assert what it records: `cargo test -p programs --bin tested_app`.

use actix_monitor::{BigBrother, ErrorMessage};
use actix_web::error::ErrorNotFound;
use actix_web::{App, HttpServer, Result, web};

fn monitor() -> actix_monitor::BigBrotherBuilder {
    BigBrother::builder().error_message(ErrorMessage::actix_error())
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/notes/{id}", web::get().to(note));
}

async fn note(id: web::Path<u32>) -> Result<&'static str> {
    if *id == 7 { Ok("a note") } else { Err(ErrorNotFound("no such note")) }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let server = HttpServer::new(|| App::new().configure(routes).wrap(monitor().build()))
        .bind(("127.0.0.1", 0))?;
    println!("http://{}/metrics", server.addrs()[0]);
    server.run().await
}

#[cfg(test)]
mod tests {
    use actix_monitor::{Format, Monitor};
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, web};

    use super::{monitor, routes};

    /// The value of a series on the page.
    fn value(monitor: &Monitor, series: &str) -> Option<f64> {
        let page = monitor.encode(Format::Text);
        page.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }

    #[actix_web::test]
    async fn a_missing_note_is_an_error_with_a_message() {
        // A monitor of its own, which no other test of this process records into.
        let middleware = monitor().isolated().build();
        let app = init_service(App::new().configure(routes).wrap(middleware.clone())).await;
        for path in ["/notes/7", "/notes/8"] {
            let response = call_service(&app, TestRequest::with_uri(path).to_request()).await;
            // A request is recorded at the end of its body.
            read_body(response).await;
        }
        let monitor: web::Data<Monitor> = middleware.monitor();
        for series in [
            r#"request_seconds_count{type="http",status="200",isError="false",errorMessage="",method="GET",addr="/notes/{id}"}"#,
            r#"request_seconds_count{type="http",status="404",isError="true",errorMessage="no such note",method="GET",addr="/notes/{id}"}"#,
        ] {
            assert_eq!(value(&monitor, series), Some(1.0), "{series}");
        }
    }
}
