//! A notes service watched by `actix-monitor`. This file wires its parts together;
//! `cargo run -p notes -- --traffic` starts it.

mod admin;
mod behaviours;
mod database;
mod failure;
mod notes;
mod options;
mod pages;
mod quotes;
mod quotes_client;
mod store;
mod terminal;
mod traffic;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use actix_monitor::{BigBrother, Exemplars, Label};
use actix_web::{App, HttpServer, rt, web};
use env_logger::Env;

use crate::database::Database;
use crate::options::{Command, Options};
use crate::quotes::Quotes;
use crate::quotes_client::QuotesClient;
use crate::store::Store;

#[actix_web::main]
async fn main() -> ExitCode {
    // The monitor logs a dependency that is down as a warning, and one that is up
    // again at the level `info`.
    let filter = Env::default().default_filter_or("warn,actix_monitor=info");
    env_logger::Builder::from_env(filter).init();

    let result = match options::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => return terminal::help(),
        Ok(Command::Serve(options)) => serve(options).await,
        Err(error) => return terminal::usage_error(&error),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => terminal::failure(&error),
    }
}

async fn serve(options: Options) -> io::Result<()> {
    let database = web::Data::new(Database::open(&options.database)?);
    let store = web::Data::new(Store::new(database.clone()));
    store.recount().map_err(io::Error::other)?;
    let quotes = web::Data::new(Quotes::start(options.quotes_address())?);

    let quotes_address = quotes.address();
    let factory = move || {
        let mut builder = BigBrother::builder()
            .version(concat!("v", env!("CARGO_PKG_VERSION")))
            .dashboard("/status")
            .dependency(database::dependency(database.clone()))
            .dependency(quotes_client::dependency(quotes_address))
            .requests_in_flight()
            // The 503 of a readiness probe is not an error of the service.
            .exclude("/ready")
            .exemplars(Exemplars::traceparent())
            .blocked_workers()
            // Who sends requests: the traffic of the example, or you.
            .label("client", Label::header(traffic::CLIENT.0).allow([traffic::CLIENT.1]))
            .register("notes", store.metrics());
        if options.native_histograms {
            builder = builder.native_histograms();
        }
        let big_brother = builder.build();
        // One client per worker: awc keeps its connections on one thread.
        let quotes_client = QuotesClient::new(quotes_address, &big_brother.monitor());
        App::new()
            .wrap(big_brother)
            .app_data(database.clone())
            .app_data(quotes.clone())
            .app_data(store.clone())
            .app_data(web::Data::new(quotes_client))
            .configure(routes)
    };

    let address = options.notes_address();
    let server = HttpServer::new(factory)
        .workers(options.workers)
        // A client that closes its connection ends its request, which is recorded
        // with status 499.
        .h1_allow_half_closed(false)
        // Longer than the slowest response, and short enough for Ctrl-C.
        .shutdown_timeout(1)
        .bind(address)
        .map_err(|error| bind_error(address, &error))?;
    let address = server.addrs().first().copied().unwrap_or(address);

    terminal::print_addresses(address, quotes_address, &options.database);
    if options.traffic {
        rt::spawn(traffic::run(address));
    }
    server.run().await
}

fn routes(config: &mut web::ServiceConfig) {
    let api = web::scope("/api")
        .configure(notes::routes)
        .configure(behaviours::routes)
        .configure(quotes_client::routes);
    config
        .route("/", web::get().to(pages::start))
        .route("/ready", web::get().to(actix_monitor::readiness))
        .service(web::scope("/admin").configure(admin::routes))
        .service(api);
}

/// Adds the address and a way out to the system's message, which has neither.
pub(crate) fn bind_error(address: SocketAddr, error: &io::Error) -> io::Error {
    let message = format!(
        "cannot listen on {address}: {error}; choose other ports with --port (notes on PORT, \
         quotes on PORT+1)"
    );
    io::Error::new(error.kind(), message)
}
