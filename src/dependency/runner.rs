//! The thread of a check: an `actix_rt` arbiter, with a `System` of its own.
//!
//! A `System` of the app cannot be used: there is none under `#[tokio::main]` or in a
//! plain `main`, and one that stops also stops its arbiters.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::{io, thread};

use actix_rt::System;
use tokio::runtime;
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::time::Instant;

use super::cell::DependencyCell;
use super::check::{CheckFn, Dependency, Schedule};
use super::watch::watch;
use crate::panics::contain;
use crate::protocol;

/// A check that runs for as long as this is held.
///
/// # Drop
///
/// Stops the check, whose thread then ends. Nobody waits for either: a check that blocks
/// its thread occupies it until the check returns.
#[derive(Debug)]
#[must_use = "dropping it stops the check"]
pub(super) struct CheckHandle {
    _closes: Sender<()>,
}

/// Runs the check on a new thread.
///
/// The thread is never joined: a check that blocks it must not keep the process from
/// exiting.
pub(super) fn start(
    dependency: &Dependency,
    cell: &Arc<DependencyCell>,
) -> io::Result<CheckHandle> {
    let name = thread_name(&dependency.name);
    let checker = Checker {
        thread_name: name.clone(),
        check: Arc::clone(&dependency.check),
        schedule: dependency.schedule,
        cell: Arc::clone(cell),
        due: Cell::new(Instant::now()),
    };
    let (closes, closed) = channel(());
    thread::Builder::new().name(name).spawn(move || Rc::new(checker).run(closed))?;
    Ok(CheckHandle { _closes: closes })
}

/// The name of the threads of a check: Linux keeps 15 bytes, and no name contains a
/// zero byte.
fn thread_name(dependency: &str) -> String {
    let mut name = format!("bb-{dependency}").replace('\0', "");
    while name.len() > 15 {
        name.pop();
    }
    name
}

/// What the thread of a check works with.
struct Checker {
    thread_name: String,
    check: Arc<CheckFn>,
    schedule: Schedule,
    cell: Arc<DependencyCell>,
    /// When the next run is due. A new `System` continues this schedule.
    due: Cell<Instant>,
}

impl Checker {
    /// Runs the check until the handle is dropped.
    fn run(self: Rc<Self>, closed: Receiver<()>) {
        let is_open = || closed.has_changed().is_ok();
        while is_open() {
            // A check that is dropped with its runtime may panic, and so may a logger.
            contain(|| self.run_system(closed.clone()));
            contain(|| {
                if is_open() {
                    self.cell.lose_run("the check stopped its System before it returned");
                }
            });
        }
    }

    /// Runs the check until the handle is dropped or the check stops its `System`.
    fn run_system(self: &Rc<Self>, mut closed: Receiver<()>) {
        let runtime = runtime::Builder::new_current_thread()
            .thread_name(&self.thread_name)
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                self.cell.end_run(Err(format!("the check has no runtime: {error}")));
                return thread::sleep(self.schedule.every.min(protocol::CHECK_EVERY));
            }
        };
        let system = System::with_tokio_rt(move || runtime);
        system.runtime().spawn(async move {
            // Fails when the handle is dropped, and never changes.
            let _ = closed.changed().await;
            System::current().stop();
        });
        let this = Rc::clone(self);
        system.runtime().spawn(async move {
            watch(&*this.check, this.schedule, &this.due, &this.cell).await;
        });
        // The exit code is the check's choice, and of no interest.
        let _ = system.run();
    }
}

#[cfg(test)]
mod tests {
    use super::thread_name;

    #[test]
    fn thread_names_fit_the_kernels_15_bytes() {
        for (dependency, name) in [
            ("db", "bb-db"),
            ("twelve-bytes", "bb-twelve-bytes"),
            ("thirteen-byte", "bb-thirteen-byt"),
            ("eleven-byteé", "bb-eleven-byte"),
            ("zero\0byte", "bb-zerobyte"),
            ("", "bb-"),
        ] {
            assert_eq!(thread_name(dependency), name);
        }
    }
}
