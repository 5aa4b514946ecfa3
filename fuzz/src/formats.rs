//! The page of a monitor in all formats.

use actix_monitor::{Format, Monitor};

use crate::lines::{Sample, read_text};
use crate::support::protobuf;

/// The samples of the page in the text format. All formats must be valid, and those of the
/// crate's own families must be the same in each.
pub fn read_page(monitor: &Monitor) -> Vec<Sample> {
    let (types, samples) = read_text(&monitor.encode(Format::Text));
    assert_eq!(types.get("request_seconds").map(String::as_str), Some("histogram"));

    let page = monitor.encode(Format::OpenMetrics);
    assert!(page.ends_with("# EOF\n"));
    let (_, openmetrics) = read_text(&page);
    let protobuf = protobuf::as_text(&protobuf::decode(&monitor.encode_protobuf())).0;
    let protobuf: Vec<_> = protobuf
        .into_iter()
        .map(|sample| Sample {
            name: sample.name,
            labels: sample.labels.into_iter().collect(),
            value: sample.value,
        })
        .collect();
    for format in [&openmetrics, &protobuf] {
        assert!(own(&samples).eq(own(format)), "{samples:?}\n{format:?}");
    }
    samples
}

/// The crate's own samples; metrics of the app have any other names.
fn own(samples: &[Sample]) -> impl Iterator<Item = &Sample> {
    let names = [
        "request_seconds",
        "response_size_bytes",
        "dependency_up",
        "dependency_request_seconds",
        "application_info",
    ];
    let stem = |name: &str| {
        let suffixes = ["_bucket", "_count", "_sum"];
        suffixes.iter().find_map(|suffix| name.strip_suffix(suffix).map(str::to_owned))
    };
    samples.iter().filter(move |sample| {
        let name = stem(&sample.name).unwrap_or_else(|| sample.name.clone());
        names.contains(&name.as_str())
    })
}

/// Whether a page is one of protobuf messages, with the crate's families first.
pub fn is_protobuf(page: &[u8]) -> bool {
    protobuf::decode(page).first().is_some_and(|family| family.name == "request_seconds")
}
