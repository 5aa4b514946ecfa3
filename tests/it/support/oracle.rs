//! Pages read by an independent parser. It fails on units of histograms, on families without
//! samples, on carriage returns, and on a label value that ends with a backslash, which it takes
//! for the beginning of an escape. Texts of any kind are read back by other parsers in
//! `tests/properties`, which needs Python and promtool.

use std::collections::HashSet;

use actix_monitor::{Format, Monitor};

use super::client::Response;
use super::page::Page;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The page of a monitor that records nothing meanwhile: both formats, read by both
/// parsers, which must have the same samples.
#[track_caller]
pub(crate) fn page_of(monitor: &Monitor) -> Page {
    let text = monitor.encode(Format::Text);
    let openmetrics = monitor.encode(Format::OpenMetrics);
    read_text(&text);
    read_openmetrics(&openmetrics);
    let page = Page::parse(&text);
    assert_eq!(page.lasting(), Page::parse(&openmetrics).lasting());
    page
}

/// Parses a response, which must be a page in the text format.
#[track_caller]
pub(crate) fn is_text(answer: &Response) -> Page {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(TEXT)));
    let page = answer.text();
    let is_foreign = |line: &str| line == "# EOF" || line.starts_with("# UNIT");
    assert!(!page.lines().any(is_foreign), "{page}");
    read_text(&page);
    Page::parse(&page)
}

/// Parses a response, which must be an OpenMetrics page.
#[track_caller]
pub(crate) fn is_openmetrics(answer: &Response) -> Page {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(OPENMETRICS)));
    let page = answer.text();
    assert!(page.ends_with("\n# EOF\n"), "{page}");
    read_openmetrics(&page);
    Page::parse(&page)
}

/// Parses a page in the text format and returns the number of its families.
#[track_caller]
pub(crate) fn read_text(page: &str) -> usize {
    let page = &without_returns(page);
    match openmetrics_parser::prometheus::parse_prometheus(page) {
        Ok(exposition) => exposition.families.len(),
        Err(error) => panic!("no page of text: {error:?}\n{page}"),
    }
}

/// Parses an OpenMetrics page and returns the number of its families with samples.
///
/// The parser refuses two things that the specification allows, so they are removed first:
/// the unit of a histogram, and a family without samples.
#[track_caller]
pub(crate) fn read_openmetrics(page: &str) -> usize {
    let histograms: HashSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" histogram"))
        .collect();
    let mut kept = String::new();
    let mut descriptors = Vec::new();
    for line in page.split_inclusive('\n') {
        if line.starts_with("# HELP ") {
            descriptors.clear();
        }
        if line.starts_with("# ") && line != "# EOF\n" {
            descriptors.push(line);
            continue;
        }
        if line == "# EOF\n" {
            descriptors.clear();
        }
        for descriptor in descriptors.drain(..) {
            let unit = descriptor.strip_prefix("# UNIT ").and_then(|rest| rest.split(' ').next());
            if unit.is_none_or(|name| !histograms.contains(name)) {
                kept.push_str(descriptor);
            }
        }
        kept.push_str(line);
    }
    match openmetrics_parser::openmetrics::parse_openmetrics(&without_returns(&kept)) {
        Ok(exposition) => exposition.families.len(),
        Err(error) => panic!("no OpenMetrics page: {error:?}\n{page}"),
    }
}

/// The parser refuses carriage returns within quotes, which both formats allow
/// and Prometheus reads.
fn without_returns(page: &str) -> String {
    page.replace('\r', " ")
}
