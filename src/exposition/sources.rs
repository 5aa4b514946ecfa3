//! The sources of the app's metrics: registries made here, and what other libraries keep.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::registry::Registry;

use super::custom::constant::Constant;
use super::custom::family::CustomFamily;
use super::custom::registry;
use super::source::Source;
use crate::error::BuildError;
use crate::options::source::{MetricSource, SourceIdentity, SourceKind};
use crate::panics::contain;
use crate::protocol::LOG;
use crate::store::series::ConstLabels;

/// How many different warnings are logged.
const LOGGED: usize = 1000;

/// Adds something to the page under a key.
type Add = dyn FnOnce(&Sources, String) + Send;

/// What a builder adds to the page, which each worker adds again.
pub(crate) struct Registration {
    /// The setter.
    pub(crate) option: &'static str,
    pub(crate) key: String,
    /// The type of the closure, which differs for each place in the source, or of the source.
    pub(crate) identity: SourceIdentity,
    pub(crate) add: Box<Add>,
}

/// The app's metrics: one source for each registration, so that no lock is held while the
/// app's code runs.
#[derive(Debug)]
pub(crate) struct Sources {
    constant: Constant,
    sources: Mutex<Vec<Arc<Source>>>,
    has_text: AtomicBool,
    /// The keys of registrations that were made.
    registered: Mutex<HashMap<String, SourceIdentity>>,
    /// What was left out of a page and logged.
    logged: Mutex<HashSet<String>>,
}

impl Sources {
    pub(crate) fn new(const_labels: ConstLabels) -> Self {
        Self {
            constant: Constant::new(const_labels),
            sources: Mutex::default(),
            has_text: AtomicBool::new(false),
            registered: Mutex::default(),
            logged: Mutex::default(),
        }
    }

    /// Registers metrics in a registry of their own. If `register` panics, nothing is
    /// registered.
    pub(crate) fn register<T>(
        &self,
        register: impl FnOnce(&mut Registry) -> T,
        key: Option<String>,
    ) -> T {
        let mut registry = registry::new_registry();
        let value = register(&mut registry);
        self.attach(MetricSource::registry(move |show| show(&registry)), key);
        value
    }

    pub(crate) fn attach(&self, MetricSource { kind, .. }: MetricSource, key: Option<String>) {
        if matches!(kind, SourceKind::Text(_)) {
            // Relaxed: a flag that is only ever set, and not ordered with anything else.
            self.has_text.store(true, Ordering::Relaxed);
        }
        let source = Arc::new(Source::new(kind, key));
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// Whether there is a source of text, whose metrics OpenMetrics pages lack.
    pub(crate) fn has_text(&self) -> bool {
        // Relaxed: see above.
        self.has_text.load(Ordering::Relaxed)
    }

    /// Refuses registrations whose keys other closures or sources have used.
    pub(crate) fn check(&self, registrations: &[Registration]) -> Result<(), BuildError> {
        let registered = self.lock_registered();
        let is_other = |registration: &&Registration| {
            let known = registered.get(&registration.key);
            known.is_some_and(|other| *other != registration.identity)
        };
        match registrations.iter().find(is_other) {
            Some(registration) => Err(registration.refused()),
            None => Ok(()),
        }
    }

    /// Makes the registrations of a builder whose keys are new: each worker of a server
    /// builds the same ones.
    pub(crate) fn register_once(&self, registrations: Vec<Registration>) {
        for Registration { option, key, identity, add } in registrations {
            let known = match self.lock_registered().entry(key.clone()) {
                Entry::Occupied(known) => Some(*known.get() == identity),
                Entry::Vacant(entry) => {
                    entry.insert(identity);
                    None
                }
            };
            match known {
                None => {}
                Some(true) => {
                    log::debug!(target: LOG, "the registration {key:?} has been made before");
                    continue;
                }
                // Only if two builds that contradict each other run at once.
                Some(false) => {
                    contain(|| log::error!(target: LOG, "{}", refused(option, &key)));
                    continue;
                }
            }
            let made = Registered { sources: self, key: Some(key.clone()) };
            add(self, key);
            made.keep();
        }
    }

    fn lock_registered(&self) -> MutexGuard<'_, HashMap<String, SourceIdentity>> {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes the families of all sources to `visit`. What cannot be shown is left out and
    /// logged once: the page does not depend on it.
    pub(crate) fn read(&self, mut visit: impl FnMut(&CustomFamily<'_>)) {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for source in &sources {
            let content = match source.content() {
                Ok(content) => content,
                Err(warning) => {
                    self.log_once(warning);
                    continue;
                }
            };
            let (families, rejected) = content.read(&self.constant);
            rejected.iter().for_each(|rejected| self.log_once(rejected));
            families.iter().for_each(&mut visit);
        }
    }

    /// Logs a warning, unless the same one was logged before.
    pub(crate) fn log_once(&self, warning: impl fmt::Display) {
        let warning = warning.to_string();
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        // Bounded: an app can create names and labels while it runs.
        let is_new = logged.len() < LOGGED && logged.insert(warning.clone());
        // A logger may ask for the page.
        drop(logged);
        if is_new {
            contain(|| log::warn!(target: LOG, "{warning}"));
        }
    }
}

/// A key that is used.
///
/// # Drop
///
/// Frees the key, because the registration panicked: the next build makes it again.
struct Registered<'a> {
    sources: &'a Sources,
    /// `None` if the key is kept.
    key: Option<String>,
}

impl Registered<'_> {
    fn keep(mut self) {
        self.key = None;
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.sources.lock_registered().remove(key);
        }
    }
}

impl Registration {
    /// The error for a registration whose key is used by another one.
    pub(crate) fn refused(&self) -> BuildError {
        refused(self.option, &self.key)
    }
}

fn refused(option: &str, key: &str) -> BuildError {
    BuildError::new(format!(
        "{option}: the key {key:?} is used for two registrations, of which one would be lost; use \
         a different key for each"
    ))
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("key", &self.key).finish_non_exhaustive()
    }
}
