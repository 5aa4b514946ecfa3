//! The page of a server in each format.

use std::collections::BTreeMap;

use crate::app::Script;
use crate::model::{Labels, Series};
use crate::options::Options;
use crate::support::page::{Page, Sample};
use crate::support::protobuf;

/// The samples of the page, which all formats must have.
#[derive(Debug)]
pub(crate) struct Scraped {
    text: Page,
    /// With exemplars, if the format is offered.
    openmetrics: Option<Page>,
}

const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";

impl Scraped {
    /// # Panics
    ///
    /// If a format is not served as it should be, or if the formats differ.
    pub(crate) fn of(script: &Script, options: &Options) -> Self {
        let mut client = script.connect();
        let text = Page::parse(&client.get("/metrics").text());

        let response = client.request("GET", "/metrics", &[("accept", OPENMETRICS)]);
        let is_openmetrics = response.text().ends_with("\n# EOF\n");
        assert_eq!(is_openmetrics, options.has_openmetrics || options.has_exemplars);
        let openmetrics = is_openmetrics.then(|| Page::parse(&response.text()));
        if let Some(openmetrics) = &openmetrics {
            assert_eq!(samples(&text.samples), samples(&openmetrics.samples));
        }

        let response = client.request("GET", "/metrics", &[("accept", protobuf::ACCEPT)]);
        let is_protobuf =
            response.header("content-type").is_some_and(|kind| kind.contains("protobuf"));
        assert_eq!(is_protobuf, options.has_native);
        if is_protobuf {
            let (protobuf, types) = protobuf::as_text(&protobuf::decode(&response.body));
            assert_eq!(samples(&text.samples), samples(&protobuf));
            assert_eq!(text.types, types);
        }
        Self { text, openmetrics }
    }

    /// What is recorded under each label set.
    pub(crate) fn series(&self, options: &Options) -> BTreeMap<Labels, Series> {
        let counts = self.values("request_seconds_count");
        let bytes = self.values("response_size_bytes");
        let received = self.values("request_size_bytes");
        let has =
            |is_on: bool, found: usize| assert_eq!(found, if is_on { counts.len() } else { 0 });
        has(true, bytes.len());
        has(options.request_size.is_some(), received.len());
        let heads = self.values("request_head_seconds_count");
        assert_eq!(heads, if options.has_heads { counts.clone() } else { BTreeMap::new() });
        let series = |(labels, count): (&Labels, &u64)| {
            let series = Series {
                count: *count,
                bytes: bytes[labels],
                received: received.get(labels).copied().unwrap_or_default(),
                traces: Default::default(),
            };
            (labels.clone(), series)
        };
        counts.iter().map(series).collect()
    }

    fn values(&self, name: &str) -> BTreeMap<Labels, u64> {
        let samples = self.text.samples.iter().filter(|sample| sample.name == name);
        samples.map(|sample| (labels(sample), sample.value as u64)).collect()
    }

    /// The bounds of each series of a histogram, which are in order.
    pub(crate) fn bounds(&self, name: &str) -> BTreeMap<Labels, Vec<f64>> {
        let mut bounds = BTreeMap::<_, Vec<f64>>::new();
        for sample in self.text.samples.iter().filter(|sample| sample.name == name) {
            let mut labels = labels(sample);
            let bound = labels.remove("le").expect("a bound").parse().expect("a number");
            bounds.entry(labels).or_default().push(bound);
        }
        bounds
    }

    /// The exemplars of each series, without their values and times.
    pub(crate) fn traces(&self) -> BTreeMap<Labels, Vec<String>> {
        let mut traces = BTreeMap::<_, Vec<String>>::new();
        let samples = self.openmetrics.iter().flat_map(|page| &page.samples);
        for sample in samples.filter(|sample| sample.exemplar.is_some()) {
            let mut labels = labels(sample);
            labels.remove("le");
            let exemplar = sample.exemplar.as_deref().unwrap_or_default();
            let trace = exemplar.split('"').nth(1).unwrap_or_default();
            traces.entry(labels).or_default().push(trace.to_owned());
        }
        traces
    }

    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.text.value(name, &[])
    }
}

fn labels(sample: &Sample) -> Labels {
    sample.labels.iter().cloned().collect()
}

/// What all formats have in common: the samples without exemplars and without those that
/// change between scrapes.
fn samples(all: &[Sample]) -> Vec<(String, Labels, f64)> {
    let changes = ["worker", "event_loop_delay"];
    let lasts = |sample: &&Sample| !changes.iter().any(|prefix| sample.name.starts_with(prefix));
    let samples = all.iter().filter(lasts);
    samples.map(|sample| (sample.name.clone(), labels(sample), sample.value)).collect()
}
