//! What the sections report: rows of the table, and all numbers behind them.

use serde_json::{Map, Value};

pub struct Row {
    pub what: String,
    pub ours: String,
    pub others: String,
    pub ratio: String,
    pub threshold: String,
    /// Whether the threshold is met; `None` without one, and if nothing was measured.
    pub is_met: Option<bool>,
}

#[derive(Default)]
pub struct Report {
    pub rows: Vec<Row>,
    /// By section and name.
    pub numbers: Map<String, Value>,
}

impl Report {
    pub fn number(&mut self, section: &str, name: &str, value: impl Into<Value>) {
        let section = self.numbers.entry(section).or_insert_with(|| Map::new().into());
        if let Some(section) = section.as_object_mut() {
            section.insert(name.to_owned(), value.into());
        }
    }

    /// A row whose threshold is a ratio to another measurement of the same run.
    pub fn ratio(&mut self, what: &str, ours: Cell, other: Cell, threshold: f64) {
        let ratio = ours.value / other.value;
        self.compare(what, ours, other);
        self.set_threshold(format!("≤ {threshold} ×"), is_met(ratio, threshold));
    }

    /// A row whose threshold is a number.
    pub fn limit(&mut self, what: &str, ours: Cell, others: String, threshold: f64, unit: &str) {
        self.row(what, &ours.text, others, "–".to_owned());
        self.set_threshold(format!("≤ {threshold}{unit}"), is_met(ours.value, threshold));
    }

    /// A row with a ratio and without a threshold.
    pub fn compare(&mut self, what: &str, ours: Cell, other: Cell) {
        let ratio = ours.value / other.value;
        self.row(what, &ours.text, other.text, Cell::new(ratio, "").text);
    }

    /// A row without a threshold.
    pub fn row(&mut self, what: &str, ours: &str, others: String, ratio: String) {
        let (what, ours, threshold) = (what.to_owned(), ours.to_owned(), "–".to_owned());
        self.rows.push(Row { what, ours, others, ratio, threshold, is_met: None });
    }

    /// Sets the threshold of the last row.
    pub fn set_threshold(&mut self, threshold: String, is_met: Option<bool>) {
        if let Some(row) = self.rows.last_mut() {
            (row.threshold, row.is_met) = (threshold, is_met);
        }
    }
}

/// `None` if nothing was measured: a busy machine may never run two threads at once.
fn is_met(value: f64, threshold: f64) -> Option<bool> {
    (!value.is_nan()).then_some(value <= threshold)
}

/// A number as a cell of the table; NaN if nothing was measured.
#[derive(Clone)]
pub struct Cell {
    pub value: f64,
    pub text: String,
}

impl Cell {
    pub fn new(value: f64, unit: &str) -> Self {
        let text = match value.abs() {
            size if size.is_nan() => "not measured".to_owned(),
            size if size >= 100.0 => format!("{value:.0}{unit}"),
            size if size >= 10.0 => format!("{value:.1}{unit}"),
            _ => format!("{value:.2}{unit}"),
        };
        Self { value, text }
    }

    /// The same with the name of what was measured.
    pub fn named(name: &str, value: f64, unit: &str) -> Self {
        let cell = Self::new(value, unit);
        Self { text: format!("{} {name}", cell.text), ..cell }
    }
}

/// All cells in one.
pub fn list(cells: impl IntoIterator<Item = Cell>) -> String {
    cells.into_iter().map(|cell| cell.text).collect::<Vec<_>>().join(", ")
}
