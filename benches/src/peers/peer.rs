//! What a contender is: a middleware, and how to ask it what it has seen.

use std::sync::Arc;

pub type Page = Arc<dyn Fn() -> String + Send + Sync>;
pub type Recorded = Arc<dyn Fn() -> Option<u64> + Send + Sync>;
pub type Upkeep = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
pub struct Peer<M> {
    pub name: &'static str,
    pub middleware: M,
    pub recorded: Recorded,
    pub upkeep: Upkeep,
    pub page: Page,
}

impl<M> Peer<M> {
    /// A contender that records nothing: part of the floor.
    pub fn silent(name: &'static str, middleware: M) -> Self {
        Self {
            name,
            middleware,
            recorded: Arc::new(|| None),
            upkeep: Arc::new(|| ()),
            page: Arc::new(String::new),
        }
    }

    /// A contender whose page has a histogram of this name.
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
            ..Self::silent(name, middleware)
        }
    }
}

/// The number of observations of a histogram, over all its label sets.
pub fn count_in(page: &str, histogram: &str) -> u64 {
    let samples = page.lines().filter(|line| {
        let rest = line.strip_prefix(histogram);
        rest.is_some_and(|rest| rest.starts_with("_count"))
    });
    samples.filter_map(value).sum()
}

/// The number after the labels; whatever follows it (an exemplar) is ignored.
fn value(sample: &str) -> Option<u64> {
    let after = sample.rfind('}').map_or(sample, |brace| &sample[brace + 1..]);
    after.split_whitespace().find_map(|word| word.parse().ok())
}
