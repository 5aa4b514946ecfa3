//! What is refused, found before anything is started.

use std::collections::HashSet;

use crate::dependency::check::Dependency;
use crate::error::{BucketsError, BuildError, ConstLabelError};
use crate::outcome::exclude::Exclude;
use crate::outcome::message::ErrorMessage;
use crate::protocol::label;

pub(crate) fn version(version: &str) -> Result<(), BuildError> {
    if version.is_empty() { Err(BuildError::EmptyVersion) } else { Ok(()) }
}

pub(crate) fn buckets(option: &'static str, bounds: &[f64]) -> Result<(), BuildError> {
    let refuse = |reason| Err(BuildError::Buckets { option, reason });
    if bounds.is_empty() {
        return refuse(BucketsError::Empty);
    }
    let mut previous = 0.0;
    for &bound in bounds {
        if !bound.is_finite() {
            return refuse(BucketsError::NotFinite(bound));
        }
        if bound <= 0.0 {
            return refuse(BucketsError::NotPositive(bound));
        }
        if bound <= previous {
            return refuse(BucketsError::NotIncreasing { bound, previous });
        }
        previous = bound;
    }
    Ok(())
}

pub(crate) fn endpoint(path: &str) -> Result<(), BuildError> {
    if path.starts_with('/') { Ok(()) } else { Err(BuildError::Endpoint { path: path.to_owned() }) }
}

pub(crate) fn exclude(exclude: &Exclude) -> Result<(), BuildError> {
    match exclude.refused() {
        Some(pattern) => Err(BuildError::Exclude { pattern: pattern.to_owned() }),
        None => Ok(()),
    }
}

pub(crate) fn error_message(source: &ErrorMessage) -> Result<(), BuildError> {
    match source.refused_header() {
        Some(name) => Err(BuildError::ErrorMessageHeader { name: name.to_owned() }),
        None => Ok(()),
    }
}

pub(crate) fn series_limit(limit: usize) -> Result<(), BuildError> {
    if limit == 0 { Err(BuildError::ZeroSeriesLimit) } else { Ok(()) }
}

pub(crate) fn dependencies(dependencies: &[Dependency]) -> Result<(), BuildError> {
    let mut names = HashSet::new();
    for Dependency { name, schedule, .. } in dependencies {
        if name.is_empty() {
            return Err(BuildError::EmptyDependencyName);
        }
        if !names.insert(name) {
            return Err(BuildError::DuplicateDependency { name: name.clone() });
        }
        for (option, duration) in [("every", schedule.every), ("timeout", schedule.timeout)] {
            if duration.is_zero() {
                return Err(BuildError::ZeroDuration { name: name.clone(), option });
            }
        }
    }
    Ok(())
}

pub(crate) fn const_labels(labels: &[(String, String)]) -> Result<(), BuildError> {
    let mut keys = HashSet::new();
    for (key, _) in labels {
        let reason = if label::RESERVED.contains(&key.as_str()) || key.starts_with("__") {
            ConstLabelError::Reserved
        } else if !is_label_name(key) {
            ConstLabelError::Invalid
        } else if !keys.insert(key) {
            ConstLabelError::Duplicate
        } else {
            continue;
        };
        return Err(BuildError::ConstLabel { key: key.clone(), reason });
    }
    Ok(())
}

/// The label names that every version of Prometheus takes.
fn is_label_name(key: &str) -> bool {
    let mut characters = key.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}
