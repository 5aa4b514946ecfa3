//! Sessions and identities, which change requests and responses.

use actix_identity::IdentityMiddleware;
use actix_session::SessionMiddleware;
use actix_session::storage::CookieSessionStore;
use actix_web::App;
use actix_web::cookie::Key;

use crate::places::Inside::{Dropped, Same};
use crate::places::in_each_place;
use crate::support::server::Server;

pub(crate) fn sessions() -> SessionMiddleware<CookieSessionStore> {
    let key = Key::from(&[7; 64]);
    SessionMiddleware::builder(CookieSessionStore::default(), key).cookie_secure(false).build()
}

/// The cookie of a user who has logged in, which is valid for all apps: they have one key.
fn cookie() -> String {
    let server = Server::start(1, || {
        App::new()
            .service(crate::routes::user())
            .wrap(IdentityMiddleware::default())
            .wrap(sessions())
    });
    let response = server.connect().request("POST", "/users/7", &[]);
    let cookie = response.header("set-cookie").and_then(|text| text.split(';').next());
    cookie.expect("a cookie").to_owned()
}

#[test]
fn identities_in_sessions() {
    let cookie = cookie();
    let user = [("cookie", &*cookie)];
    let requests = [
        ("GET", "/api/users/7", &[][..], 200, Same),
        ("POST", "/api/users/7", &[], 200, Same),
        ("PUT", "/api/users/7", &user, 200, Same),
        ("PUT", "/api/users/7", &[], 401, Same),
        // The session cannot be stored after the handler has responded.
        ("PATCH", "/api/users/7", &user, 500, Dropped(200, 6)),
    ];
    in_each_place!(requests, IdentityMiddleware::default(), sessions());
}
