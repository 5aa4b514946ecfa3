//! Where checks run: one arbiter for the process, started when the first check
//! needs it, and again when it was stopped or a check holds its thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::time::Duration;
use std::{io, thread};

use actix_rt::{Arbiter, ArbiterHandle, System};
use futures_util::future::LocalBoxFuture;

use super::task::Task;
use crate::protocol::LOG;

/// A loop that is to run for as long as this is held.
#[derive(Debug)]
#[must_use = "dropping it stops the loop"]
pub(crate) struct Running {
    task: Arc<Task>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.close();
    }
}

/// How often it is looked whether all checks run and none holds the thread.
const LOOK: Duration = Duration::from_millis(100);

struct Runner {
    arbiter: Option<ArbiterHandle>,
    /// Which arbiter that is, counted from 1.
    number: u64,
    tasks: Vec<Weak<Task>>,
    has_watchdog: bool,
    /// Whether it was logged that no arbiter can be had.
    has_complained: bool,
}

static RUNNER: Mutex<Runner> = Mutex::new(Runner {
    arbiter: None,
    number: 0,
    tasks: Vec::new(),
    has_watchdog: false,
    has_complained: false,
});

/// Runs the future of `make` on the arbiter until the answer is dropped. `make`
/// is called again should the arbiter have to be started again. A poll longer
/// than `patience` counts as holding the thread, and is complained about by `name`.
pub(crate) fn run(
    name: &str,
    make: impl Fn() -> LocalBoxFuture<'static, ()> + Send + Sync + 'static,
    patience: Duration,
) -> Running {
    let task = Arc::new(Task::new(name, Box::new(make), patience));
    let mut runner = RUNNER.lock().unwrap_or_else(PoisonError::into_inner);
    runner.tasks.push(Arc::downgrade(&task));
    runner.revive();
    runner.set_watchdog();
    Running { task }
}

/// Sees to it that every loop runs: whoever stops the arbiter's `System`, a check
/// for example, takes all loops along. Each build asks for this.
pub(crate) fn revive() {
    RUNNER.lock().unwrap_or_else(PoisonError::into_inner).revive();
}

impl Runner {
    fn tasks(&mut self) -> Vec<Arc<Task>> {
        self.tasks.retain(|task| task.strong_count() > 0);
        self.tasks.iter().filter_map(Weak::upgrade).collect()
    }

    fn revive(&mut self) {
        for task in self.tasks() {
            if task.is_running() {
                continue;
            }
            match self.start(&task) {
                Ok(()) => self.has_complained = false,
                // Tried again at each look, but told once.
                Err(_) if self.has_complained => {}
                Err(error) => {
                    self.has_complained = true;
                    log::error!(target: LOG, "dependencies are not checked: {error}");
                }
            }
        }
    }

    fn start(&mut self, task: &Arc<Task>) -> io::Result<()> {
        if self.arbiter.as_ref().is_some_and(|arbiter| task.start(arbiter, self.number)) {
            return Ok(());
        }
        let arbiter = start_arbiter()?;
        self.number += 1;
        task.start(&arbiter, self.number);
        self.arbiter = Some(arbiter);
        Ok(())
    }

    /// Leaves an arbiter to the check that holds its thread: the others go on
    /// with another one.
    fn move_on(&mut self) {
        let tasks = self.tasks();
        let Some(holds) = tasks.iter().find(|task| task.blocks(self.number)) else { return };
        log::warn!(
            target: LOG, "the check of dependency {:?} holds the thread of all checks; the others \
             move on to another one, and it belongs into Dependency::blocking",
            holds.name(),
        );
        self.arbiter = None;
        let others = |task: &&Arc<Task>| task.is_on(self.number) && !task.blocks(self.number);
        tasks.iter().filter(others).for_each(|task| task.stop());
        self.revive();
    }

    /// One thread looks after the arbiter for as long as there are checks.
    fn set_watchdog(&mut self) {
        if self.has_watchdog {
            return;
        }
        let watchdog = thread::Builder::new().name("actix-monitor watchdog".to_owned());
        match watchdog.spawn(look_after) {
            Ok(_) => self.has_watchdog = true,
            Err(error) => log::error!(target: LOG, "checks are not looked after: {error}"),
        }
    }
}

fn look_after() {
    loop {
        thread::sleep(LOOK);
        let mut runner = RUNNER.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = runner.tasks();
        if tasks.is_empty() {
            runner.has_watchdog = false;
            return;
        }
        // A logger may panic, and so may the last owner of a check.
        let look = AssertUnwindSafe(move || {
            runner.move_on();
            runner.revive();
            drop(runner);
            drop(tasks);
        });
        let _ = catch_unwind(look);
    }
}

/// Starts an arbiter. Its thread is never joined: a check that hangs must not
/// keep a process from ending.
fn start_arbiter() -> io::Result<ArbiterHandle> {
    // In a System of its own: under `#[tokio::main]` or in a plain `main` there is
    // none to belong to, and one that stops takes its arbiters along.
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("actix-monitor checks".to_owned()).spawn(move || {
        let system = System::new();
        if sender.send(Arbiter::current()).is_ok() { system.run() } else { Ok(()) }
    })?;
    receiver.recv().map_err(|_| io::Error::other("the thread for checks ended at its start"))
}
