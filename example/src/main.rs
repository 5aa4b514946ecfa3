//! A notes service watched by `actix-monitor`: this file only wires its parts
//! together. Start it with `cargo run -p notes -- --traffic`.

mod admin;
mod behaviours;
mod database;
mod failure;
mod notes;
mod options;
mod quotes;
mod quotes_client;
mod store;
mod traffic;
mod welcome;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use actix_monitor::{BigBrother, Exemplars};
use actix_web::{App, HttpServer, rt, web};
use env_logger::Env;

use crate::database::Database;
use crate::options::{Options, Request};
use crate::quotes::Quotes;
use crate::quotes_client::QuotesClient;
use crate::store::Store;

#[actix_web::main]
async fn main() -> ExitCode {
    // So that a dependency's fall and return are told on the terminal too.
    let filter = Env::default().default_filter_or("warn,actix_monitor=info");
    env_logger::Builder::from_env(filter).init();

    let answer = match options::read(std::env::args_os().skip(1)) {
        Ok(Request::Help) => return welcome::help(),
        Ok(Request::Serve(options)) => serve(options).await,
        Err(refusal) => return welcome::refused(&refusal),
    };
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => welcome::failed(&error),
    }
}

async fn serve(options: Options) -> io::Result<()> {
    let database = web::Data::new(Database::open(&options.database)?);
    let store = web::Data::new(Store::new(database.clone()));
    store.recount().map_err(io::Error::other)?;
    let quotes = web::Data::new(Quotes::start(options.quotes_address())?);

    let quotes_address = quotes.address();
    let factory = move || {
        let big_brother = BigBrother::builder()
            .version(concat!("v", env!("CARGO_PKG_VERSION")))
            .dependency(database::watched(database.clone()))
            .dependency(quotes_client::watched(quotes_address))
            .exemplars(Exemplars::traceparent())
            .register(store.metrics())
            .build();
        // One client a worker: awc keeps its connections on one thread.
        let quotes_client = QuotesClient::new(quotes_address, &big_brother.handle());
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
        // A second is enough for the slowest answer here, and a stop is felt as one.
        .shutdown_timeout(1)
        .bind(address)
        .map_err(|error| cannot_listen(address, &error))?;
    let address = server.addrs().first().copied().unwrap_or(address);

    welcome::greet(address, quotes_address, &options.database);
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
        .route("/", web::get().to(welcome::page))
        .route("/ready", web::get().to(actix_monitor::readiness))
        .service(web::scope("/admin").configure(admin::routes))
        .service(api);
}

/// The address belongs into the message: the system's own names none.
pub(crate) fn cannot_listen(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
}
