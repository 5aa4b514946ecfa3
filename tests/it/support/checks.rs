//! Dependencies under test: what is known of them, and how their checks are driven.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use actix_monitor::{BigBrother, Dependency, DependencyState, DependencyStatus, Format, Monitor};
use actix_web::web;

use super::page::Page;
use super::patience::eventually;

/// A period so short that the next run is soon there. A check with this period has a
/// timeout as short, and may be down for a while on a machine that has other work.
pub(crate) const SOON: Duration = Duration::from_millis(20);

/// A period after whose first run there is no other, and a timeout that no run
/// reaches.
pub(crate) const ONCE: Duration = Duration::from_secs(3_600);

/// Runs the check once, and gives it as long as it takes.
pub(crate) fn once(dependency: Dependency) -> Dependency {
    dependency.every(ONCE).timeout(ONCE)
}

/// An isolated monitor with these dependencies.
pub(crate) fn watching(dependencies: impl IntoIterator<Item = Dependency>) -> web::Data<Monitor> {
    let builder = BigBrother::builder().isolated();
    let builder = dependencies.into_iter().fold(builder, |all, next| all.dependency(next));
    builder.build().monitor()
}

#[track_caller]
pub(crate) fn state_of(monitor: &Monitor, name: &str) -> DependencyState {
    let states = monitor.dependencies();
    states.into_iter().find(|state| state.name() == name).expect("it is one of them")
}

/// Waits until there is a result, and returns the state then.
#[track_caller]
pub(crate) fn wait_for_result(monitor: &Monitor, name: &str) -> DependencyState {
    let known = |state: &DependencyState| state.status() != DependencyStatus::Unknown;
    eventually(&format!("{name} has a result"), || Some(state_of(monitor, name)).filter(known))
}

#[track_caller]
pub(crate) fn wait_until_up(monitor: &Monitor, name: &str) {
    let is_up = || state_of(monitor, name).status() == DependencyStatus::Up;
    eventually(&format!("{name} is up"), || is_up().then_some(()));
}

/// Waits until it is down, and returns the reason.
#[track_caller]
pub(crate) fn wait_until_down(monitor: &Monitor, name: &str) -> String {
    let reason = |state: DependencyState| state.reason().map(str::to_owned);
    eventually(&format!("{name} is down"), || reason(state_of(monitor, name)))
}

#[track_caller]
pub(crate) fn wait_until_down_because(monitor: &Monitor, name: &str, reason: &str) {
    let mut last = None;
    eventually(&format!("{name} is down because {reason:?}"), || {
        last = state_of(monitor, name).reason().map(str::to_owned);
        (last.as_deref() == Some(reason)).then_some(())
    });
}

/// The sample of `dependency_up`.
pub(crate) fn up_on_page(monitor: &Monitor, name: &str) -> Option<f64> {
    Page::parse(&monitor.encode(Format::Text)).value("dependency_up", &[("name", name)])
}

/// Counts the runs of a check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs(Arc<AtomicUsize>);

impl Runs {
    /// Counts one, and returns how many there were before.
    pub(crate) fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, more: usize) {
        let enough = self.count() + more;
        eventually("the check runs again", || (self.count() >= enough).then_some(()));
    }
}

/// Blocks whoever waits, until it is opened.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    opener: Arc<Mutex<Option<mpsc::Sender<()>>>>,
    wait: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Gate {
    pub(crate) fn closed() -> Self {
        let (opener, wait) = mpsc::channel();
        Self { opener: Arc::new(Mutex::new(Some(opener))), wait: Arc::new(Mutex::new(wait)) }
    }

    pub(crate) fn open(&self) {
        self.opener.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Blocks the calling thread.
    pub(crate) fn wait(&self) {
        let _ = self.wait.lock().unwrap_or_else(PoisonError::into_inner).recv();
    }
}

/// Drops with a panic.
#[derive(Debug)]
pub(crate) struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("told to panic in a drop");
    }
}

/// The threads of this process with that name, as the kernel shows it.
#[cfg(target_os = "linux")]
pub(crate) fn threads_named(name: &str) -> usize {
    let threads = std::fs::read_dir("/proc/self/task").expect("the threads of this process");
    // A thread may end while it is looked at.
    let names =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    names.filter(|shown| shown.trim_end() == name).count()
}
