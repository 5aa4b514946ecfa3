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

/// The interval that holds the true median in 95 of 100 cases, whatever the
/// distribution: between two of the sorted values, by the binomial's normal
/// approximation. Few values give their whole range.
pub fn median_interval(values: &mut [f64]) -> (f64, f64) {
    assert!(!values.is_empty(), "nothing was measured");
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    let low = ((count - 1.96 * count.sqrt()) / 2.0).floor().max(1.0) as usize - 1;
    (values[low], values[values.len() - 1 - low])
}

/// The median of one number taken from each round.
pub fn median_of<T>(rounds: &[T], number: impl Fn(&T) -> f64) -> f64 {
    median(&mut rounds.iter().map(number).collect::<Vec<_>>())
}
