//! What OpenMetrics forbids, although Prometheus accepts it in either format.

use super::names::Suffix;

/// Why OpenMetrics forbids a sample, if it does: stricter readers refuse the whole page.
pub(super) fn forbidden(suffix: Suffix, limit: Option<f64>, value: f64) -> Option<&'static str> {
    let is_negative = value.is_nan() || value < 0.0;
    match suffix {
        Suffix::Total if is_negative => {
            Some("the counter is negative or not a number; use a gauge")
        }
        Suffix::Sum if is_negative => {
            Some("its sum is negative or not a number; observe positive numbers")
        }
        Suffix::Bucket if limit.is_some_and(|bound| bound < 0.0) => {
            Some("the histogram has both a sum and buckets below 0; use bounds from 0 on")
        }
        Suffix::None if limit.is_some() && value < 0.0 => {
            Some("a quantile is negative; observe positive numbers")
        }
        _ => None,
    }
}
