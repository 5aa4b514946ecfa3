//! What a contender is: a middleware, and how to read what it recorded.

use std::sync::Arc;

pub const BARE: &str = "bare";
pub const OURS: &str = "actix-monitor";

pub type Page = Arc<dyn Fn() -> String + Send + Sync>;
pub type Recorded = Arc<dyn Fn() -> Option<u64> + Send + Sync>;
pub type Upkeep = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
pub struct Peer<M> {
    pub name: &'static str,
    pub middleware: M,
    /// Number of requests recorded; `None` if the middleware does not record them.
    pub recorded: Recorded,
    /// Work that the recorder postpones to a background task.
    pub upkeep: Upkeep,
    /// Encodes the metrics page.
    pub page: Page,
}

impl<M> Peer<M> {
    /// A middleware that records nothing.
    pub fn without_metrics(name: &'static str, middleware: M) -> Self {
        Self {
            name,
            middleware,
            recorded: Arc::new(|| None),
            upkeep: Arc::new(|| ()),
            page: Arc::new(String::new),
        }
    }

    /// A middleware whose page contains a histogram of requests.
    pub fn with_page(
        name: &'static str,
        middleware: M,
        histogram: &'static str,
        page: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        let page: Page = Arc::new(page);
        let counted = Arc::clone(&page);
        Self {
            recorded: Arc::new(move || Some(count_in(&counted(), histogram))),
            page,
            ..Self::without_metrics(name, middleware)
        }
    }
}

/// The number of observations of a histogram, over all its series.
pub fn count_in(page: &str, histogram: &str) -> u64 {
    let samples = page.lines().filter(|line| {
        let rest = line.strip_prefix(histogram);
        rest.is_some_and(|rest| rest.starts_with("_count"))
    });
    samples.filter_map(value).sum()
}

/// The number after the labels. What follows it (an exemplar) is ignored.
fn value(sample: &str) -> Option<u64> {
    let after = sample.rfind('}').map_or(sample, |brace| &sample[brace + 1..]);
    after.split_whitespace().find_map(|word| word.parse().ok())
}

/// Passes every contender to a function, bare first. A macro, because each contender is
/// of another type.
macro_rules! contenders {
    ($workload:path $(, $more:expr)*) => {
        vec![
            $workload($crate::peers::floor::bare() $(, $more)*),
            $workload($crate::peers::floor::wrapper() $(, $more)*),
            $workload($crate::peers::floor::clocks() $(, $more)*),
            $workload($crate::peers::floor::floor() $(, $more)*),
            $workload($crate::peers::published::ours() $(, $more)*),
            $workload($crate::peers::family::family() $(, $more)*),
            $workload($crate::peers::published::prom() $(, $more)*),
            $workload($crate::peers::published::metrics() $(, $more)*),
            $workload($crate::peers::published::otel() $(, $more)*),
        ]
    };
}
pub(crate) use contenders;
