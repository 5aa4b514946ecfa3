//! The HTTP routes of the notes.

use actix_monitor::Monitor;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::failure::Failure;
use crate::store::{Note, Store};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/notes").route(web::get().to(list)).route(web::post().to(add)))
        .service(
            web::resource("/notes/{id}")
                .route(web::get().to(show))
                .route(web::put().to(change))
                .route(web::delete().to(remove)),
        );
}

#[derive(Deserialize)]
struct Draft {
    text: String,
}

impl Draft {
    fn into_text(self) -> Result<String, Failure> {
        if self.text.trim().is_empty() {
            return Err(Failure::EmptyNote);
        }
        Ok(self.text)
    }
}

async fn list(
    store: web::Data<Store>,
    monitor: web::Data<Monitor>,
) -> Result<HttpResponse, Failure> {
    let notes = store.newest(&monitor).await?;
    Ok(HttpResponse::Ok().json(notes))
}

async fn add(
    store: web::Data<Store>,
    monitor: web::Data<Monitor>,
    draft: web::Json<Draft>,
) -> Result<HttpResponse, Failure> {
    let note = store.add(&monitor, draft.into_inner().into_text()?).await?;
    recount(store).await;
    let location = format!("/api/notes/{}", note.id);
    Ok(HttpResponse::Created().insert_header(("Location", location)).json(note))
}

async fn show(
    store: web::Data<Store>,
    monitor: web::Data<Monitor>,
    id: web::Path<i64>,
) -> Result<HttpResponse, Failure> {
    let note = store.by_id(&monitor, id.into_inner()).await?;
    Ok(HttpResponse::Ok().json(note))
}

async fn change(
    store: web::Data<Store>,
    monitor: web::Data<Monitor>,
    id: web::Path<i64>,
    draft: web::Json<Draft>,
) -> Result<HttpResponse, Failure> {
    let note = Note { id: id.into_inner(), text: draft.into_inner().into_text()? };
    let note = store.change(&monitor, note).await?;
    Ok(HttpResponse::Ok().json(note))
}

async fn remove(
    store: web::Data<Store>,
    monitor: web::Data<Monitor>,
    id: web::Path<i64>,
) -> Result<HttpResponse, Failure> {
    store.remove(&monitor, id.into_inner()).await?;
    recount(store).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Updates the gauge. An error is ignored, because the change itself is done, and
/// the next change updates the gauge too.
async fn recount(store: web::Data<Store>) {
    let _ = web::block(move || store.recount()).await;
}
