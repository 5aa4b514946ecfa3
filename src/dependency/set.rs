//! The dependencies of one monitor.

use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cell::DependencyCell;
use super::check::{Dependency, Schedule};
use super::runner::{self, CheckHandle};
use super::state::DependencyState;
use crate::error::BuildError;

/// The dependencies of one monitor, in the order in which they were given.
#[derive(Debug, Default)]
pub(crate) struct DependencySet {
    members: Mutex<Vec<Member>>,
}

#[derive(Debug)]
struct Member {
    cell: Arc<DependencyCell>,
    /// `None` if only calls show its state, or if its check could not be started.
    check: Option<CheckHandle>,
}

impl DependencySet {
    /// Starts the checks that are not running yet: each worker of a server passes the
    /// same dependencies. Starts none if one contradicts a check that is running.
    ///
    /// The dependencies are borrowed so that none is dropped while the lock is held:
    /// dropping a check runs code of the app.
    pub(crate) fn watch(&self, dependencies: &[Dependency]) -> Result<(), BuildError> {
        let mut members = self.lock();
        for dependency in dependencies {
            let known = members.iter().find(|member| member.cell.name() == dependency.name);
            if let Some(schedule) = known.and_then(|member| member.cell.schedule()) {
                agree_on(dependency, schedule)?;
            }
        }
        let failures: Vec<_> =
            dependencies.iter().filter_map(|dependency| start(&mut members, dependency)).collect();
        drop(members);
        for (cell, error) in failures {
            cell.end_run(Err(format!("the check has no thread: {error}")));
        }
        Ok(())
    }

    /// Stops all checks. Their last results remain until they are too old.
    pub(crate) fn stop(&self) {
        let checks: Vec<_> =
            self.lock().iter_mut().filter_map(|member| member.check.take()).collect();
        // Not under the lock: this wakes tasks.
        drop(checks);
    }

    /// The cell that takes the results of calls to this dependency.
    #[cfg(any(feature = "awc", feature = "reqwest"))]
    pub(crate) fn observed(&self, name: &str) -> Arc<DependencyCell> {
        Arc::clone(&get_or_insert(&mut self.lock(), name).cell)
    }

    /// The state of each dependency.
    pub(crate) fn states(&self) -> Vec<DependencyState> {
        // A cell may log, and a logger may come back here: not under the lock.
        let cells: Vec<_> = self.lock().iter().map(|member| Arc::clone(&member.cell)).collect();
        cells.iter().map(|cell| cell.state()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn get_or_insert<'a>(members: &'a mut Vec<Member>, name: &str) -> &'a mut Member {
    let index = members.iter().position(|member| member.cell.name() == name);
    let index = index.unwrap_or_else(|| {
        members.push(Member { cell: Arc::new(DependencyCell::new(name)), check: None });
        members.len() - 1
    });
    &mut members[index]
}

/// Starts a check unless it is running. Returns why it cannot be started.
fn start(
    members: &mut Vec<Member>,
    dependency: &Dependency,
) -> Option<(Arc<DependencyCell>, io::Error)> {
    let member = get_or_insert(members, &dependency.name);
    if member.check.is_some() {
        return None;
    }
    member.cell.attach_check(dependency.schedule);
    match runner::start(dependency, &member.cell) {
        Ok(handle) => {
            member.check = Some(handle);
            None
        }
        Err(error) => Some((Arc::clone(&member.cell), error)),
    }
}

/// Refuses a schedule that contradicts the one of the running check.
fn agree_on(dependency: &Dependency, current: Schedule) -> Result<(), BuildError> {
    let requested = dependency.schedule;
    let conflict = |setter: &str, current: &dyn Debug, requested: &dyn Debug| {
        let option = format!("dependency {:?}, {setter}", dependency.name);
        Err(BuildError::conflict(&option, current, requested))
    };
    if current.every != requested.every {
        conflict("every", &current.every, &requested.every)
    } else if current.timeout != requested.timeout {
        conflict("timeout", &current.timeout, &requested.timeout)
    } else if current.is_critical != requested.is_critical {
        conflict("critical", &current.is_critical, &requested.is_critical)
    } else {
        Ok(())
    }
}
