//! The SQLite file: made here, opened for each query, moved aside when it is
//! to be "down". What is asked of it stands in `store`.

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
    /// A query reads this lock and a move writes it: the file of a running
    /// transaction must not lose its journal half way.
    moving: RwLock<()>,
}

impl Database {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".aside");
        let database = Self { path: path.to_owned(), aside: aside.into(), moving: RwLock::new(()) };
        // Also brings back what an earlier run left aside.
        database.bring_up()?;
        Ok(database)
    }

    /// A connection for each query, and never one that creates the file: so a
    /// file that is gone is an error and not an empty success.
    pub(crate) fn query<T>(
        &self,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let _still = self.moving.read().unwrap_or_else(PoisonError::into_inner);
        let connection = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        // Well below the limit of the check, which must say why it failed.
        connection.busy_timeout(Duration::from_millis(500))?;
        run(&connection)
    }

    pub(crate) fn take_down(&self) -> io::Result<()> {
        let _alone = self.moving.write().unwrap_or_else(PoisonError::into_inner);
        match fs::rename(&self.path, &self.aside) {
            // Down already, by us or by somebody's `rm`.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            moved => moved,
        }
    }

    /// Brings the notes back, or starts anew where nobody kept them.
    pub(crate) fn bring_up(&self) -> io::Result<()> {
        let _alone = self.moving.write().unwrap_or_else(PoisonError::into_inner);
        if !self.path.try_exists()? && self.aside.try_exists()? {
            fs::rename(&self.aside, &self.path)?;
        }
        let connection = Connection::open(&self.path).map_err(io::Error::other)?;
        // SQLite names the file it cannot open, but not the one it cannot read.
        connection
            .execute_batch(SCHEMA)
            .map_err(|error| io::Error::other(format!("{}: {error}", self.path.display())))
    }
}

/// The check reads a page of the file: opening alone would not touch it.
pub(crate) fn watched(database: web::Data<Database>) -> Dependency {
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
