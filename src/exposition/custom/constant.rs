//! The constant labels.

use crate::labels::write_label;
use crate::store::series::ConstLabels;

/// The constant labels, and how the formats write them.
#[derive(Debug)]
pub(crate) struct Constant {
    labels: ConstLabels,
    pub(super) text: String,
}

impl Constant {
    pub(crate) fn new(labels: ConstLabels) -> Self {
        let mut text = String::new();
        labels.iter().for_each(|(key, value)| write_label(&mut text, key, value));
        Self { labels, text }
    }

    /// Whether one of the labels has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.labels.iter().any(|(constant, _)| constant == name)
    }
}
