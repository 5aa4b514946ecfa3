//! The routes that the layers are around.

use actix_identity::Identity;
use actix_session::Session;
use actix_web::{
    Error, HttpMessage as _, HttpRequest, HttpResponse, Resource, Responder, error, web,
};

/// The `addr` label of [`user`] in the scope `/api`.
pub(crate) const USER: &str = "/api/users/{id}";

/// A resource with a route for each thing that layers may have to do with.
pub(crate) fn user() -> Resource {
    web::resource("/users/{id}")
        .route(web::get().to(get))
        .route(web::post().to(log_in))
        .route(web::put().to(name))
        .route(web::patch().to(remember_too_much))
}

async fn get(id: web::Path<u32>) -> Result<&'static str, Error> {
    if *id == 0 { Err(error::ErrorNotFound("no user")) } else { Ok("hello") }
}

async fn log_in(request: HttpRequest) -> Result<&'static str, Error> {
    Identity::login(&request.extensions(), "Ada".into()).map_err(error::ErrorBadGateway)?;
    Ok("welcome")
}

async fn name(user: Identity) -> Result<String, Error> {
    user.id().map_err(error::ErrorBadGateway)
}

/// Returns a session that no cookie can hold.
async fn remember_too_much(session: Session) -> Result<impl Responder, Error> {
    session.insert("text", "x".repeat(5_000)).map_err(error::ErrorBadGateway)?;
    Ok(HttpResponse::Ok().body("stored"))
}
