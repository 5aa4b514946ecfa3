//! What the sections hand in: rows for the table, and all numbers behind them.

use serde_json::{Map, Value};

pub struct Row {
    pub what: String,
    pub ours: String,
    pub peers: String,
    pub ratio: String,
    pub bar: String,
    pub met: Option<bool>,
}

#[derive(Default)]
pub struct Report {
    pub rows: Vec<Row>,
    pub numbers: Map<String, Value>,
}

impl Report {
    pub fn number(&mut self, section: &str, name: &str, value: impl Into<Value>) {
        let section = self.numbers.entry(section).or_insert_with(|| Map::new().into());
        if let Some(section) = section.as_object_mut() {
            section.insert(name.to_owned(), value.into());
        }
    }

    /// A row whose bar is a ratio to something measured in the same run.
    pub fn ratio(&mut self, what: &str, ours: Cell, peer: Cell, bar: f64) {
        let ratio = ours.value / peer.value;
        self.beside(what, ours, peer);
        self.judge(format!("≤ {bar} ×"), ratio <= bar);
    }

    /// A row whose bar is a number; the peers stand beside it.
    pub fn limit(&mut self, what: &str, ours: Cell, peers: String, bar: f64, unit: &str) {
        let is_met = ours.value <= bar;
        self.remark(what, &ours.text, peers, "–".to_owned());
        self.judge(format!("≤ {bar}{unit}"), is_met);
    }

    /// A ratio for which no bar was set.
    pub fn beside(&mut self, what: &str, ours: Cell, peer: Cell) {
        let ratio = ours.value / peer.value;
        self.remark(what, &ours.text, peer.text, format!("{ratio:.2}"));
    }

    /// A row without a bar.
    pub fn remark(&mut self, what: &str, ours: &str, peers: String, ratio: String) {
        let (what, ours, bar) = (what.to_owned(), ours.to_owned(), "–".to_owned());
        self.rows.push(Row { what, ours, peers, ratio, bar, met: None });
    }

    /// Holds the last row to a bar.
    pub fn judge(&mut self, bar: String, met: bool) {
        if let Some(row) = self.rows.last_mut() {
            (row.bar, row.met) = (bar, Some(met));
        }
    }
}

/// A number and how it is written.
#[derive(Clone)]
pub struct Cell {
    pub value: f64,
    pub text: String,
}

impl Cell {
    pub fn new(value: f64, unit: &str) -> Self {
        let text = match value.abs() {
            size if size >= 100.0 => format!("{value:.0}{unit}"),
            size if size >= 10.0 => format!("{value:.1}{unit}"),
            _ => format!("{value:.2}{unit}"),
        };
        Self { value, text }
    }

    /// The same, saying whose number it is.
    pub fn of(name: &str, value: f64, unit: &str) -> Self {
        let cell = Self::new(value, unit);
        Self { text: format!("{} {name}", cell.text), ..cell }
    }
}
