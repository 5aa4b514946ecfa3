//! Where checks run: one arbiter for the process, started when the first check
//! needs it and again when a stopped `System` took it along.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::{io, thread};

use crate::protocol::LOG;
use actix_rt::{Arbiter, ArbiterHandle, System};
use futures_util::future::{AbortHandle, Abortable, LocalBoxFuture};

/// A loop that is to run for as long as this is held.
#[derive(Debug)]
#[must_use = "dropping it stops the loop"]
pub(crate) struct Running {
    task: Arc<Task>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.stop.lock().unwrap_or_else(PoisonError::into_inner).abort();
    }
}

/// How to start a loop, and whether it runs.
struct Task {
    make: Box<dyn Fn() -> LocalBoxFuture<'static, ()> + Send + Sync>,
    is_running: AtomicBool,
    stop: Mutex<AbortHandle>,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("is_running", &self.is_running).finish_non_exhaustive()
    }
}

/// Told when a loop is gone, whether it ended, never began or was lost together
/// with its arbiter.
struct Gone(Arc<Task>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.is_running.store(false, Ordering::SeqCst);
    }
}

struct Runner {
    arbiter: Option<ArbiterHandle>,
    tasks: Vec<Weak<Task>>,
}

static RUNNER: Mutex<Runner> = Mutex::new(Runner { arbiter: None, tasks: Vec::new() });

/// Runs the future of `make` on the arbiter until the answer is dropped. `make`
/// is called again should the arbiter have to be started again.
pub(crate) fn run(
    make: impl Fn() -> LocalBoxFuture<'static, ()> + Send + Sync + 'static,
) -> Running {
    let task = Arc::new(Task {
        make: Box::new(make),
        is_running: AtomicBool::new(false),
        stop: Mutex::new(AbortHandle::new_pair().0),
    });
    let mut runner = RUNNER.lock().unwrap_or_else(PoisonError::into_inner);
    runner.tasks.push(Arc::downgrade(&task));
    runner.revive();
    Running { task }
}

/// Sees to it that every loop runs: a stopped `System` takes the arbiter, and with
/// it all loops, along. Each build asks for this.
pub(crate) fn revive() {
    RUNNER.lock().unwrap_or_else(PoisonError::into_inner).revive();
}

impl Runner {
    fn revive(&mut self) {
        self.tasks.retain(|task| task.strong_count() > 0);
        for task in self.tasks.iter().filter_map(Weak::upgrade) {
            if task.is_running.load(Ordering::SeqCst) {
                continue;
            }
            if let Err(error) = spawn_on(&mut self.arbiter, &task) {
                log::error!(target: LOG, "dependencies are not checked: {error}");
            }
        }
    }
}

fn spawn_on(arbiter: &mut Option<ArbiterHandle>, task: &Arc<Task>) -> io::Result<()> {
    let is_alive = arbiter.as_ref().is_some_and(|arbiter| spawn(arbiter, task));
    if !is_alive {
        let started = start()?;
        spawn(&started, task);
        *arbiter = Some(started);
    }
    Ok(())
}

/// `false` where the arbiter is gone.
fn spawn(arbiter: &ArbiterHandle, task: &Arc<Task>) -> bool {
    let (stop, registration) = AbortHandle::new_pair();
    *task.stop.lock().unwrap_or_else(PoisonError::into_inner) = stop;
    task.is_running.store(true, Ordering::SeqCst);
    let gone = Gone(Arc::clone(task));
    arbiter.spawn_fn(move || {
        let future = Abortable::new((gone.0.make)(), registration);
        actix_rt::spawn(async move {
            let _gone = gone;
            // An aborted loop has nobody left to tell.
            let _ = future.await;
        });
    })
}

/// Starts an arbiter. Its thread is never joined: a check that hangs must not
/// keep a process from ending.
fn start() -> io::Result<ArbiterHandle> {
    if System::try_current().is_some() {
        return Ok(Arbiter::try_new()?.handle());
    }
    // Under `#[tokio::main]` or in a plain `main` there is no System to belong to.
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("actix-monitor checks".to_owned()).spawn(move || {
        let runner = System::new();
        if sender.send(Arbiter::current()).is_ok() { runner.run() } else { Ok(()) }
    })?;
    receiver.recv().map_err(|_| io::Error::other("the thread for checks ended at its start"))
}
