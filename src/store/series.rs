//! The labels of one series.

use std::convert::Infallible;
use std::sync::Arc;

use super::own_labels::OwnLabels;
use super::owned_labels::OwnedLabelSet;
use crate::labels::{LabelSet, write_label};

/// Index of a series within its family.
pub(crate) type SeriesId = u32;

/// Constant labels: keys and values, in the order in which they were set.
pub(crate) type ConstLabels = Arc<[(String, String)]>;

/// The labels of one series.
#[derive(Debug)]
pub(crate) struct Series {
    labels: OwnedLabelSet,
    text: Box<str>,
}

impl Series {
    pub(super) fn new(
        labels: LabelSet<'_>,
        const_labels: &ConstLabels,
        own_labels: &OwnLabels,
    ) -> Self {
        let mut text = String::new();
        for (key, value) in const_labels.iter() {
            write_label(&mut text, key, value);
        }
        let mut write = |key: &str, value: &str| {
            write_label(&mut text, key, value);
            Ok::<_, Infallible>(())
        };
        let Ok(()) = labels.try_for_each(&mut write);
        let Ok(()) = own_labels.try_for_each(labels.own, write);
        Self { labels: labels.into(), text: text.into() }
    }

    pub(crate) fn labels(&self) -> LabelSet<'_> {
        self.labels.borrowed()
    }

    pub(super) fn addr(&self) -> &Arc<str> {
        self.labels.addr()
    }

    /// The labels as both text formats write them, constant labels first, without
    /// braces. Escaped once, not at each scrape.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}
