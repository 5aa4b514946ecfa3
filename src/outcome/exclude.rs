//! Which requests are not recorded.

use std::fmt;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;

/// Requests that are not to be recorded.
///
/// From a string: a path (`/health`), a prefix (`/static/*`: everything below
/// it), or a route's pattern with its scopes (`/users/{id}/avatar`, as `addr`
/// would show it). Paths and prefixes are the cheapest: they are decided before
/// anything is measured.
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

#[derive(Clone)]
enum Rule {
    Path(String),
    Prefix(String),
    Route(String),
    Function(Arc<dyn Fn(&ServiceRequest) -> bool + Send + Sync>),
}

impl Exclude {
    /// The requests for which `excluded` says so. It is called on each request,
    /// on the worker's thread; it must not block or panic.
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

    /// What it was made from, if that is text.
    fn text(&self) -> Option<&str> {
        match &self.0 {
            Rule::Path(text) | Rule::Prefix(text) | Rule::Route(text) => Some(text),
            Rule::Function(_) => None,
        }
    }

    /// The text of a rule that no request could match.
    pub(crate) fn refused(&self) -> Option<&str> {
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

    /// What can be told before routing; `path` is the request's.
    #[inline]
    pub(crate) fn takes_request(&self, path: &str, request: &ServiceRequest) -> bool {
        match &self.0 {
            Rule::Path(excluded) => path == excluded,
            Rule::Prefix(pattern) => path.starts_with(pattern.trim_end_matches('*')),
            Rule::Route(_) => false,
            Rule::Function(excluded) => excluded(request),
        }
    }

    /// Whether it can be told only once the route is known.
    pub(crate) fn is_route(&self) -> bool {
        matches!(self.0, Rule::Route(_))
    }

    /// What can be told only once the route is known.
    #[inline]
    pub(crate) fn takes_route(&self, addr: &str) -> bool {
        matches!(&self.0, Rule::Route(pattern) if pattern == addr)
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
