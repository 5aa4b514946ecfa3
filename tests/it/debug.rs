//! What `{:?}` prints of the types that an app keeps in its own: enough to recognise them,
//! and no more of a closure than that it is one.

use actix_monitor::{
    BigBrother, Dependency, ErrorMessage, Exclude, Exemplars, Label, MetricSource, Monitor,
};

#[test]
fn options_print_what_they_were_made_with() {
    let printed = [
        (format!("{:?}", Exclude::from("/health")), r#"Exclude("/health")"#),
        (format!("{:?}", Exclude::from_fn(|_| true)), "Exclude::from_fn"),
        (format!("{:?}", Exemplars::traceparent()), "Exemplars::traceparent"),
        (format!("{:?}", Exemplars::from_fn(|_| None)), "Exemplars::from_fn"),
        (format!("{:?}", ErrorMessage::header("Error-Message")), "ErrorMessage::header"),
        (format!("{:?}", ErrorMessage::extension()), "ErrorMessage::extension"),
        (format!("{:?}", ErrorMessage::actix_error()), "ErrorMessage::actix_error"),
        (format!("{:?}", MetricSource::text(String::new)), "Text(..)"),
        (
            format!("{:?}", Label::header("X-Tenant").limit(7)),
            r#"Label { source: "header", values: Limit(7) }"#,
        ),
    ];
    for (printed, expected) in printed {
        assert_eq!(printed, expected);
    }
    let dependency = format!("{:?}", Dependency::new("db", async || true));
    assert!(dependency.starts_with(r#"Dependency { name: "db", "#), "{dependency}");
}

#[test]
fn builders_monitors_and_timers_print_what_they_are_of() {
    let builder = BigBrother::builder().isolated().version("v1.2.3");
    let printed = format!("{builder:?}");
    assert!(printed.contains("v1.2.3") && printed.contains("is_isolated: true"), "{printed}");
    let middleware = builder.build();
    let printed = format!("{middleware:?}");
    assert!(printed.contains("statuses: StatusTable { .. }"), "{printed}");
    let monitor: &Monitor = &middleware.monitor();
    let printed = format!("{monitor:?}");
    assert!(printed.starts_with("Monitor { config: ") && printed.contains("v1.2.3"), "{printed}");
    let printed = format!("{:?}", monitor.start_dependency_request("redis").addr("GET key"));
    assert!(printed.contains(r#"name: Some("redis")"#), "{printed}");
    assert!(printed.contains(r#"addr: Some("GET key")"#), "{printed}");
    #[cfg(any(feature = "awc", feature = "reqwest"))]
    {
        let printed = format!("{:?}", actix_monitor::ClientMonitor::new(monitor, "users"));
        assert_eq!(printed, r#"ClientMonitor { name: "users", .. }"#);
    }
}
