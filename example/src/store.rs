//! The queries on the database, each run off the event loop and timed as a call to
//! the dependency `sqlite`, and the gauge with the number of notes.

use std::sync::{Mutex, PoisonError};

use actix_monitor::Monitor;
use actix_monitor::prometheus_client::metrics::gauge::Gauge;
use actix_monitor::prometheus_client::registry::Registry;
use actix_web::web;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use crate::database::Database;
use crate::failure::Failure;

#[derive(Serialize)]
pub(crate) struct Note {
    pub(crate) id: i64,
    pub(crate) text: String,
}

impl Note {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get("id")?, text: row.get("text")? })
    }
}

pub(crate) struct Store {
    database: web::Data<Database>,
    stored: Gauge,
    /// Locked while counting, so that an older count cannot overwrite a newer one.
    counting: Mutex<()>,
}

impl Store {
    pub(crate) fn new(database: web::Data<Database>) -> Self {
        Self { database, stored: Gauge::default(), counting: Mutex::new(()) }
    }

    /// Registers the gauge on the metrics page of the monitor. A clone of a gauge
    /// shares its value, so each worker can register one.
    pub(crate) fn metrics(&self) -> impl FnOnce(&mut Registry) + Send + use<> {
        let stored = self.stored.clone();
        |registry| registry.register("notes_stored", "Notes in the database", stored)
    }

    pub(crate) fn recount(&self) -> rusqlite::Result<()> {
        let _guard = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.database.query(|connection| {
            connection.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))
        })?;
        self.stored.set(count);
        Ok(())
    }

    /// The newest 100 notes, which bounds the size of the response.
    pub(crate) async fn newest(&self, monitor: &Monitor) -> Result<Vec<Note>, Failure> {
        const NEWEST: &str = "SELECT id, text FROM notes ORDER BY id DESC LIMIT 100";
        self.timed(monitor, "SELECT", "newest notes", |connection| {
            connection.prepare(NEWEST)?.query_map([], Note::read)?.collect()
        })
        .await
    }

    pub(crate) async fn by_id(&self, monitor: &Monitor, id: i64) -> Result<Note, Failure> {
        const BY_ID: &str = "SELECT id, text FROM notes WHERE id = ?1";
        self.timed(monitor, "SELECT", "note by id", move |connection| {
            connection.query_row(BY_ID, [id], Note::read).optional()
        })
        .await?
        .ok_or(Failure::NoSuchNote(id))
    }

    pub(crate) async fn add(&self, monitor: &Monitor, text: String) -> Result<Note, Failure> {
        self.timed(monitor, "INSERT", "note", move |connection| {
            connection.execute("INSERT INTO notes (text) VALUES (?1)", [&text])?;
            let id = connection.last_insert_rowid();
            Ok(Note { id, text })
        })
        .await
    }

    pub(crate) async fn change(&self, monitor: &Monitor, note: Note) -> Result<Note, Failure> {
        const CHANGE: &str = "UPDATE notes SET text = ?2 WHERE id = ?1";
        let id = note.id;
        self.timed(monitor, "UPDATE", "note by id", move |connection| {
            let changed = connection.execute(CHANGE, (id, &note.text))?;
            Ok((changed > 0).then_some(note))
        })
        .await?
        .ok_or(Failure::NoSuchNote(id))
    }

    pub(crate) async fn remove(&self, monitor: &Monitor, id: i64) -> Result<(), Failure> {
        const REMOVE: &str = "DELETE FROM notes WHERE id = ?1";
        self.timed(monitor, "DELETE", "note by id", move |connection| {
            let removed = connection.execute(REMOVE, [id])?;
            Ok((removed > 0).then_some(()))
        })
        .await?
        .ok_or(Failure::NoSuchNote(id))
    }

    /// Runs and times a query. It is recorded as an error only if SQLite fails; a
    /// note that does not exist is not an error of the dependency.
    async fn timed<T: Send + 'static>(
        &self,
        monitor: &Monitor,
        method: &'static str,
        addr: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let database = self.database.clone();
        monitor
            .start_dependency_request("sqlite")
            .kind("sql")
            .method(method)
            .addr(addr)
            .time(async { Ok(web::block(move || database.query(query)).await??) })
            .await
    }
}
