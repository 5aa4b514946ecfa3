//! Texts in all labels and help texts: what goes in comes out.

#![no_main]

use actix_monitor::prometheus_client::metrics::family::Family;
use actix_monitor::prometheus_client::metrics::gauge::Gauge;
use actix_monitor::{BigBrother, ErrorMessage, Label};
use actix_monitor_fuzz::{Sample, read_page};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    version: String,
    constant: String,
    calls: Vec<[String; 7]>,
    gauge: String,
    text: String,
}

fn has(sample: &Sample, labels: &[(&str, &str)]) -> bool {
    labels.iter().all(|(key, value)| sample.labels.get(*key).map(String::as_str) == Some(value))
}

fuzz_target!(|input: Input| {
    let Input { version, constant, calls, gauge, text } = input;
    let builder = BigBrother::builder()
        .isolated()
        .version(version.as_str())
        .const_label("constant", constant.as_str())
        .error_message(ErrorMessage::extension())
        .label("tenant", Label::extension());
    let Ok(middleware) = builder.try_build() else {
        assert!(version.trim().is_empty(), "refused: {version:?} {constant:?}");
        return;
    };
    let monitor = middleware.monitor();
    for [name, kind, status, method, addr, message, tenant] in calls.clone() {
        monitor
            .start_dependency_request(name)
            .kind(kind)
            .method(method)
            .addr(addr)
            .error_message(message)
            .label("tenant", tenant)
            .finish(actix_monitor::CallStatus::from(status));
    }
    let values = Family::<Vec<(String, String)>, Gauge>::default();
    values.get_or_create(&vec![("value".to_owned(), gauge.clone())]).set(1);
    monitor.register(|registry| registry.register("own", "Values", values));
    let client = prometheus::Registry::new();
    let opts = prometheus::Opts::new("client", if text.is_empty() { "-" } else { &text });
    let counter = prometheus::IntCounterVec::new(opts, &["value"]).expect("a valid name");
    counter.with_label_values(&[&gauge]).inc();
    client.register(Box::new(counter)).expect("registered once");
    monitor.attach(client);

    let samples = read_page(&monitor);
    let all = |name: &'static str| samples.iter().filter(move |sample| sample.name == name);
    assert!(samples.iter().all(|sample| has(sample, &[("constant", &constant)])));
    assert!(all("application_info").all(|sample| has(sample, &[("version", &version)])));
    for name in ["own", "client"] {
        let found: Vec<_> = all(name).collect();
        assert!(found.len() == 1 && has(found[0], &[("value", &gauge)]), "{found:?} {gauge:?}");
    }
    let counts = || all("dependency_request_seconds_count");
    assert_eq!(counts().map(|sample| sample.value).sum::<f64>(), calls.len() as f64);
    for [name, kind, status, method, addr, message, _] in &calls {
        // The other texts are those of the app.
        let message: String = message.chars().take(120).collect();
        let labels = [
            ("name", name.as_str()),
            ("type", kind),
            ("status", status),
            ("method", method),
            ("addr", addr),
            ("errorMessage", &message),
        ];
        assert!(counts().any(|sample| has(sample, &labels)), "{labels:?}");
    }
});
