//! Sources of text: which of their lines are on the page, and as what.

use actix_monitor::{BigBrother, Format, MetricSource};

use crate::support::child::in_a_process_of_its_own;
use crate::support::journal;

/// The lines of the page that are not of this crate's families.
fn shown(text: &str) -> Vec<String> {
    let text = text.to_owned();
    let source = MetricSource::text(move || text.clone());
    let monitor = BigBrother::builder().isolated().attach("text", source).build().monitor();
    let page = monitor.encode(Format::Text);
    let is_own = |line: &&str| {
        let name = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
        let own = ["request_", "response_", "dependency_", "application_", "process_"];
        !own.iter().any(|own| name.starts_with(own))
    };
    page.lines().filter(is_own).map(str::to_owned).collect()
}

#[test]
fn numbers_that_are_infinite_or_none_have_one_spelling() {
    let text =
        "a{x=\"1\"} inf\na{x=\"2\"} +Infinity\na{x=\"3\"} -inf\na{x=\"4\"} nan\na{x=\"5\"} 1e3\n";
    let expected = [
        "# TYPE a untyped",
        "a{x=\"1\"} +Inf",
        "a{x=\"2\"} +Inf",
        "a{x=\"3\"} -Inf",
        "a{x=\"4\"} NaN",
        "a{x=\"5\"} 1e3",
    ];
    assert_eq!(shown(text), expected);
}

#[test]
fn types_are_those_of_the_text_format() {
    let text = "# TYPE a untyped\na 1\n# TYPE b counter\nb 1\n# TYPE c_total counter\nc_total 1\n\
                # TYPE _total counter\n_total 1\n# TYPE d gauge\nd 1\n";
    assert_eq!(shown(text), text.lines().collect::<Vec<_>>());
}

#[test]
fn families_without_samples_and_blank_lines_are_not_shown() {
    let text = "\n \t\n# HELP a Help\n# TYPE a counter\n\n# TYPE b gauge\n# TYPE c histogram\n\
                c_bucket{le=\"x\"} 1\n";
    assert_eq!(shown(text), [""; 0]);
}

#[test]
fn nothing_is_logged_of_a_text_that_is_valid() {
    in_a_process_of_its_own(|| {
        journal::start();
        let text = "# a comment\n\n \n# TYPE a untyped\n# HELP a Help\na 1\n\t\nb{} 2 5\n";
        let expected = ["# HELP a Help", "# TYPE a untyped", "a 1", "# TYPE b untyped", "b 2 5"];
        assert_eq!(shown(text), expected);
        assert_eq!(journal::lines("actix_monitor"), [""; 0]);
    });
}

#[test]
fn a_thousand_different_warnings_are_logged_and_no_more() {
    in_a_process_of_its_own(|| {
        journal::start();
        let text: String = (0..1_100).map(|line| format!("a{line} x\n")).collect();
        assert_eq!(shown(&text), [""; 0]);
        assert_eq!(journal::lines("actix_monitor").len(), 1_000);
    });
}

#[test]
fn the_first_help_and_the_first_type_of_a_family_count() {
    let text = "# HELP a First\n# HELP a Second\n# TYPE a gauge\n# TYPE a counter\na 1\n\
                # HELP a Third\n";
    assert_eq!(shown(text), ["# HELP a First", "# TYPE a gauge", "a 1"]);
}

#[test]
fn a_bucket_that_is_repeated_is_left_out() {
    let text = "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"1\"} 2\n\
                a_bucket{le=\"+Inf\"} 2\na_sum 5\na_count 2\n";
    let expected = text.lines().filter(|line| !line.ends_with("\"1\"} 2"));
    assert_eq!(shown(text), expected.collect::<Vec<_>>());
}

#[test]
fn buckets_that_add_nothing_are_buckets() {
    let text = "# TYPE a histogram\na_bucket{le=\"1\"} 0\na_bucket{le=\"2\"} 0\na_bucket{le=\"3\"} 2\n\
                a_bucket{le=\"4\"} 2\na_bucket{le=\"+Inf\"} 2\na_sum 5\na_count 2\n";
    assert_eq!(shown(text), text.lines().collect::<Vec<_>>());
}

#[test]
fn a_sample_is_of_the_family_that_it_is_among() {
    let text = "# TYPE a_count gauge\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 5\n\
                a_count 1\n";
    assert_eq!(shown(text), text.lines().skip(1).collect::<Vec<_>>());
}

#[test]
fn a_summary_has_quantiles_from_0_to_1() {
    let text = "# TYPE a summary\na{quantile=\"0\"} 1\na{quantile=\"1\"} 2\na{quantile=\"1.5\"} 3\n\
                a{quantile=\"x\"} 4\na{quantile=\"-0\"} 4\na 5\na_sum 6\n";
    let expected = ["# TYPE a summary", "a{quantile=\"0\"} 1", "a{quantile=\"1\"} 2", "a_sum 6"];
    assert_eq!(shown(text), expected);
}

#[test]
fn timestamps_are_milliseconds_of_this_and_any_near_time() {
    let text = "a{x=\"1\"} 1 1700000000123\na{x=\"2\"} 1 -5\na{x=\"3\"} 1 8999999999999000\n\
                a{x=\"4\"} 1 9000000000000000\n";
    let shown = shown(text);
    assert_eq!(shown[1..], text.lines().take(3).collect::<Vec<_>>());
}
