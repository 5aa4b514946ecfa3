//! Readiness as an answer to HTTP: what the checks found, without running one.

use std::time::{Duration, UNIX_EPOCH};

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use crate::monitor::state::DependencyState;
use crate::page::monitor_of;

/// Answers whether the service is ready: 200, or 503 while a dependency marked
/// [`critical`](crate::Dependency::critical) is down or has not been checked yet.
///
/// The body is a small JSON document with the last known state of each
/// dependency. No request runs a check, so nobody can use this to attack a
/// dependency; reasons are shown, so think of who may ask. `since` is in seconds
/// since 1970, durations are in seconds. Where there is no monitor the answer is
/// 500 and the log says why.
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
    let Some(monitor) = monitor_of(&request) else {
        return HttpResponse::InternalServerError().finish();
    };
    let states = monitor.dependencies();
    let is_ready = states.iter().all(|state| !state.is_critical() || state.is_up() == Some(true));
    let body = json!({
        "ready": is_ready,
        "dependencies": states.iter().map(describe).collect::<Vec<_>>(),
    });
    let mut answer = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.json(body)
}

fn describe(state: &DependencyState) -> Value {
    let since = state.since().and_then(|since| since.duration_since(UNIX_EPOCH).ok());
    json!({
        "name": state.name(),
        "up": state.is_up(),
        "critical": state.is_critical(),
        "since": since.map(|since| since.as_secs()),
        "last_duration_seconds": state.last_duration().as_ref().map(Duration::as_secs_f64),
        "reason": state.reason(),
    })
}
