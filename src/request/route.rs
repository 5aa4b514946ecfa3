//! The route of a request, and the labels made of it.

use actix_web::HttpRequest;
use actix_web::dev::{ResourceMap, Url};
use actix_web::http::{Method, StatusCode};

use crate::protocol::MethodLabel;

/// The routes of an app, as far as they decide the `addr` label.
#[derive(Debug)]
pub(crate) struct Routes {
    map: ResourceMap,
    /// Whether a service on the empty prefix, such as a file server at the root,
    /// handles what no other route matches.
    has_root_service: bool,
}

/// What is appended to a path so that only wildcards and services on a prefix match it, because
/// parameters are not empty. There are two, because a scope can match one of them: the first if
/// its pattern ends with a parameter and a slash, the second if it is longer than the path. They
/// are short: at the root, actix tells most patterns by their length then, and needs no memory for
/// their regular expressions.
const BELOW: [&str; 2] = ["\u{1}//", "\u{1}/\u{1}//"];

/// The `method` label.
#[inline]
pub(crate) fn method_label(method: &Method) -> MethodLabel {
    // The most frequent methods are recognized without comparing strings.
    if *method == Method::GET {
        MethodLabel::Get
    } else if *method == Method::POST {
        MethodLabel::Post
    } else {
        MethodLabel::from_method(method.as_str())
    }
}

/// A pattern as the `addr` label shows it: the empty one is the root.
#[inline]
pub(crate) fn addr_label(pattern: &str) -> &str {
    if pattern.is_empty() { "/" } else { pattern }
}

impl Routes {
    pub(crate) fn new(map: &ResourceMap) -> Self {
        Self { has_root_service: is_service(map, "/", ""), map: map.clone() }
    }

    /// The pattern of a request that has a response, asked after routing. `None` if
    /// nothing matches its path, or if nothing handled it and the status is 404.
    #[inline(always)]
    pub(crate) fn pattern(&self, request: &HttpRequest, status: StatusCode) -> Option<String> {
        let path = request.match_info();
        let rest = path.unprocessed().len();
        if rest > 0 && status == StatusCode::NOT_FOUND {
            let consumed = path.as_str().len() - rest;
            self.pattern_of_prefix(request, &path.as_str()[..consumed])
        } else {
            // A route handled the request, or a middleware answered for the routes.
            request.match_pattern()
        }
    }

    /// The pattern of a request answered with 404 whose path was not consumed as a
    /// whole: only a service on a prefix, such as a file server, handles such a
    /// request.
    fn pattern_of_prefix(&self, request: &HttpRequest, consumed: &str) -> Option<String> {
        if consumed.is_empty() {
            // Without asking actix, which would scan all routes to find nothing.
            return self.has_root_service.then(String::new);
        }
        // A scope leaves a rest as well if none of its routes handles the request.
        // actix then names the first route that the path matches, whose guard must
        // have refused the request; that route has more segments than the prefix.
        let segments = slashes(consumed);
        let pattern = request.match_pattern().filter(|pattern| slashes(pattern) <= segments)?;
        // Unless it is a resource with several patterns, of which the first is as short. If another
        // route is the first that the path matches, actix has the pattern from routing.
        let path = request.path();
        let is_other = || self.map.match_pattern(path).as_deref() != Some(&*pattern);
        (is_service(&self.map, path, &pattern) || is_other()).then_some(pattern)
    }

    /// The pattern of a request that is gone, regardless of guards: that of its path
    /// as received, or else as `NormalizePath` may have rewritten it.
    pub(crate) fn pattern_of_path(&self, path: &str) -> Option<String> {
        self.map.match_pattern(path).or_else(|| {
            let merged = merge_slashes(path);
            let trimmed = merged.trim_end_matches('/');
            let candidates = [&*merged, trimmed, &format!("{trimmed}/")];
            candidates.into_iter().find_map(|path| self.map.match_pattern(path))
        })
    }
}

/// Whether what matches a path is a service on a prefix with this pattern, which handles all that
/// is below the path as well, unlike a resource.
fn is_service(map: &ResourceMap, path: &str, pattern: &str) -> bool {
    let mut below = BELOW.iter().filter_map(|end| map.match_pattern(&format!("{path}{end}")));
    below.any(|found| found == pattern)
}

/// The value of a parameter that is a whole segment of a pattern, in a path that matches the
/// pattern as received or normalised.
pub(crate) fn parameter(pattern: &str, path: &str, name: &str) -> Option<String> {
    // Decoded like the path of a request.
    let url = Url::new(path.parse().ok()?);
    let is_segment = |segment: &&str| !segment.is_empty();
    let segments: Vec<_> = pattern.split(separator()).filter(is_segment).collect();
    let values: Vec<_> = url.path().split('/').filter(is_segment).collect();
    let is_parameter = |segment: &&str| {
        let inside = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        inside.is_some_and(|inside| inside.split(':').next() == Some(name))
    };
    let index = segments.iter().position(is_parameter)?;
    (segments.len() == values.len()).then(|| values[index].to_owned())
}

/// The slashes of a pattern outside of its parameters.
fn slashes(pattern: &str) -> usize {
    pattern.split(separator()).count() - 1
}

/// What separates the segments of a pattern: slashes outside of its parameters, whose
/// expressions can contain some.
fn separator() -> impl FnMut(char) -> bool {
    let mut depth = 0_usize;
    move |character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == '/' && depth == 0
    }
}

fn merge_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !merged.ends_with('/') {
            merged.push(character);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::{merge_slashes, parameter, slashes};

    #[test]
    fn slashes_within_parameters_are_not_counted() {
        for (pattern, count) in
            [("/a/b", 2), ("/{tenant:[^/]+}/static", 2), ("/{a}/{b:[/{]{2}}", 2), ("", 0)]
        {
            assert_eq!(slashes(pattern), count, "{pattern}");
        }
    }

    #[test]
    fn a_parameter_is_found_in_a_path_that_matches_its_pattern() {
        for (pattern, path, value) in [
            ("/{tenant}/users", "/acme/users", Some("acme")),
            ("/a/{tenant:[^/]+}/users/{id}", "/a/acme/users/7", Some("acme")),
            ("/{tenant}/users", "//acme//users/", Some("acme")),
            ("/{tenant}", "/a%20b", Some("a b")),
            ("/{tenant}/{tenant}", "/a/b", Some("a")),
            ("/{other}/users", "/acme/users", None),
            ("/v{tenant}", "/v1", None),
            ("/{file:.*}/{tenant}", "/a/b/acme", None),
            ("/{tenant}", "no path", None),
        ] {
            assert_eq!(parameter(pattern, path, "tenant").as_deref(), value, "{pattern} {path}");
        }
    }

    #[test]
    fn slashes_are_merged() {
        for (path, merged) in [("//a///b/", "/a/b/"), ("/a", "/a"), ("", ""), ("///", "/")] {
            assert_eq!(merge_slashes(path), merged);
        }
    }
}
