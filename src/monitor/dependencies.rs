//! The last known state of each dependency, and `dependency_up` made of it.

use std::fmt::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::settings::agree;
use crate::dependency::check::{Dependency, Schedule, Verdict};
use crate::dependency::runner::{self, Running};
use crate::dependency::watch::{Report, watch};
use crate::error::BuildError;
use crate::labels::write_label;
use crate::metrics::verbatim::Verbatim;
use crate::protocol::{family, label};

/// What is known of a dependency, as [`Monitor::dependencies`](crate::Monitor::dependencies)
/// tells it.
///
/// ```
/// use actix_monitor::{BigBrother, Dependency};
///
/// let monitor = BigBrother::builder()
///     .isolated()
///     .dependency(Dependency::new("db", || async { true }).critical())
///     .build()
///     .handle();
/// let db = &monitor.dependencies()[0];
/// assert_eq!(db.name(), "db");
/// assert!(db.is_critical());
/// ```
#[derive(Clone, Debug)]
pub struct DependencyState {
    name: String,
    is_critical: bool,
    is_up: Option<bool>,
    since: Option<SystemTime>,
    last_duration: Option<Duration>,
    reason: Option<String>,
}

impl DependencyState {
    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the service is not ready without it.
    pub fn is_critical(&self) -> bool {
        self.is_critical
    }

    /// Whether it is up; `None` until the first check has answered.
    pub fn is_up(&self) -> Option<bool> {
        self.is_up
    }

    /// When it came into this state; `None` until the first check has answered.
    pub fn since(&self) -> Option<SystemTime> {
        self.since
    }

    /// How long the last check took.
    pub fn last_duration(&self) -> Option<Duration> {
        self.last_duration
    }

    /// Why it is down.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

/// A dependency and what its checks found so far.
#[derive(Debug)]
struct Watched {
    name: String,
    schedule: Schedule,
    started: Instant,
    last: Mutex<Option<Last>>,
}

#[derive(Clone, Debug)]
struct Last {
    verdict: Verdict,
    at: Instant,
    took: Duration,
    since: SystemTime,
}

impl Watched {
    fn report(&self, (verdict, took): Report) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let same = last.as_ref().filter(|last| last.verdict.is_ok() == verdict.is_ok());
        let since = same.map_or_else(SystemTime::now, |last| last.since);
        if same.is_none() {
            match &verdict {
                Ok(()) => log::info!("actix-monitor: dependency {:?} is up", self.name),
                Err(why) => log::warn!("actix-monitor: dependency {:?} is down: {why}", self.name),
            }
        }
        *last = Some(Last { verdict, at: Instant::now(), took, since });
    }

    /// The state now: a verdict that should long have been renewed is none, lest
    /// a stuck arbiter show green for ever.
    fn state(&self) -> DependencyState {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lifetime = self.schedule.lifetime();
        let age = last.as_ref().map_or(self.started, |last| last.at).elapsed();
        let is_stale = age > lifetime;
        let verdict = last.as_ref().map(|last| last.verdict.clone());
        let stale =
            || format!("no check has ended for {age:.1?}, at most {lifetime:?} were expected");
        DependencyState {
            name: self.name.clone(),
            is_critical: self.schedule.is_critical,
            is_up: if is_stale { Some(false) } else { verdict.as_ref().map(Verdict::is_ok) },
            since: match &last {
                Some(last) if is_stale && last.verdict.is_ok() => {
                    SystemTime::now().checked_sub(age.saturating_sub(lifetime))
                }
                Some(last) => Some(last.since),
                None if is_stale => SystemTime::now().checked_sub(age.saturating_sub(lifetime)),
                None => None,
            },
            last_duration: last.map(|last| last.took),
            reason: if is_stale { Some(stale()) } else { verdict.and_then(Verdict::err) },
        }
    }
}

/// All dependencies of a monitor.
#[derive(Debug, Default)]
pub(crate) struct Dependencies {
    watched: Mutex<Vec<(Arc<Watched>, Running)>>,
}

impl Dependencies {
    /// Begins to watch those that are not watched yet: in a server's factory the
    /// same ones come from each worker. Refuses all if one is known otherwise.
    pub(crate) fn watch(&self, dependencies: Vec<Dependency>) -> Result<(), BuildError> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for dependency in dependencies {
            let known = watched.iter().find(|(known, _)| known.name == dependency.name);
            if let Some((known, _)) = known {
                let option = format!("dependency {:?}", dependency.name);
                agree(&option, &known.schedule, Some(&dependency.schedule))?;
            } else {
                new.push(dependency);
            }
        }
        watched.extend(new.into_iter().map(start));
        drop(watched);
        runner::revive();
        Ok(())
    }

    pub(crate) fn states(&self) -> Vec<DependencyState> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.iter().map(|(watched, _)| watched.state()).collect()
    }
}

fn start(dependency: Dependency) -> (Arc<Watched>, Running) {
    let Dependency { name, schedule, check } = dependency;
    let watched =
        Arc::new(Watched { name, schedule, started: Instant::now(), last: Mutex::default() });
    let reported = Arc::clone(&watched);
    let running = runner::run(move || {
        let (check, reported) = (Arc::clone(&check), Arc::clone(&reported));
        Box::pin(async move {
            watch(&*check, schedule, |report| reported.report(report)).await;
        })
    });
    (watched, running)
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
            let Some(is_up) = state.is_up else { continue };
            let mut labels = self.const_labels.clone();
            write_label(&mut labels, label::NAME, &state.name);
            metric.encode_family(&Verbatim(&labels))?.encode_gauge(&u32::from(is_up))?;
        }
        Ok(())
    }
}
