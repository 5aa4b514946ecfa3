//! Medians and quantiles.

/// The q-quantile. Sorts the values.
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    assert!(!values.is_empty(), "nothing was measured");
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * q).round() as usize]
}

pub fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The median of one number of each item.
pub fn median_of<T>(items: &[T], number: impl Fn(&T) -> f64) -> f64 {
    median(&mut items.iter().map(number).collect::<Vec<_>>())
}

/// A median with its confidence interval.
pub struct MedianInterval {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl MedianInterval {
    /// The median of one number of each item, and the interval that contains the true
    /// median in 95 of 100 cases, whatever the distribution: two of the sorted values,
    /// by the normal approximation of the binomial distribution. With few values it is
    /// their whole range.
    pub fn of<T>(items: &[T], number: impl Fn(&T) -> f64) -> Self {
        let mut values: Vec<_> = items.iter().map(number).collect();
        let median = median(&mut values);
        let count = values.len() as f64;
        let low = ((count - 1.96 * count.sqrt()) / 2.0).floor().max(1.0) as usize - 1;
        Self { median, low: values[low], high: values[values.len() - 1 - low] }
    }

    pub fn text(&self, unit: &str) -> String {
        let Self { median, low, high } = self;
        format!("{median:.1}{unit} ({low:.1} to {high:.1})")
    }
}
