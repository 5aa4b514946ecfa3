//! The registries of users, as prometheus-client encodes them.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::family::CustomFamily;
use super::reader;
use super::rejected::Rejected;

/// The prefix of all names in the text of a registry, removed when the text is read.
///
/// It marks the lines of prometheus-client as a boundary marks the parts of a MIME
/// message. Help texts and label names are written as they are, so they can contain lines
/// that look like another family; but not this prefix, which is random.
static BOUNDARY: LazyLock<String> =
    LazyLock::new(|| format!("b{:016x}", RandomState::new().hash_one(())));

/// Whether prometheus-client escapes help texts. Version 0.25.2 does not.
static IS_HELP_ESCAPED: LazyLock<bool> = LazyLock::new(|| {
    let mut registry = Registry::default();
    registry.register("probe", "\\", Gauge::<i64>::default());
    let mut text = String::new();
    encode_registry(&mut text, &registry).is_ok() && text.contains("\\\\")
});

/// Creates a registry for the metrics of a user.
pub(crate) fn new_registry(
    const_labels: impl Iterator<Item = (Cow<'static, str>, Cow<'static, str>)>,
) -> Registry {
    Registry::with_prefix_and_labels(BOUNDARY.as_str(), const_labels)
}

/// Encodes a registry of [`new_registry`]. Families that are not valid are left out and
/// returned with the reason.
///
/// # Errors
///
/// If a metric returns an error: prometheus-client skips all that follows it.
pub(crate) fn encode(
    registry: &Registry,
) -> Result<(Vec<CustomFamily>, Vec<Rejected>), fmt::Error> {
    let mut text = String::new();
    encode_registry(&mut text, registry)?;
    let prefix = format!("{}_", *BOUNDARY);
    Ok(reader::read(&text, &prefix, *IS_HELP_ESCAPED))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::fmt;
    use std::time::{Duration, UNIX_EPOCH};

    use prometheus_client::collector::Collector;
    use prometheus_client::encoding::DescriptorEncoder;
    use prometheus_client::encoding::text::encode_registry;
    use prometheus_client::metrics::MetricType;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::exemplar::CounterWithExemplar;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::metrics::info::Info;
    use prometheus_client::registry::{Registry, Unit};

    use super::{encode, new_registry};
    use crate::exposition::format::Format;

    type Labels = Vec<(String, String)>;

    fn labels<const N: usize>(labels: [(&str, &str); N]) -> Labels {
        labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    fn registry<const N: usize>(const_labels: [(&'static str, &'static str); N]) -> Registry {
        new_registry(constant(const_labels))
    }

    fn constant<const N: usize>(
        labels: [(&'static str, &'static str); N],
    ) -> impl Iterator<Item = (Cow<'static, str>, Cow<'static, str>)> {
        labels.map(|(key, value)| (key.into(), value.into())).into_iter()
    }

    /// The page in both formats, and what is left out.
    fn pages(registry: &Registry) -> (String, String, Vec<String>) {
        let (families, rejected) = encode(registry).expect("no metric fails");
        let (mut text, mut openmetrics) = (String::new(), String::new());
        for family in families {
            family.write(Format::Text, &mut text).expect("the format allows it");
            family.write(Format::OpenMetrics, &mut openmetrics).expect("the format allows it");
        }
        (text, openmetrics, rejected.iter().map(ToString::to_string).collect())
    }

    /// Encodes what a function says.
    struct Custom<F>(F);

    impl<F> fmt::Debug for Custom<F> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Custom")
        }
    }

    impl<F: Fn(DescriptorEncoder<'_>) -> fmt::Result + Send + Sync + 'static> Collector for Custom<F> {
        fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
            self.0(encoder)
        }
    }

    fn collect(
        registry: &mut Registry,
        encode: impl Fn(DescriptorEncoder<'_>) -> fmt::Result + Send + Sync + 'static,
    ) {
        registry.register_collector(Box::new(Custom(encode)));
    }

    /// Registers metrics of all types.
    fn register(registry: &mut Registry) {
        let requests = Family::<Labels, Counter>::default();
        requests.get_or_create(&labels([("path", "a\\\"\nb # {},é")])).inc();
        registry.register("requests", "Requests", requests);
        let histogram = Histogram::new([0.005, 1e16]);
        histogram.observe(1.0);
        registry.register_with_unit("took", "Time", Unit::Seconds, histogram);
        registry.register("build", "Build", Info::new(labels([("version", "1")])));
        for (name, value) in [("a", -1.5e-9), ("b", f64::NEG_INFINITY), ("c", f64::NAN)] {
            let part = registry.sub_registry_with_prefix(name);
            let part = part.sub_registry_with_label(("part".into(), name.into()));
            part.register("x", "X", ConstGauge::new(value));
        }
    }

    #[test]
    fn the_openmetrics_page_is_what_prometheus_client_writes() {
        let zone = [("zone", "a\"b")];
        let (mut ours, mut theirs) = (registry(zone), Registry::with_labels(constant(zone)));
        register(&mut ours);
        register(&mut theirs);
        let mut expected = String::new();
        encode_registry(&mut expected, &theirs).expect("no metric fails");
        let (text, openmetrics, rejected) = pages(&ours);
        assert_eq!(openmetrics, expected);
        let expected = expected
            .replace("# UNIT took_seconds seconds\n", "")
            .replace("HELP requests ", "HELP requests_total ")
            .replace("TYPE requests ", "TYPE requests_total ")
            .replace("HELP build ", "HELP build_info ")
            .replace("TYPE build info", "TYPE build_info gauge");
        assert_eq!(text, expected);
        assert_eq!(rejected, Vec::<String>::new());
    }

    #[test]
    fn an_info_without_labels_has_the_constant_ones() {
        let mut registry = registry([("zone", "1")]);
        registry.register("a", "H", Info::new(labels([])));
        let (_, openmetrics, rejected) = pages(&registry);
        assert!(openmetrics.ends_with("\na_info{zone=\"1\"} 1\n"), "{openmetrics}");
        assert_eq!(rejected, Vec::<String>::new());
    }

    #[test]
    fn exemplars_are_on_the_openmetrics_page() {
        let mut registry = registry([]);
        let counter = CounterWithExemplar::<Labels>::default();
        counter.inc_by(1, Some(labels([("id", "# \"{}\" é")])), None);
        registry.register("plain", "P", counter);
        let counter = CounterWithExemplar::<Labels>::default();
        counter.inc_by(1, Some(labels([])), Some(UNIX_EPOCH + Duration::from_millis(1500)));
        registry.register("timed", "T", counter);
        let counter = CounterWithExemplar::<Labels>::default();
        counter.inc_by(1, Some(labels([("id", &"x".repeat(127))])), None);
        registry.register("long", "L", counter);
        let (text, openmetrics, rejected) = pages(&registry);
        assert!(!text.contains(" # "), "{text}");
        for sample in ["plain_total 1\n", "timed_total 1\n", "long_total 1\n"] {
            assert!(text.contains(&format!("\n{sample}")), "{text}");
        }
        for sample in [
            r##"plain_total 1 # {id="# \"{}\" é"} 1.0"##,
            "timed_total 1 # {} 1.0 1.5",
            "long_total 1",
        ] {
            assert!(openmetrics.contains(&format!("\n{sample}\n")), "{openmetrics}");
        }
        let [rejected] = &rejected[..] else { panic!("{rejected:?}") };
        assert!(rejected.contains("an exemplar of the metric \"long\""), "{rejected}");
    }

    #[test]
    fn a_collector_can_encode_nothing_or_a_family_without_samples() {
        let mut registry = registry([]);
        collect(&mut registry, |_| Ok(()));
        collect(&mut registry, |mut encoder| {
            encoder.encode_descriptor("a", "", None, MetricType::Unknown)?;
            encoder.encode_descriptor("b", "B", None, MetricType::Counter).map(|_| ())
        });
        let (text, openmetrics, rejected) = pages(&registry);
        assert_eq!(text, "# TYPE a untyped\n# HELP b_total B\n# TYPE b_total counter\n");
        assert_eq!(openmetrics, "# TYPE a unknown\n# HELP b B\n# TYPE b counter\n");
        assert_eq!(rejected, Vec::<String>::new());
    }

    #[test]
    fn a_registry_that_replaces_the_given_one_is_read_too() {
        let mut registry = Registry::with_prefix("mine");
        registry.register("a", "Two\nlines", Gauge::<i64>::default());
        registry.register("b", "H", Gauge::<i64>::default());
        let (text, _, rejected) = pages(&registry);
        let expected = "# HELP mine_a Two\\nlines.\n# TYPE mine_a gauge\nmine_a 0\n\
                        # HELP mine_b H.\n# TYPE mine_b gauge\nmine_b 0\n";
        assert_eq!(text, expected);
        assert_eq!(rejected, Vec::<String>::new());
    }

    #[test]
    fn an_error_of_a_metric_is_returned() {
        let mut registry = registry([]);
        registry.register("a", "H", Gauge::<i64>::default());
        collect(&mut registry, |_| Err(fmt::Error));
        assert!(encode(&registry).is_err());
    }
}
