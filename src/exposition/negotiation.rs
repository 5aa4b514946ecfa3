//! The format that a scraper asks for.

use super::format::Format;

const OPENMETRICS: &str = "application/openmetrics-text";
const TEXT: &str = "text/plain";

/// The format for these `Accept` headers: OpenMetrics if it is named and preferred at
/// least as much as plain text, and the text format otherwise. Browsers accept
/// anything and would download OpenMetrics instead of showing it.
pub(crate) fn negotiate<'a>(accept: impl Iterator<Item = &'a str>) -> Format {
    let (mut openmetrics, mut text) = (0, 0);
    for range in accept.flat_map(|header| header.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        if media_type.eq_ignore_ascii_case(OPENMETRICS) {
            openmetrics = openmetrics.max(weight(parts));
        } else if media_type.eq_ignore_ascii_case(TEXT) {
            text = text.max(weight(parts));
        }
    }
    if openmetrics > 0 && openmetrics >= text { Format::OpenMetrics } else { Format::Text }
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
}
