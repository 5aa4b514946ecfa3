//! Which requests are not recorded.

use std::fmt;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;

/// A rule for requests that are not recorded.
///
/// Created from a string: a path (`/health`), a prefix (`/static/*`, which is
/// everything below it), or a route's pattern with its scopes
/// (`/users/{id}/avatar`, as in the `addr` label). Paths and prefixes are the
/// cheapest, because they are compared before anything is measured.
///
/// # Examples
///
/// ```
/// use actix_monitor::{BigBrother, Exclude};
///
/// let middleware = BigBrother::builder()
///     .isolated()
///     .exclude("/health")
///     .exclude("/static/*")
///     .exclude(Exclude::from_fn(|request| request.headers().contains_key("x-probe")))
///     .build();
/// ```
#[derive(Clone)]
pub struct Exclude(Rule);

type ExcludeFn = dyn Fn(&ServiceRequest) -> bool + Send + Sync;

#[derive(Clone)]
enum Rule {
    Path(String),
    /// With its asterisk.
    Prefix(String),
    Route(String),
    Function(Arc<ExcludeFn>),
}

impl Exclude {
    /// Excludes the requests for which `excluded` returns `true`.
    ///
    /// It is called on each request, on the worker's thread, and must not block. If it
    /// panics, the request is recorded with status 500.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::Exclude;
    /// use actix_web::http::Method;
    ///
    /// let preflights = Exclude::from_fn(|request| *request.method() == Method::OPTIONS);
    /// ```
    pub fn from_fn(excluded: impl Fn(&ServiceRequest) -> bool + Send + Sync + 'static) -> Self {
        Self(Rule::Function(Arc::new(excluded)))
    }

    fn text(&self) -> Option<&str> {
        match &self.0 {
            Rule::Path(text) | Rule::Prefix(text) | Rule::Route(text) => Some(text),
            Rule::Function(_) => None,
        }
    }

    /// The text of a rule that no request can match.
    pub(crate) fn unmatchable(&self) -> Option<&str> {
        let has_wildcard = |text: &str| text.contains(['*', '?', '#', '{']);
        let can_match = |text: &str| {
            text.starts_with('/')
                && match &self.0 {
                    Rule::Path(path) => !has_wildcard(path),
                    Rule::Prefix(pattern) => !has_wildcard(&pattern[..pattern.len() - 1]),
                    Rule::Route(_) | Rule::Function(_) => true,
                }
        };
        self.text().filter(|text| !can_match(text))
    }

    /// Whether the rule excludes a path.
    #[inline]
    pub(crate) fn matches_path(&self, path: &str) -> bool {
        match &self.0 {
            Rule::Path(excluded) => path == excluded,
            Rule::Prefix(pattern) => path.starts_with(&pattern[..pattern.len() - 1]),
            Rule::Route(_) | Rule::Function(_) => false,
        }
    }

    /// The closure of the rule, which may panic.
    pub(crate) fn function(&self) -> Option<&ExcludeFn> {
        match &self.0 {
            Rule::Function(excluded) => Some(&**excluded),
            _ => None,
        }
    }

    /// The pattern of the rule, which is compared once the route is known.
    pub(crate) fn route(&self) -> Option<&str> {
        match &self.0 {
            Rule::Route(pattern) => Some(pattern),
            _ => None,
        }
    }
}

impl From<&str> for Exclude {
    fn from(pattern: &str) -> Self {
        let rule = match pattern.strip_suffix('*') {
            Some(prefix) if prefix.ends_with('/') => Rule::Prefix(pattern.to_owned()),
            _ if pattern.contains('{') => Rule::Route(pattern.to_owned()),
            _ => Rule::Path(pattern.to_owned()),
        };
        Self(rule)
    }
}

impl From<String> for Exclude {
    fn from(pattern: String) -> Self {
        Self::from(pattern.as_str())
    }
}

impl fmt::Debug for Exclude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.debug_tuple("Exclude").field(&text).finish(),
            None => f.write_str("Exclude::from_fn"),
        }
    }
}
