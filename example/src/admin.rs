//! The switches that take a dependency down and bring it up again, for real:
//! the file is moved aside, the port is closed.

use std::io;

use actix_web::web;
use serde::Deserialize;

use crate::database::Database;
use crate::failure::Failure;
use crate::quotes::Quotes;
use crate::store::Store;

/// Any other word is a path that does not exist, and answered so.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Up,
    Down,
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/database/{state}").route(web::post().to(switch_database)))
        .service(web::resource("/quotes/{state}").route(web::post().to(switch_quotes)));
}

async fn switch_database(
    state: web::Path<State>,
    database: web::Data<Database>,
    store: web::Data<Store>,
) -> Result<&'static str, Failure> {
    match state.into_inner() {
        State::Up => {
            blocking(move || database.bring_up()).await?;
            // Whoever moved the file may have changed what is in it.
            web::block(move || store.recount()).await??;
            Ok("the database is up\n")
        }
        State::Down => {
            blocking(move || database.take_down()).await?;
            Ok("the database is down\n")
        }
    }
}

async fn switch_quotes(
    state: web::Path<State>,
    quotes: web::Data<Quotes>,
) -> Result<&'static str, Failure> {
    match state.into_inner() {
        State::Up => {
            quotes.bring_up().await?;
            Ok("the quotes are up\n")
        }
        State::Down => {
            quotes.take_down().await;
            Ok("the quotes are down\n")
        }
    }
}

/// Moving a file waits for the disk and for the queries that are still running.
async fn blocking(switch: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), Failure> {
    Ok(web::block(switch).await??)
}
