//! The values that options cannot have, refused before anything is started.

use std::collections::HashSet;
use std::time::Duration;

use actix_web::http::Uri;

use crate::dependency::check::Dependency;
use crate::error::BuildError;
use crate::exposition::sources::Registration;
use crate::labels::{OWN_LABELS, truncate};
use crate::options::exclude::Exclude;
use crate::options::label::{Label, LabelValues};
use crate::options::message::ErrorMessage;
use crate::protocol::label;

fn refuse(message: String) -> Result<(), BuildError> {
    Err(BuildError::new(message))
}

pub(super) fn version(version: &str) -> Result<(), BuildError> {
    if !version.trim().is_empty() {
        return Ok(());
    }
    refuse(format!(
        "version: {version:?} is blank, and Prometheus treats an empty label as a missing one; set \
         the running version, or leave the option out to show \"unknown\""
    ))
}

pub(super) fn buckets(option: &str, bounds: &[f64]) -> Result<(), BuildError> {
    if bounds.is_empty() {
        return refuse(format!(
            "{option}: there is no bound, so every observation would be in the +Inf bucket; give at \
             least one, or leave the option out for the default"
        ));
    }
    let mut previous = 0.0;
    for &bound in bounds {
        if !bound.is_finite() {
            return refuse(format!(
                "{option}: {bound} is not a finite number; leave it out, because the +Inf bucket \
                 is added automatically"
            ));
        }
        if bound <= 0.0 {
            return refuse(format!(
                "{option}: {bound} is not above zero, and every duration is; give seconds above zero"
            ));
        }
        if bound <= previous {
            return refuse(format!(
                "{option}: {bound} does not come after {previous}; give the bounds in strictly \
                 increasing order"
            ));
        }
        previous = bound;
    }
    Ok(())
}

/// Whether a request can have this path.
fn is_path(path: &str) -> bool {
    let is_path = path.parse().is_ok_and(|uri: Uri| uri.path() == path && uri.query().is_none());
    path.starts_with('/') && is_path && !path.contains(['{', '*'])
}

#[cfg(feature = "dashboard")]
pub(super) fn dashboard(path: &str, endpoint: Option<&str>) -> Result<(), BuildError> {
    if !is_path(path) {
        return refuse(format!(
            "dashboard: {path:?} is not a path, so no request could match it; give an absolute \
             path without a query such as \"/status\""
        ));
    }
    if endpoint == Some(path) {
        return refuse(format!(
            "dashboard: {path:?} is the path of the metrics page as well; give the dashboard \
             another one such as \"/status\", or change that of the metrics page with endpoint()"
        ));
    }
    Ok(())
}

pub(super) fn endpoint(path: &str) -> Result<(), BuildError> {
    if is_path(path) {
        return Ok(());
    }
    refuse(format!(
        "endpoint: {path:?} is not a path, so no request could match it; give an absolute path \
         without a query such as \"/metrics\", or use no_endpoint()"
    ))
}

pub(super) fn exclude(exclude: &Exclude) -> Result<(), BuildError> {
    let Some(pattern) = exclude.unmatchable() else { return Ok(()) };
    refuse(format!(
        "exclude: no request can match {pattern:?}; give a path such as \"/health\", a prefix such \
         as \"/static/*\", or a route's pattern such as \"/users/{{id}}\", each beginning with \"/\""
    ))
}

pub(super) fn observed_route(pattern: &str) -> Result<(), BuildError> {
    if pattern.starts_with('/') {
        return Ok(());
    }
    refuse(format!(
        "observe_route_at: no route can have the pattern {pattern:?}; give the whole pattern with \
         its scopes as the addr label shows it, such as \"/users/{{id}}/events\""
    ))
}

pub(super) fn error_message(source: &ErrorMessage) -> Result<(), BuildError> {
    let Some(name) = source.invalid_header() else { return Ok(()) };
    refuse(format!(
        "error_message: {name:?} is not a valid header name; use a name such as \"Error-Message\""
    ))
}

pub(super) fn registrations(registrations: &[Registration]) -> Result<(), BuildError> {
    let mut keys = HashSet::new();
    match registrations.iter().find(|registration| !keys.insert(&registration.key)) {
        Some(repeated) => Err(repeated.refused()),
        None => Ok(()),
    }
}

pub(super) fn series_limit(limit: usize) -> Result<(), BuildError> {
    if limit > 0 {
        return Ok(());
    }
    refuse(
        "series_limit: it is zero, so not even the first request could be recorded; give the \
         number of label sets that a family may have"
            .to_owned(),
    )
}

pub(super) fn blocking_threshold(threshold: Duration) -> Result<(), BuildError> {
    if !threshold.is_zero() {
        return Ok(());
    }
    refuse(
        "blocking_threshold: it is zero, so every poll would count as one that blocks; give the \
         time for which a poll may hold its worker, such as 100 ms"
            .to_owned(),
    )
}

pub(super) fn dependencies(dependencies: &[Dependency]) -> Result<(), BuildError> {
    let mut names = HashSet::new();
    for Dependency { name, schedule, .. } in dependencies {
        if name.is_empty() {
            return refuse(
                "dependency: its name is empty, and the name is the only label of dependency_up; \
                 give it a name"
                    .to_owned(),
            );
        }
        if !names.insert(name) {
            return refuse(format!(
                "dependency {name:?}: two dependencies have this name, and both would write to one \
                 series; give each its own name"
            ));
        }
        for (option, duration) in [("every", schedule.every), ("timeout", schedule.timeout)] {
            if duration.is_zero() {
                return refuse(format!(
                    "dependency {name:?}: {option} is zero; give it a duration above zero"
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn const_labels(labels: &[(String, String)]) -> Result<(), BuildError> {
    label_keys("const_label", labels.iter().map(|(key, _)| key.as_str()), &mut HashSet::new())
}

/// The largest number of values that a label of the app's own can have. Values are numbered
/// with 16 bits.
const VALUES: usize = 60_000;

pub(super) fn labels(
    labels: &[(String, Label)],
    const_labels: &[(String, String)],
) -> Result<(), BuildError> {
    let mut keys = const_labels.iter().map(|(key, _)| key.as_str()).collect();
    label_keys("label", labels.iter().map(|(key, _)| key.as_str()), &mut keys)?;
    if labels.len() > OWN_LABELS {
        return refuse(format!(
            "label: there are {}, and each multiplies the number of series; set at most {OWN_LABELS}",
            labels.len()
        ));
    }
    for (key, label) in labels {
        if let Some((name, kind)) = label.invalid_name() {
            return refuse(format!("label {key:?}: {name:?} is not {kind}"));
        }
        let problem = match label.values() {
            LabelValues::Limit(0) => {
                "its limit is zero, so each value would be \"_overflow\"; \
                                      give the number of values that it can have"
            }
            LabelValues::Allowed(values) if values.is_empty() => {
                "the list of allowed values is empty, so each value would be \"_overflow\"; give \
                 the values that it can have"
            }
            LabelValues::Allowed(values) if values.iter().any(|value| truncate(value) != value) => {
                "an allowed value is longer than 120 characters, and longer values are cut; \
                 allow shorter ones"
            }
            LabelValues::Limit(limit) if *limit > VALUES => TOO_MANY_VALUES,
            LabelValues::Allowed(values) if values.len() > VALUES => TOO_MANY_VALUES,
            _ => continue,
        };
        return refuse(format!("label {key:?}: {problem}"));
    }
    Ok(())
}

const TOO_MANY_VALUES: &str = "it could have more than 60000 values, each with series of its own; \
                               give a smaller limit, or use a log instead of a label";

/// Refuses a key that no label of an option can have, or that is one of `keys`.
fn label_keys<'a>(
    option: &str,
    labels: impl Iterator<Item = &'a str>,
    keys: &mut HashSet<&'a str>,
) -> Result<(), BuildError> {
    for key in labels {
        let problem = if label::RESERVED.contains(&key) || key.starts_with("__") {
            "the protocol or Prometheus uses this key; use another one"
        } else if !is_label_name(key) {
            "this is not a valid label name; use letters, digits and underscores, and do not begin \
             with a digit"
        } else if !keys.insert(key) {
            "the key is set twice; set each key once"
        } else {
            continue;
        };
        return refuse(format!("{option} {key:?}: {problem}"));
    }
    Ok(())
}

/// The label names that every version of Prometheus accepts.
fn is_label_name(key: &str) -> bool {
    let mut characters = key.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}
