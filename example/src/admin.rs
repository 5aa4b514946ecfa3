//! The switches that take a dependency down and bring it up again: they move the
//! database's file and close the port of the quotes.

use std::io;

use actix_web::web::{self, Html};
use serde::Deserialize;

use crate::database::Database;
use crate::failure::Failure;
use crate::pages;
use crate::quotes::Quotes;
use crate::store::Store;

/// Any other word is answered with 404.
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
) -> Result<Html, Failure> {
    match state.into_inner() {
        State::Up => {
            blocking(move || database.bring_up()).await?;
            // The file may have changed while it was aside.
            web::block(move || store.recount()).await??;
            Ok(pages::message("The database is up."))
        }
        State::Down => {
            blocking(move || database.take_down()).await?;
            Ok(pages::message("The database is down."))
        }
    }
}

async fn switch_quotes(
    state: web::Path<State>,
    quotes: web::Data<Quotes>,
) -> Result<Html, Failure> {
    match state.into_inner() {
        State::Up => {
            quotes.bring_up().await?;
            Ok(pages::message("The quotes are up."))
        }
        State::Down => {
            quotes.take_down().await;
            Ok(pages::message("The quotes are down."))
        }
    }
}

/// Moving the file waits for the disk and for the queries that are still running.
async fn blocking(switch: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), Failure> {
    Ok(web::block(switch).await??)
}
