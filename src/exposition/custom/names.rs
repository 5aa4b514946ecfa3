//! The names that the families of one page occupy.

use std::collections::HashSet;

use super::rejected::{Reason, Rejected};

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricType {
    Counter,
    Gauge,
    Histogram,
    Info,
    Summary,
    Unknown,
    /// A counter whose samples have the family's own name, without `_total`. OpenMetrics has
    /// no such counter, and no other type than `unknown` for that name.
    BareCounter,
}

impl MetricType {
    /// The type that OpenMetrics calls `word`.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        use MetricType::{Counter, Gauge, Histogram, Info, Summary, Unknown};
        [Counter, Gauge, Histogram, Info, Summary, Unknown]
            .into_iter()
            .find(|metric_type| metric_type.word() == word)
    }

    /// The word of OpenMetrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
            Self::Summary => "summary",
            Self::Unknown | Self::BareCounter => "unknown",
        }
    }

    /// What the text format appends to the name of the family, and its word for the type:
    /// counters and infos have the name of their samples.
    pub(crate) fn in_text(self) -> (&'static str, &'static str) {
        match self {
            Self::Counter => ("_total", "counter"),
            Self::Info => ("_info", "gauge"),
            Self::Unknown => ("", "untyped"),
            Self::BareCounter => ("", "counter"),
            Self::Gauge | Self::Histogram | Self::Summary => ("", self.word()),
        }
    }

    /// The name and type of a family that the text format calls `name` and `word`.
    pub(crate) fn from_text<'a>(name: &'a str, word: &str) -> Option<(&'a str, Self)> {
        Some(match (word, name.strip_suffix("_total")) {
            ("counter", Some(name)) if !name.is_empty() => (name, Self::Counter),
            ("counter", _) => (name, Self::BareCounter),
            ("gauge", _) => (name, Self::Gauge),
            ("histogram", _) => (name, Self::Histogram),
            ("summary", _) => (name, Self::Summary),
            ("untyped", _) => (name, Self::Unknown),
            _ => return None,
        })
    }

    /// The suffixes of the names of its samples.
    pub(crate) fn suffixes(self) -> &'static [Suffix] {
        match self {
            Self::Counter => &[Suffix::Total, Suffix::Created],
            Self::Histogram => &[Suffix::Bucket, Suffix::Count, Suffix::Sum, Suffix::Created],
            Self::Info => &[Suffix::Info],
            Self::Summary => &[Suffix::None, Suffix::Count, Suffix::Sum, Suffix::Created],
            Self::Gauge | Self::Unknown | Self::BareCounter => &[Suffix::None],
        }
    }

    /// The suffix of a sample called `sample` in a family called `name`, if this type has it.
    pub(crate) fn suffix_of(self, name: &str, sample: &str) -> Option<Suffix> {
        let suffix = sample.strip_prefix(name)?;
        self.suffixes().iter().copied().find(|known| known.as_str() == suffix)
    }
}

/// What the name of a sample appends to the name of its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suffix {
    None,
    Total,
    Bucket,
    Count,
    Sum,
    Created,
    Info,
}

impl Suffix {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Total => "_total",
            Self::Bucket => "_bucket",
            Self::Count => "_count",
            Self::Sum => "_sum",
            Self::Created => "_created",
            Self::Info => "_info",
        }
    }
}

/// All names on one page: those of families and those of samples, in either format. A
/// page with one of them twice is refused by scrapers as a whole.
#[derive(Debug, Default)]
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// Takes all names that a family occupies, or none if another family has one of them.
    pub(crate) fn claim(&mut self, name: &str, metric_type: MetricType) -> Result<(), Rejected> {
        let suffixes = metric_type.suffixes().iter().copied();
        let names =
            suffixes.chain([Suffix::None]).map(|suffix| format!("{name}{}", suffix.as_str()));
        let names: Vec<_> = names.collect();
        match names.iter().find(|name| self.0.contains(*name)) {
            Some(taken) => Err(Rejected::family(name, Reason::NameTaken(taken.clone()))),
            None => {
                self.0.extend(names);
                Ok(())
            }
        }
    }
}

pub(crate) fn is_metric_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    name.bytes().all(is_part) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Names that begin with `__` are reserved: Prometheus refuses a page with the label
/// `__name__`.
pub(crate) fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':') && !name.starts_with("__")
}

#[cfg(test)]
mod tests {
    use super::MetricType::{Counter, Gauge, Histogram, Info, Unknown};
    use super::{Names, is_label_name, is_metric_name};

    #[test]
    fn a_family_whose_names_collide_with_another_is_refused_in_either_order() {
        for (first, second, taken) in [
            (("a", Gauge), ("a", Gauge), "a"),
            (("a", Counter), ("a", Info), "a"),
            (("a", Counter), ("a_total", Gauge), "a_total"),
            (("a", Counter), ("a_created", Gauge), "a_created"),
            (("a", Counter), ("a_total", Counter), "a_total"),
            (("d", Histogram), ("d_bucket", Gauge), "d_bucket"),
            (("d", Histogram), ("d_count", Gauge), "d_count"),
            (("d", Histogram), ("d_sum", Unknown), "d_sum"),
            (("d", Histogram), ("d_created", Histogram), "d_created"),
            (("f", Info), ("f_info", Gauge), "f_info"),
            (("a", Histogram), ("a", Counter), "a"),
        ] {
            for (first, second) in [(first, second), (second, first)] {
                let mut names = Names::default();
                names.claim(first.0, first.1).expect("the page is empty");
                let rejected = names.claim(second.0, second.1).expect_err("the name is taken");
                assert_eq!(rejected.name, second.0);
                assert!(rejected.to_string().contains(&format!("{taken:?}")), "{rejected}");
            }
        }
    }

    #[test]
    fn a_refused_family_takes_no_names() {
        let mut names = Names::default();
        names.claim("d_sum", Gauge).expect("the page is empty");
        names.claim("d", Histogram).expect_err("its sum is taken");
        for name in ["d", "d_count", "d_bucket", "a_bucket", "a_sum"] {
            names.claim(name, Gauge).expect("the name is free");
        }
        names.claim("a", Counter).expect("a counter has neither buckets nor a sum");
    }

    #[test]
    fn names_are_those_that_prometheus_allows() {
        for name in ["a", "_a", "A1", "a_b", "z"] {
            assert!(is_metric_name(name) && is_label_name(name), "{name}");
        }
        for name in ["", "1st", "my-gauge", "a b", "a\nb", "a\"", "a{", "é", "a.b", " a", "a\0"] {
            assert!(!is_metric_name(name) && !is_label_name(name), "{name:?}");
        }
        assert!(is_metric_name("a:b") && !is_label_name("a:b"));
        assert!(is_metric_name("__a") && !is_label_name("__a"));
    }
}
