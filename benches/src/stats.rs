//! Medians and quantiles.

/// The q-quantile; sorts in place.
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    assert!(!values.is_empty(), "nothing was measured");
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * q).round() as usize]
}

pub fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The median of one number taken from each round.
pub fn median_of<T>(rounds: &[T], number: impl Fn(&T) -> f64) -> f64 {
    median(&mut rounds.iter().map(number).collect::<Vec<_>>())
}
