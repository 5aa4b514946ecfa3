//! The format that a scraper asks for.

use super::format::Format;

const OPENMETRICS: &str = "application/openmetrics-text";
const TEXT: &str = "text/plain";
#[cfg(feature = "native-histograms")]
const PROTOBUF: &str = "application/vnd.google.protobuf";

/// The format for these `Accept` headers: OpenMetrics if it is named and preferred at
/// least as much as plain text, and the text format otherwise. Browsers accept
/// anything and would download OpenMetrics instead of showing it.
pub(crate) fn negotiate<'a>(accept: impl Iterator<Item = &'a str> + Clone) -> Format {
    let openmetrics = preference(accept.clone(), OPENMETRICS, &[]);
    let is_preferred = openmetrics > 0 && openmetrics >= preference(accept, TEXT, &[]);
    if is_preferred { Format::OpenMetrics } else { Format::Text }
}

/// Whether these `Accept` headers name the Prometheus protobuf format and prefer no text
/// format to it.
#[cfg(feature = "native-histograms")]
pub(crate) fn prefers_protobuf<'a>(accept: impl Iterator<Item = &'a str> + Clone) -> bool {
    let parameters = [("proto", "io.prometheus.client.MetricFamily"), ("encoding", "delimited")];
    let protobuf = preference(accept.clone(), PROTOBUF, &parameters);
    let is_preferred = |other| protobuf >= preference(accept.clone(), other, &[]);
    protobuf > 0 && [OPENMETRICS, TEXT].into_iter().all(is_preferred)
}

/// The highest weight of a media type with these parameters, in thousandths.
fn preference<'a>(
    accept: impl Iterator<Item = &'a str>,
    media_type: &str,
    parameters: &[(&str, &str)],
) -> u16 {
    let ranges = accept.flat_map(|header| header.split(','));
    let weight_of = |range: &'a str| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(media_type));
        let has = |(key, value): &(&str, &str)| parameter(parts.clone(), key) == Some(*value);
        let is_named = is_named && parameters.iter().all(has);
        if is_named { weight(parts) } else { 0 }
    };
    ranges.map(weight_of).max().unwrap_or(0)
}

fn parameter<'a>(mut parts: impl Iterator<Item = &'a str>, key: &str) -> Option<&'a str> {
    parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case(key).then(|| value.trim().trim_matches('"'))
    })
}

/// The `q` parameter in thousandths: 1000 if there is none, 0 if it is not valid
/// (RFC 9110, 12.4.2).
pub(crate) fn weight<'a>(parameters: impl Iterator<Item = &'a str>) -> u16 {
    for parameter in parameters {
        let Some((key, value)) = parameter.split_once('=') else { continue };
        if key.trim().eq_ignore_ascii_case("q") {
            return thousandths(value.trim()).unwrap_or(0);
        }
    }
    1000
}

fn thousandths(value: &str) -> Option<u16> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, negotiate};

    fn answer(accept: &str) -> Format {
        negotiate([accept].into_iter())
    }

    #[test]
    fn scrapers_that_prefer_openmetrics_get_it() {
        for accept in [
            "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "APPLICATION/OpenMetrics-Text",
            "application/openmetrics-text;Q=0.5, TEXT/plain;Q=0.4",
            "application/openmetrics-text;q=0.1, application/openmetrics-text;q=0.9, text/plain;q=0.5",
            "text/plain;q=0.5, application/openmetrics-text;q=0.5",
        ] {
            assert_eq!(answer(accept), Format::OpenMetrics, "{accept}");
        }
    }

    #[test]
    fn all_others_get_text() {
        for accept in [
            "",
            "*/*",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/plain;version=0.0.4;q=1,*/*;q=0.1",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.000",
            "application/openmetrics-text;q=0.4, text/plain;q=0.5",
            "application/openmetrics-text;Q=0.4, text/plain;Q=0.5",
            "application/openmetrics-text;q=0.5, text/plain;q=0.1, text/plain;q=0.9",
            "application/openmetrics-text;q=2",
            "application/openmetrics-text;q=-1",
            "application/openmetrics-text;q=0.99999",
            "application/openmetrics-texts",
            "application/*",
            ";;;,,,=;q",
        ] {
            assert_eq!(answer(accept), Format::Text, "{accept}");
        }
        assert_eq!(negotiate(std::iter::empty()), Format::Text);
    }

    #[test]
    fn header_lines_are_read_together() {
        let lines = ["text/plain;q=0.5", "application/openmetrics-text"];
        assert_eq!(negotiate(lines.into_iter()), Format::OpenMetrics);
    }

    #[cfg(feature = "native-histograms")]
    #[test]
    fn protobuf_is_preferred_if_it_is_named_with_the_highest_weight() {
        let named = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                     encoding=delimited";
        for (accept, is_preferred) in [
            // Prometheus 2.42 and 3.0 with native histograms.
            (format!("{named},application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), true),
            (format!("{named};escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"), true),
            ("Application/vnd.google.Protobuf; Proto=\"io.prometheus.client.MetricFamily\"; Encoding=delimited".to_owned(), true),
            (format!("text/plain;q=0.5, {named};q=0.5"), true),
            (format!("application/openmetrics-text, {named};q=0.9"), false),
            (format!("text/plain;version=1.0.0;q=0.6,{named};q=0.5,text/plain;version=0.0.4;q=0.4"), false),
            (format!("{named};q=0"), false),
            (named.replace("delimited", "compact-text"), false),
            (named.replace(";encoding=delimited", ""), false),
            (named.replace("MetricFamily", "Metric"), false),
            ("application/vnd.google.protobuf".to_owned(), false),
            ("*/*".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(super::prefers_protobuf([accept.as_str()].into_iter()), is_preferred, "{accept}");
        }
    }
}
