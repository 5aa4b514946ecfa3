//! All that stands on the page: the monitor's own families and what the app
//! registers, as one text.

use std::collections::HashSet;
use std::fmt::Error;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use prometheus_client::registry::Registry;

use super::scrape::{Pages, Scrapes};
use crate::exposition::format::Format;
use crate::exposition::{openmetrics, text};
use crate::protocol::LOG;
use crate::protocol::family;

/// A registration asked for in a builder, and where.
pub(crate) type Registration = (&'static Location<'static>, Box<dyn FnOnce(&mut Registry)>);

#[derive(Debug)]
pub(super) struct Registries {
    own: Registry,
    /// What the app registers itself, a registry for each time.
    custom: RwLock<Vec<Arc<Registry>>>,
    const_labels: Vec<(String, String)>,
    /// The places in the source whose registrations have been made.
    registered: Mutex<HashSet<&'static Location<'static>>>,
    /// Families that were registered twice and have been complained about.
    repeated: Mutex<HashSet<String>>,
    scrapes: Scrapes,
    /// Length of the last page: the next one is about as long.
    last_length: AtomicUsize,
}

impl Registries {
    pub(super) fn new(own: Registry, const_labels: Vec<(String, String)>) -> Self {
        Self {
            own,
            custom: RwLock::default(),
            const_labels,
            registered: Mutex::default(),
            repeated: Mutex::default(),
            scrapes: Scrapes::default(),
            last_length: AtomicUsize::new(0),
        }
    }

    /// Each registration gets a registry of its own, so that nothing is locked
    /// while the app's code runs, and nothing is registered if that panics.
    pub(super) fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        let labels = self.const_labels.iter().cloned();
        let labels = labels.map(|(key, value)| (key.into(), value.into()));
        let mut registry = Registry::with_labels(labels);
        let value = register(&mut registry);
        let mut custom = self.custom.write().unwrap_or_else(PoisonError::into_inner);
        custom.push(Arc::new(registry));
        value
    }

    /// Makes the registrations of a builder, but those that an earlier build from
    /// the same place in the source has made: the factory of a server builds once
    /// for each worker.
    pub(super) fn register_once(&self, registrations: Vec<Registration>) {
        let mut made = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<_> =
            registrations.into_iter().filter(|(place, _)| !made.contains(place)).collect();
        made.extend(new.iter().map(|(place, _)| *place));
        // Held until all are made: another worker must find them on the page.
        for (_, register) in new {
            self.register(register);
        }
    }

    pub(super) fn encode(&self, format: Format) -> Result<String, Error> {
        let page = self.encode_openmetrics()?;
        Ok(match format {
            Format::Text => as_text(&page),
            Format::OpenMetrics => page,
        })
    }

    fn encode_openmetrics(&self) -> Result<String, Error> {
        let custom = self.custom.read().unwrap_or_else(PoisonError::into_inner).clone();
        let registries = custom.iter().map(|registry| &**registry);
        let length = self.last_length.load(Ordering::Relaxed);
        let (page, repeated) =
            openmetrics::encode([&self.own].into_iter().chain(registries), length + length / 8)?;
        self.last_length.store(page.len(), Ordering::Relaxed);
        self.complain_about(repeated);
        Ok(page)
    }

    fn complain_about(&self, repeated: Vec<String>) {
        let mut known = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        for name in repeated {
            if !known.contains(&name) {
                log::warn!(
                    target: LOG, "the metric {name:?} is registered more than once and only the \
                     first is shown; register it once, outside of the server's factory"
                );
                known.insert(name);
            }
        }
    }
}

fn as_text(page: &str) -> String {
    text::from_openmetrics(page, &[family::RESPONSE_SIZE_BYTES])
}

impl Pages for Registries {
    fn scrapes(&self) -> &Scrapes {
        &self.scrapes
    }

    fn encode_all(&self, formats: &[Format]) -> Result<Vec<String>, Error> {
        let page = self.encode_openmetrics()?;
        let as_format = |format: &Format| match format {
            Format::Text => as_text(&page),
            Format::OpenMetrics => page.clone(),
        };
        Ok(formats.iter().map(as_format).collect())
    }
}
