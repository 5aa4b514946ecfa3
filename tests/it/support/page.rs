//! A strict parser of metrics pages in both formats: anything that does not belong on a
//! page fails the test.

use std::collections::{BTreeMap, HashMap, HashSet};

/// A line with a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    /// In the order of the page, unescaped.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
    /// The text after ` # ` in OpenMetrics.
    pub(crate) exemplar: Option<String>,
}

impl Sample {
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(key, value)| self.label(key) == Some(value))
    }

    /// Name and labels without `le`, which the lines of one histogram share.
    fn histogram(&self, suffix: &str) -> Option<(String, Vec<(String, String)>)> {
        let name = self.name.strip_suffix(suffix)?.to_owned();
        Some((name, self.labels.iter().filter(|(key, _)| key != "le").cloned().collect()))
    }
}

/// A parsed page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) samples: Vec<Sample>,
    /// The type of each family, by the name in its `# TYPE` line.
    pub(crate) types: BTreeMap<String, String>,
}

impl Page {
    /// Parses a page.
    ///
    /// # Panics
    ///
    /// If it is not valid: an unknown line, an invalid escape, a repeated series, a family
    /// with two types, a histogram whose buckets decrease or whose `+Inf` bucket differs
    /// from its `_count`.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line is not ended: {:?}", text.lines().last());
        let mut page = Self { text: text.to_owned(), samples: Vec::new(), types: BTreeMap::new() };
        for line in text[..text.len() - 1].split('\n') {
            let is_read = match line.strip_prefix("# ") {
                Some(comment) => page.read_comment(comment),
                None => page.read_sample(line),
            };
            assert!(is_read.is_some(), "no line of a page: {line:?}");
        }
        page.check_series();
        page.check_histograms();
        page
    }

    fn read_comment(&mut self, comment: &str) -> Option<()> {
        let (word, rest) = comment.split_once(' ').unwrap_or((comment, ""));
        match word {
            "HELP" | "UNIT" => rest.split_once(' ').map(|_| ()),
            "TYPE" => {
                let (name, kind) = rest.split_once(' ')?;
                self.types.insert(name.to_owned(), kind.to_owned()).is_none().then_some(())
            }
            "EOF" => self.text.ends_with("\n# EOF\n").then_some(()),
            _ => None,
        }
    }

    fn read_sample(&mut self, line: &str) -> Option<()> {
        let name_end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at(name_end);
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = read_labels(inside, &mut labels)?;
        }
        let rest = rest.strip_prefix(' ')?;
        let (value, exemplar) = match rest.split_once(" # ") {
            Some((value, exemplar)) => (value, Some(exemplar.to_owned())),
            None => (rest, None),
        };
        let value = value.parse().ok()?;
        self.samples.push(Sample { name: name.to_owned(), labels, value, exemplar });
        is_name(name).then_some(())
    }

    fn check_series(&self) {
        let mut seen = HashSet::new();
        for sample in &self.samples {
            let mut labels = sample.labels.clone();
            labels.sort();
            let keys: HashSet<_> = labels.iter().map(|(key, _)| key).collect();
            assert_eq!(keys.len(), labels.len(), "a label twice: {sample:?}");
            assert!(seen.insert((&sample.name, labels)), "a series twice: {sample:?}");
        }
    }

    fn check_histograms(&self) {
        let mut last_bucket = HashMap::new();
        for bucket in self.samples.iter().filter(|sample| sample.label("le").is_some()) {
            let series = bucket.histogram("_bucket").expect("only buckets have a bound");
            let bound: f64 = bucket.label("le").and_then(|le| le.parse().ok()).expect("a number");
            if let Some((below, count)) = last_bucket.insert(series, (bound, bucket.value)) {
                assert!(below < bound && count <= bucket.value, "buckets fall: {bucket:?}");
            }
        }
        for (series, (bound, count)) in last_bucket {
            let total =
                self.samples.iter().find(|s| s.histogram("_count").as_ref() == Some(&series));
            let sum = self.samples.iter().find(|s| s.histogram("_sum").as_ref() == Some(&series));
            assert_eq!(bound, f64::INFINITY, "no +Inf: {series:?}");
            assert_eq!(total.map(|total| total.value), Some(count), "+Inf and _count: {series:?}");
            assert!(sum.is_some_and(|sum| sum.value >= 0.0), "no sum: {series:?}");
        }
    }

    /// The value of the one sample with this name and these labels, among others; `None` if
    /// there is none.
    ///
    /// # Panics
    ///
    /// If there are several.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.find(name, labels);
        assert!(found.len() < 2, "{name}{labels:?} is not one sample: {found:?}");
        found.first().map(|sample| sample.value)
    }

    /// All samples with this name and these labels, among others.
    pub(crate) fn find(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        self.samples.iter().filter(|s| s.name == name && s.has(labels)).collect()
    }

    /// The sum of all samples with this name and these labels, among others.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).iter().map(|sample| sample.value).sum()
    }

    /// The sum of all samples with this name.
    pub(crate) fn total(&self, name: &str) -> f64 {
        self.sum(name, &[])
    }

    /// The number of requests.
    pub(crate) fn requests(&self) -> f64 {
        self.total("request_seconds_count")
    }

    /// A sorted line for each series of requests, such as
    /// `200 false GET /users/{id}: 2 of 10 bytes`.
    ///
    /// # Panics
    ///
    /// If a series lacks a label, has another one, or is in one family only.
    #[track_caller]
    pub(crate) fn recorded(&self) -> Vec<String> {
        let line = |count: &Sample| {
            let values = ["status", "isError", "method", "addr"]
                .map(|key| count.label(key).expect("a label of the protocol"));
            let labels: Vec<_> =
                count.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(labels.len(), 5, "more labels than the protocol has: {count:?}");
            assert_eq!(count.label("type"), Some("http"), "{count:?}");
            let bytes = self.value("response_size_bytes", &labels).expect("a size for each series");
            format!("{}: {} of {bytes} bytes", values.join(" "), count.value)
        };
        let mut lines: Vec<_> =
            self.find("request_seconds_count", &[]).into_iter().map(line).collect();
        let sizes = self.find("response_size_bytes", &[]).len();
        assert_eq!(lines.len(), sizes, "series in one family only: {}", self.text);
        lines.sort();
        lines
    }

    /// All samples but the process metrics, which change from scrape to scrape.
    pub(crate) fn lasting(&self) -> Vec<&Sample> {
        self.samples.iter().filter(|sample| !sample.name.starts_with("process_")).collect()
    }
}

/// Reads labels up to the closing brace and returns the rest.
fn read_labels<'a>(text: &'a str, labels: &mut Vec<(String, String)>) -> Option<&'a str> {
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('}') {
        return Some(after);
    }
    loop {
        let (key, quoted) = rest.split_once("=\"")?;
        if !is_name(key) || key.contains(':') {
            return None;
        }
        let (value, after) = read_value(quoted)?;
        labels.push((key.to_owned(), value));
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return after.strip_prefix('}'),
        }
    }
}

/// Reads a label value up to its closing quote and returns the rest.
pub(crate) fn read_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}

/// Whether a metric or a label can have this name; a colon is only in those of metrics.
pub(crate) fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || "_:".contains(first))
        && characters.all(|other| other.is_ascii_alphanumeric() || "_:".contains(other))
}
