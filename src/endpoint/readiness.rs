//! The readiness handlers: the last known states of the dependencies, as JSON.

use std::time::{Duration, UNIX_EPOCH};

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use crate::dependency::state::{DependencyState, DependencyStatus};
use crate::endpoint::metrics::monitor_of;

/// Handler that returns 200 if the service is ready and 503 if it is not.
///
/// The service is ready if all [`critical`](crate::Dependency::critical)
/// dependencies are up. A critical dependency without a result yet is not up.
///
/// The body is a JSON object. `ready` is a boolean, and `dependencies` is an array
/// with an object for each dependency:
///
/// | key | value |
/// |---|---|
/// | `name` | string |
/// | `up` | `true`, `false`, or `null` before the first result |
/// | `critical` | boolean |
/// | `since` | when `up` last changed, in whole seconds since 1970, or `null` |
/// | `last_duration_seconds` | how long the last run of the check took, or `null` |
///
/// A request runs no check and waits for none, so the handler can be exposed without
/// letting clients put load on a dependency. It does not show why a dependency is
/// down; [`readiness_with_reasons`] does.
///
/// If there is no monitor, the status is 500 and an error is logged.
///
/// # Examples
///
/// ```
/// use actix_monitor::{BigBrother, Dependency};
/// use actix_web::{App, web};
///
/// let db = Dependency::new("db", || async { true }).critical();
/// let app = App::new()
///     .wrap(BigBrother::builder().isolated().dependency(db).exclude("/ready").build())
///     .route("/ready", web::get().to(actix_monitor::readiness));
/// ```
pub async fn readiness(request: HttpRequest) -> HttpResponse {
    answer(&request, describe)
}

/// Handler that returns what [`readiness`] returns and also the reasons.
///
/// Each dependency has the key `reason` in addition: a string if it is down, else
/// `null`. A reason is the error that a check returned, cut to 120 characters, and
/// may contain internals of the service such as host names. Do not expose this
/// handler to the public.
///
/// # Examples
///
/// ```
/// use actix_monitor::BigBrother;
/// use actix_web::{App, web};
///
/// let monitor = BigBrother::builder().isolated().build();
/// let public = App::new()
///     .wrap(monitor.clone())
///     .route("/ready", web::get().to(actix_monitor::readiness));
/// let internal = App::new()
///     .app_data(monitor.monitor())
///     .route("/ready", web::get().to(actix_monitor::readiness_with_reasons));
/// ```
pub async fn readiness_with_reasons(request: HttpRequest) -> HttpResponse {
    answer(&request, describe_with_reason)
}

fn answer(request: &HttpRequest, describe: fn(&DependencyState) -> Value) -> HttpResponse {
    let Some(monitor) = monitor_of(request) else {
        return HttpResponse::InternalServerError().finish();
    };
    let states = monitor.dependencies();
    let is_ready =
        states.iter().all(|state| !state.is_critical() || state.status() == DependencyStatus::Up);
    let mut answer = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.json(json!({
        "ready": is_ready,
        "dependencies": states.iter().map(describe).collect::<Vec<_>>(),
    }))
}

fn describe(state: &DependencyState) -> Value {
    let up = match state.status() {
        DependencyStatus::Unknown => None,
        DependencyStatus::Up => Some(true),
        DependencyStatus::Down => Some(false),
    };
    let since = state.since().and_then(|since| since.duration_since(UNIX_EPOCH).ok());
    json!({
        "name": state.name(),
        "up": up,
        "critical": state.is_critical(),
        "since": since.map(|since| since.as_secs()),
        "last_duration_seconds": state.last_duration().as_ref().map(Duration::as_secs_f64),
    })
}

fn describe_with_reason(state: &DependencyState) -> Value {
    let mut description = describe(state);
    description["reason"] = state.reason().into();
    description
}
