//! The registries that the app registers its own metrics in.

use std::any::TypeId;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

use prometheus_client::registry::Registry;

use super::custom::family::CustomFamily;
use super::custom::registry;
use super::scrape::TIME_LIMIT;
use crate::error::BuildError;
use crate::protocol::LOG;
use crate::store::series::ConstLabels;

/// How many threads encode a registry at a time.
const ENCODINGS: usize = 8;

/// How many different warnings are logged.
const LOGGED: usize = 1000;

/// A registration made in a builder, which is made again by each worker.
pub(crate) struct Registration {
    pub(crate) key: String,
    /// The type of the closure, which differs for each place in the source.
    pub(crate) closure: TypeId,
    pub(crate) register: Box<dyn FnOnce(&mut Registry) + Send>,
}

/// The app's registries: one for each registration, so that no lock is held while
/// the app's code runs.
#[derive(Debug)]
pub(crate) struct Registries {
    const_labels: ConstLabels,
    custom: Mutex<Vec<Arc<CustomRegistry>>>,
    /// The keys of registrations that were made, with the types of their closures.
    registered: Mutex<HashMap<String, TypeId>>,
    /// What was left out of a page and logged.
    logged: Mutex<HashSet<String>>,
}

#[derive(Debug)]
struct CustomRegistry {
    registry: Registry,
    /// When each encoding in progress began, and on which thread.
    encodings: Mutex<Vec<(Instant, ThreadId)>>,
}

impl Registries {
    pub(crate) fn new(const_labels: ConstLabels) -> Self {
        Self {
            const_labels,
            custom: Mutex::default(),
            registered: Mutex::default(),
            logged: Mutex::default(),
        }
    }

    /// Registers metrics in a registry of their own. If `register` panics, nothing is
    /// registered.
    pub(crate) fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        let labels = self.const_labels.iter().cloned();
        let labels = labels.map(|(key, value)| (key.into(), value.into()));
        let mut registry = registry::new_registry(labels);
        let value = register(&mut registry);
        let registry = Arc::new(CustomRegistry { registry, encodings: Mutex::default() });
        self.custom.lock().unwrap_or_else(PoisonError::into_inner).push(registry);
        value
    }

    /// Refuses registrations whose keys other closures have used.
    pub(crate) fn check(&self, registrations: &[Registration]) -> Result<(), BuildError> {
        let registered = self.lock_registered();
        let is_other = |registration: &&Registration| {
            registered.get(&registration.key).is_some_and(|other| *other != registration.closure)
        };
        match registrations.iter().find(is_other) {
            Some(registration) => Err(registration.refused()),
            None => Ok(()),
        }
    }

    /// Makes the registrations of a builder whose keys are new: each worker of a server
    /// builds the same ones.
    pub(crate) fn register_once(&self, registrations: Vec<Registration>) {
        for Registration { key, closure, register } in registrations {
            let known = match self.lock_registered().entry(key.clone()) {
                Entry::Occupied(known) => Some(*known.get() == closure),
                Entry::Vacant(entry) => {
                    entry.insert(closure);
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
                    log::error!(target: LOG, "{}", refused(&key));
                    continue;
                }
            }
            let made = Registered { registries: self, key: Some(key) };
            self.register(register);
            made.keep();
        }
    }

    fn lock_registered(&self) -> MutexGuard<'_, HashMap<String, TypeId>> {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The families of all registries. What cannot be shown is left out and logged
    /// once: the page does not depend on it.
    pub(crate) fn encode(&self) -> Vec<CustomFamily> {
        let custom = self.custom.lock().unwrap_or_else(PoisonError::into_inner).clone();
        custom.iter().flat_map(|registry| self.encode_one(registry)).collect()
    }

    fn encode_one(&self, custom: &Arc<CustomRegistry>) -> Vec<CustomFamily> {
        let encoding = match Encoding::begin(custom) {
            Ok(encoding) => encoding,
            Err(reason) => {
                self.log_once(format_args!(
                    "metrics of the app are left out of the page: {reason}"
                ));
                return Vec::new();
            }
        };
        let encoded = catch_unwind(AssertUnwindSafe(|| registry::encode(&custom.registry)));
        drop(encoding);
        match encoded {
            Ok(Ok((families, rejected))) => {
                rejected.iter().for_each(|rejected| self.log_once(rejected));
                families
            }
            Ok(Err(fmt::Error)) => {
                self.log_once(
                    "metrics of the app are left out of the page: a metric returned an \
                               error when it was encoded",
                );
                Vec::new()
            }
            Err(_) => {
                self.log_once(
                    "metrics of the app are left out of the page: a metric panicked when \
                               it was encoded",
                );
                Vec::new()
            }
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
            log::warn!(target: LOG, "{warning}");
        }
    }
}

/// A key that is used.
///
/// # Drop
///
/// Frees the key, because the registration panicked: the next build makes it again.
struct Registered<'a> {
    registries: &'a Registries,
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
            self.registries.lock_registered().remove(key);
        }
    }
}

/// An encoding in progress.
///
/// # Drop
///
/// Ends it, also if a metric panics.
struct Encoding<'a> {
    custom: &'a CustomRegistry,
    this: (Instant, ThreadId),
}

impl<'a> Encoding<'a> {
    /// Refuses a registry that cannot be encoded now.
    fn begin(custom: &'a CustomRegistry) -> Result<Self, &'static str> {
        let mut encodings = custom.encodings.lock().unwrap_or_else(PoisonError::into_inner);
        let this = (Instant::now(), thread::current().id());
        if encodings.iter().any(|(_, thread)| *thread == this.1) {
            return Err("a collector encodes the page that it is part of");
        }
        // Well below the time limit of a round, which began before this encoding did.
        let hangs = encodings.iter().any(|(began, _)| began.elapsed() >= TIME_LIMIT / 2);
        if hangs || encodings.len() >= ENCODINGS {
            return Err("a collector hangs");
        }
        encodings.push(this);
        Ok(Self { custom, this })
    }
}

impl Drop for Encoding<'_> {
    fn drop(&mut self) {
        let mut encodings = self.custom.encodings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = encodings.iter().position(|other| *other == self.this) {
            encodings.swap_remove(index);
        }
    }
}

impl Registration {
    /// The error for a registration whose key is used by another one.
    pub(crate) fn refused(&self) -> BuildError {
        refused(&self.key)
    }
}

fn refused(key: &str) -> BuildError {
    BuildError::new(format!(
        "register: the key {key:?} is used for two registrations, of which one would be lost; use \
         a different key for each"
    ))
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("key", &self.key).finish_non_exhaustive()
    }
}
