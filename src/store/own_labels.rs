//! The app's own labels: their keys, and the values that each has had.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::labels::{OwnValues, truncate};
use crate::options::label::{Label, LabelValues};
use crate::panics::contain;
use crate::protocol::{self, LOG};

/// The app's own labels, in the order in which they were set. Shared by the families of a
/// monitor.
#[derive(Debug, Default)]
pub(crate) struct OwnLabels(Box<[OwnLabel]>);

/// A label with the values that it has had. They are text from outside, so their number is
/// limited. A value has the same number in all threads and families.
#[derive(Debug)]
struct OwnLabel {
    key: String,
    /// The missing value, `_overflow`, then all others. Only ever added to, so that they are
    /// read without a lock.
    values: boxcar::Vec<Arc<str>>,
    /// Largest number of values.
    limit: usize,
    /// Locked while a value is added.
    insert: Mutex<()>,
    /// Whether it is logged that the limit is reached. True if the values are fixed.
    is_logged: AtomicBool,
}

/// One thread's copy of the values of each label, with their numbers.
#[derive(Debug)]
pub(super) struct KnownValues(Box<[ValueTable]>);

type ValueTable = HashMap<Arc<str>, u16, RandomState>;

impl OwnLabels {
    pub(crate) fn new(labels: &[(String, Label)]) -> Self {
        Self(labels.iter().map(|(key, label)| OwnLabel::new(key, label.values())).collect())
    }

    pub(super) fn known_values(&self) -> KnownValues {
        KnownValues(self.0.iter().map(|_| ValueTable::default()).collect())
    }

    /// Passes the key and value of each label to `visit`.
    pub(crate) fn try_for_each<E>(
        &self,
        values: OwnValues,
        mut visit: impl FnMut(&str, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        self.0.iter().enumerate().try_for_each(|(index, label)| {
            let value = label.values.get(values.number(index).into());
            visit(&label.key, value.map_or("", |value| value))
        })
    }

    /// The numbers of values, which `value` returns by the index and key of each label. A
    /// value that the label has not had is added to it if `is_trusted` and if the limit
    /// allows; otherwise it is `_overflow`.
    pub(super) fn numbers<'a>(
        &self,
        known: &RefCell<KnownValues>,
        is_trusted: bool,
        value: impl Fn(usize, &str) -> &'a str,
    ) -> OwnValues {
        let mut numbers = OwnValues::default();
        for (index, label) in self.0.iter().enumerate() {
            let value = truncate(value(index, &label.key));
            if value.is_empty() {
                continue;
            }
            let mut known = known.borrow_mut();
            let table = &mut known.0[index];
            let mut found = label.find(table, value);
            if found.is_none() && is_trusted {
                found = label.insert(table, value);
                // Before the label logs: a logger may record a call of its own.
                drop(known);
                if found.is_none() {
                    label.log_limit();
                }
            }
            numbers = numbers.with(index, found.unwrap_or(OwnValues::OVERFLOW));
        }
        numbers
    }
}

impl OwnLabel {
    fn new(key: &str, values: &LabelValues) -> Self {
        let (limit, allowed) = match values {
            LabelValues::Limit(limit) => (*limit, &[][..]),
            LabelValues::Allowed(allowed) => (0, &**allowed),
        };
        let all = ["", protocol::OVERFLOW].into_iter().chain(allowed.iter().map(String::as_str));
        let mut seen = HashSet::new();
        let values: boxcar::Vec<Arc<str>> =
            all.filter(|value| seen.insert(*value)).map(Arc::from).collect();
        Self {
            key: key.to_owned(),
            limit: values.count() + limit,
            values,
            insert: Mutex::default(),
            is_logged: AtomicBool::new(limit == 0),
        }
    }

    #[inline]
    fn find(&self, table: &mut ValueTable, value: &str) -> Option<u16> {
        let found = table.get(value);
        if found.is_some() { found.copied() } else { self.find_new(table, value) }
    }

    /// Looks for a value among those that other threads have added.
    #[cold]
    fn find_new(&self, table: &mut ValueTable, value: &str) -> Option<u16> {
        while let Some(added) = self.values.get(table.len()) {
            table.insert(Arc::clone(added), u16::try_from(table.len()).ok()?);
        }
        table.get(value).copied()
    }

    /// Adds a value that is not in the table; `None` if the limit is reached, which is read
    /// without the lock.
    #[cold]
    fn insert(&self, table: &mut ValueTable, value: &str) -> Option<u16> {
        if table.len() >= self.limit {
            return None;
        }
        let _lock = self.insert.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.find_new(table, value);
        if found.is_some() || table.len() >= self.limit {
            return found;
        }
        self.values.push(value.into());
        self.find_new(table, value)
    }

    #[cold]
    fn log_limit(&self) {
        // Relaxed: the flag is not ordered with anything else.
        if !self.is_logged.load(Ordering::Relaxed) && !self.is_logged.swap(true, Ordering::Relaxed)
        {
            contain(|| {
                log::warn!(
                    target: LOG,
                    "the label {:?} has reached its limit of {} values; further values are recorded as \
                     \"{}\"; raise the limit of the label, or list the values that it can have",
                    self.key,
                    self.limit - 2,
                    protocol::OVERFLOW,
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LabelValues, OwnLabel, ValueTable};

    #[test]
    fn what_another_thread_has_added_meanwhile_counts() {
        let label = OwnLabel::new("tenant", &LabelValues::Limit(2));
        let stale = || {
            let mut table = ValueTable::default();
            assert_eq!(label.find_new(&mut table, "none"), None);
            table
        };
        let (mut first, mut second, mut third) = (stale(), stale(), stale());
        let a = label.insert(&mut first, "a");
        assert!(a.is_some());
        assert_eq!(label.insert(&mut second, "a"), a);
        assert!(label.insert(&mut first, "b").is_some());
        assert_eq!(label.insert(&mut third, "c"), None);
        assert_eq!(label.values.count(), 4);
    }
}
