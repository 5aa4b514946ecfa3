//! An OpenMetrics page rewritten as Prometheus text 0.0.4. Samples keep their
//! names; what the older format does not know would lose the whole scrape.

use memchr::{memchr, memchr_iter};

/// Rewrites `page`. A family of type `unknown` whose name is in `bare_counters`
/// is a counter: OpenMetrics has no counter without `_total`, this format has.
pub(crate) fn from_openmetrics(page: &str, bare_counters: &[&str]) -> String {
    let mut out = String::with_capacity(page.len());
    let mut help = None;
    // Nearly all of a page is samples without an exemplar, and they are the same
    // in both formats: only lines with a `#` are looked at, the rest is copied.
    let mut copied = 0;
    for hash in memchr_iter(b'#', page.as_bytes()) {
        if hash < copied {
            continue;
        }
        let start = page[..hash].rfind('\n').map_or(0, |newline| newline + 1);
        let end = memchr(b'\n', &page.as_bytes()[hash..]).map_or(page.len(), |at| hash + at);
        let line = &page[start..end];
        out.push_str(&page[copied..start]);
        copied = (end + 1).min(page.len());
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = Some(rest);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            write_descriptor(&mut out, help.take(), rest, bare_counters);
        } else if start < hash {
            out.push_str(without_exemplar(line));
            out.push('\n');
        }
    }
    out.push_str(&page[copied..]);
    out
}

fn write_descriptor(out: &mut String, help: Option<&str>, rest: &str, bare_counters: &[&str]) {
    let (name, kind) = rest.split_once(' ').unwrap_or((rest, ""));
    let (suffix, kind) = match kind {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "stateset" => ("", "gauge"),
        "histogram" | "summary" | "gauge" => ("", kind),
        _ if bare_counters.contains(&name) => ("", "counter"),
        _ => ("", "untyped"),
    };
    if let Some((_, help)) = help.and_then(|line| line.split_once(' ')) {
        out.extend(["# HELP ", name, suffix, " "]);
        unescape_quotes(help, out);
        out.push('\n');
    }
    out.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
}

/// Here a backslash before a quote would be shown as it stands.
fn unescape_quotes(help: &str, out: &mut String) {
    let mut rest = help;
    while let Some(at) = rest.find('\\') {
        let escaped = rest[at + 1..].chars().next();
        out.push_str(&rest[..at]);
        match escaped {
            Some('"') => out.push('"'),
            Some(other) => out.extend(['\\', other]),
            None => out.push_str("\\\\"),
        }
        rest = &rest[at + 1 + escaped.map_or(0, char::len_utf8)..];
    }
    out.push_str(rest);
}

/// The sample before its exemplar. A `#` within a label value is none.
fn without_exemplar(line: &str) -> &str {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'#' if !is_quoted => return line[..at].trim_end(),
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::from_openmetrics;

    #[test]
    fn descriptors_are_renamed_and_retyped() {
        let page = "\
# HELP application The version.
# TYPE application info
application_info{version=\"1\"} 1
# HELP jobs Jobs \\\"done\\\" \\\\ \\n.
# TYPE jobs counter
jobs_total 3
# HELP took_seconds Time.
# TYPE took_seconds histogram
# UNIT took_seconds seconds
took_seconds_sum 1.0
# TYPE sent_bytes unknown
# UNIT sent_bytes bytes
sent_bytes 7
# TYPE strange unknown
strange 1
# EOF
";
        let expected = "\
# HELP application_info The version.
# TYPE application_info gauge
application_info{version=\"1\"} 1
# HELP jobs_total Jobs \"done\" \\\\ \\n.
# TYPE jobs_total counter
jobs_total 3
# HELP took_seconds Time.
# TYPE took_seconds histogram
took_seconds_sum 1.0
# TYPE sent_bytes counter
sent_bytes 7
# TYPE strange untyped
strange 1
";
        assert_eq!(from_openmetrics(page, &["sent_bytes"]), expected);
    }

    #[test]
    fn exemplars_go_and_labels_that_look_like_them_stay() {
        let page = "\
a_total{k=\"# {x=\\\"1\\\"} 1\"} 4 # {trace_id=\"#\"} 1.0
b_bucket{le=\"+Inf\"} 2
c{k=\"# EOF\"} 2
d{k=\"é#\"} 2
# EOF
";
        let expected = "\
a_total{k=\"# {x=\\\"1\\\"} 1\"} 4
b_bucket{le=\"+Inf\"} 2
c{k=\"# EOF\"} 2
d{k=\"é#\"} 2
";
        assert_eq!(from_openmetrics(page, &[]), expected);
    }

    #[test]
    fn no_page_is_too_broken_to_be_rewritten() {
        for page in ["", "#", "# EOF", "# TYPE", "# HELP x \\\n# TYPE x gauge", "x 1 # {", "\n#\n"]
        {
            from_openmetrics(page, &[]);
        }
    }
}
