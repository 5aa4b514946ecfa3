//! Services that are not routes of the app's own: files and redirects.

use actix_files::{Files, NamedFile};
use actix_monitor::{BigBrother, ResponseSize};
use actix_web::middleware::Compress;
use actix_web::{App, web};

use crate::places::{Series, recorded};
use crate::support::server::{Server, monitor};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

#[test]
fn files_of_an_app_and_of_a_scope() {
    for size in [ResponseSize::Declared, ResponseSize::Sent] {
        let monitor = || BigBrother::builder().isolated().response_size(size).build();
        let (outer, inner) = (monitor(), monitor());
        let watched = (outer.clone(), inner.clone());
        let server = Server::start(1, move || {
            let scope = web::scope("/{tenant}").service(Files::new("/files", FOLDER));
            App::new()
                .service(Files::new("/static", FOLDER))
                .service(scope.wrap(watched.1.clone()))
                .wrap(Compress::default())
                .wrap(watched.0.clone())
        });
        let mut client = server.connect();
        let series = [("/static", "/static"), ("/acme/files", "/{tenant}/files")].map(
            |(folder, pattern)| {
                let mut series = Series::new(pattern);
                let whole = client.get(&format!("{folder}/Cargo.toml"));
                series.add("GET", 200, std::fs::read(FILE).expect("this file").len());
                let tag = whole.header("etag").expect("an etag");
                for (method, name, header, status) in [
                    ("GET", "Cargo.toml", ("range", "bytes=0-9"), 206),
                    ("GET", "Cargo.toml", ("range", "bytes=99999-"), 416),
                    ("GET", "Cargo.toml", ("if-none-match", tag), 304),
                    ("GET", "Cargo.toml", ("if-match", "\"another\""), 412),
                    ("GET", "absent", ("accept", "*/*"), 404),
                    ("GET", "src", ("accept", "*/*"), 404),
                    ("HEAD", "Cargo.toml", ("accept", "*/*"), 200),
                    ("DELETE", "Cargo.toml", ("accept", "*/*"), 405),
                ] {
                    let path = format!("{folder}/{name}");
                    let response = client.request(method, &path, &[header]);
                    assert_eq!(response.status, status, "{method} {path} {header:?}");
                    series.add(method, status, response.body.len());
                }
                series.lines()
            },
        );
        let [_, of_scope] = &series;
        assert_eq!(&recorded(&inner), of_scope, "{size:?}");
        let mut of_both = series.concat();
        of_both.sort();
        assert_eq!(recorded(&outer), of_both, "{size:?}");
    }
}

#[test]
fn a_file_of_a_handler() {
    let (outer, inner) = (monitor(), monitor());
    let watched = (outer.clone(), inner.clone());
    let server = Server::start(1, move || {
        let file = web::resource("/files/{name}").get(async || NamedFile::open(FILE));
        App::new().service(file.wrap(watched.1.clone())).wrap(watched.0.clone())
    });
    let mut client = server.connect();
    let length = client.get("/files/a").body.len();
    let part = client.request("GET", "/files/b", &[("range", "bytes=5-")]).body.len();
    assert_eq!(part, length - 5);
    let expected = [
        format!("200 false GET /files/{{name}}: 1 of {length} bytes"),
        format!("206 false GET /files/{{name}}: 1 of {part} bytes"),
    ];
    assert_eq!(recorded(&outer), expected);
    assert_eq!(recorded(&inner), expected);
}

#[test]
fn redirects() {
    let (outer, inner) = (monitor(), monitor());
    let watched = (outer.clone(), inner.clone());
    let server = Server::start(1, move || {
        let scope = web::scope("/{tenant}").service(web::redirect("/old", "/new"));
        let moved = async || web::Redirect::to("/new").permanent();
        App::new()
            .service(scope.route("/users/{id}", web::get().to(moved)).wrap(watched.1.clone()))
            .service(web::redirect("/", "/acme/new"))
            .wrap(watched.0.clone())
    });
    let mut client = server.connect();
    for (path, status) in [("/", 307), ("/acme/old", 307), ("/acme/users/7", 308)] {
        assert_eq!(client.get(path).status, status, "{path}");
    }
    let expected = [
        "307 false GET /: 1 of 0 bytes",
        "307 false GET /{tenant}/old: 1 of 0 bytes",
        "308 false GET /{tenant}/users/{id}: 1 of 0 bytes",
    ];
    assert_eq!(recorded(&outer), expected);
    assert_eq!(recorded(&inner), expected[1..]);
}
