//! The SQLite file: created at the start, opened for each query, and moved aside
//! while the database is to be down. `store` has the queries.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use std::{fs, io};

use actix_monitor::Dependency;
use actix_web::web;
use rusqlite::{Connection, OpenFlags};

const SCHEMA: &str =
    "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)";

pub(crate) struct Database {
    path: PathBuf,
    aside: PathBuf,
    /// Locked for reading by queries and for writing by moves: moving the file of a
    /// running transaction would separate it from its journal.
    moving: RwLock<()>,
}

impl Database {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".aside");
        let database = Self { path: path.to_owned(), aside: aside.into(), moving: RwLock::new(()) };
        // An earlier run may have ended with the file aside.
        database.bring_up()?;
        Ok(database)
    }

    /// Runs a query on a connection of its own. Opening it does not create the file,
    /// so that a missing file is an error.
    pub(crate) fn query<T>(
        &self,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let _guard = self.moving.read().unwrap_or_else(PoisonError::into_inner);
        let connection = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        // Below the timeout of the check, so that the check fails with SQLite's reason.
        connection.busy_timeout(Duration::from_millis(500))?;
        run(&connection)
    }

    pub(crate) fn take_down(&self) -> io::Result<()> {
        let _guard = self.moving.write().unwrap_or_else(PoisonError::into_inner);
        match fs::rename(&self.path, &self.aside) {
            // The database is down already.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Moves the file back, or creates it if there is none.
    pub(crate) fn bring_up(&self) -> io::Result<()> {
        let _guard = self.moving.write().unwrap_or_else(PoisonError::into_inner);
        if !self.path.try_exists()? && self.aside.try_exists()? {
            fs::rename(&self.aside, &self.path)?;
        }
        let connection = Connection::open(&self.path).map_err(io::Error::other)?;
        // SQLite's error names a file that cannot be opened, but not one that cannot
        // be read.
        connection
            .execute_batch(SCHEMA)
            .map_err(|error| io::Error::other(format!("{}: {error}", self.path.display())))
    }
}

/// The database as a dependency. The check runs a query, because opening a
/// connection does not read the file.
pub(crate) fn dependency(database: web::Data<Database>) -> Dependency {
    let check = move || {
        database.query(|connection| {
            connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))
        })
    };
    Dependency::blocking("sqlite", check)
        .every(Duration::from_secs(2))
        .timeout(Duration::from_secs(1))
        .critical()
}
