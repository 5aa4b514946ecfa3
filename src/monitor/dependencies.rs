//! All dependencies of a monitor, and `dependency_up` made of them.

use std::fmt::Error;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::LocalBoxFuture;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::settings::agree;
use super::state::{DependencyState, Watched};
use crate::dependency::check::{Dependency, Schedule};
use crate::dependency::runner::{self, Running};
use crate::dependency::watch::watch;
use crate::error::BuildError;
use crate::labels::write_label;
use crate::metrics::verbatim::Verbatim;
use crate::protocol::{family, label};

/// All dependencies of a monitor.
#[derive(Debug, Default)]
pub(crate) struct Dependencies {
    /// With the loop that checks it, where there is one.
    watched: Mutex<Vec<(Arc<Watched>, Option<Running>)>>,
}

impl Dependencies {
    /// Begins to watch those that are not watched yet: in a server's factory the
    /// same ones come from each worker. Refuses all if one is known otherwise.
    pub(crate) fn watch(&self, dependencies: Vec<Dependency>) -> Result<(), BuildError> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for dependency in dependencies {
            let known = watched.iter().find(|(known, _)| known.name == dependency.name);
            match known.and_then(|(known, _)| known.schedule) {
                Some(schedule) => {
                    agree_on(&dependency, schedule)?;
                }
                None => new.push(dependency),
            }
        }
        // A check takes over from what was only seen.
        watched.retain(|(known, _)| new.iter().all(|new| new.name != known.name));
        watched.extend(new.into_iter().map(start));
        drop(watched);
        runner::revive();
        Ok(())
    }

    /// Where what is seen of a dependency without a check is reported; `None` where
    /// one checks it.
    #[cfg(any(feature = "awc", feature = "reqwest"))]
    pub(crate) fn see(&self, name: &str) -> Option<Arc<Watched>> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, _)) = watched.iter().find(|(known, _)| known.name == name) {
            return known.schedule.is_none().then(|| Arc::clone(known));
        }
        let seen = Arc::new(Watched::new(name.to_owned(), None));
        watched.push((Arc::clone(&seen), None));
        Some(seen)
    }

    pub(crate) fn states(&self) -> Vec<DependencyState> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.iter().map(|(watched, _)| watched.state()).collect()
    }
}

/// Refuses another schedule for a dependency that is watched already.
fn agree_on(dependency: &Dependency, current: Schedule) -> Result<(), BuildError> {
    let requested = &dependency.schedule;
    let option = |setter| format!("dependency {:?}, {setter}", dependency.name);
    agree(&option("every"), &current.every, Some(&requested.every))?;
    agree(&option("timeout"), &current.timeout, Some(&requested.timeout))?;
    agree(&option("critical"), &current.is_critical, Some(&requested.is_critical))
}

fn start(dependency: Dependency) -> (Arc<Watched>, Option<Running>) {
    let Dependency { name, schedule, check } = dependency;
    let watched = Arc::new(Watched::new(name, Some(schedule)));
    let reported = Arc::clone(&watched);
    let make = move || -> LocalBoxFuture<'static, ()> {
        let (check, reported) = (Arc::clone(&check), Arc::clone(&reported));
        let report = move |(verdict, took)| reported.report(verdict, Some(took));
        Box::pin(async move { watch(&*check, schedule, report).await })
    };
    let running = runner::run(&watched.name, make, schedule.limit());
    (watched, Some(running))
}

/// Puts `dependency_up` onto the page.
#[derive(Debug)]
pub(crate) struct DependencyUp {
    pub(crate) dependencies: Arc<Dependencies>,
    pub(crate) const_labels: String,
}

impl Collector for DependencyUp {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let (name, help) = (family::DEPENDENCY_UP, family::DEPENDENCY_UP_HELP);
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for state in self.dependencies.states() {
            // Not known yet is neither up nor down.
            let Some(is_up) = state.is_up() else { continue };
            let mut labels = self.const_labels.clone();
            write_label(&mut labels, label::NAME, state.name());
            metric.encode_family(&Verbatim(&labels))?.encode_gauge(&u32::from(is_up))?;
        }
        Ok(())
    }
}
