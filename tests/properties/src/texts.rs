//! Any label values and help texts are read back exactly, by the parsers of others.

use std::cell::RefCell;

use actix_monitor::prometheus_client::metrics::family::Family;
use actix_monitor::prometheus_client::metrics::gauge::Gauge;
use actix_monitor::{BigBrother, CallStatus, ErrorMessage, Format, Label, Monitor};
use proptest::prelude::*;

use crate::cases::cases;
use crate::parsers::{self, Python, promtool};

/// The texts of a page.
#[derive(Clone, Debug)]
struct Texts {
    version: String,
    constant: String,
    own: String,
    help: String,
    /// The labels of a call.
    call: [String; 7],
}

const CALL: [&str; 7] = ["name", "type", "status", "method", "addr", "errorMessage", "tenant"];

/// Text in which what the formats give a meaning to is frequent.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\\\\\"\n\r#{},= a]{0,12}",
        "\\PC{0,20}",
        prop::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter),
    ]
}

fn texts() -> impl Strategy<Value = Texts> {
    let call = prop::array::uniform7(text());
    (text(), text(), text(), text(), call).prop_map(|(version, constant, own, help, call)| Texts {
        // One that is blank is refused.
        version: format!("v{version}"),
        constant,
        own,
        // The parsers remove white space around a help text.
        help: format!("H{help}!"),
        call,
    })
}

impl Texts {
    fn monitor(&self) -> Monitor {
        let middleware = BigBrother::builder()
            .isolated()
            .version(self.version.as_str())
            .const_label("constant", self.constant.as_str())
            .error_message(ErrorMessage::extension())
            .label("tenant", Label::extension())
            .build();
        let monitor = middleware.monitor();
        let [name, kind, status, method, addr, message, tenant] = self.call.clone();
        monitor
            .start_dependency_request(name)
            .kind(kind)
            .method(method)
            .addr(addr)
            .error_message(message)
            .label("tenant", tenant)
            .finish(CallStatus::from(status));
        self.register(&monitor);
        monitor.get_ref().clone()
    }

    /// Metrics of the app in both libraries.
    fn register(&self, monitor: &Monitor) {
        let gauges = Family::<Vec<(String, String)>, Gauge>::default();
        gauges.get_or_create(&vec![("value".to_owned(), self.own.clone())]).set(1);
        monitor.register(|registry| registry.register("own", self.help.as_str(), gauges));
        let client = prometheus::Registry::new();
        let opts = prometheus::Opts::new("client", self.help.as_str());
        let gauges = prometheus::GaugeVec::new(opts, &["value"]).expect("valid names");
        gauges.with_label_values(&[&self.own]).inc();
        client.register(Box::new(gauges)).expect("one of its name");
        monitor.attach(client);
    }

    fn check(&self, families: &[parsers::Family]) {
        let help = |name: &str| {
            let family = families.iter().find(|family| family.name == name);
            family.map(|family| family.help.as_str())
        };
        // prometheus-client adds a dot.
        assert_eq!(help("own"), Some(&*format!("{}.", self.help)));
        assert_eq!(help("client"), Some(self.help.as_str()));
        let all = || families.iter().flat_map(|family| &family.samples);
        assert!(all().all(|sample| sample.labels["constant"] == self.constant));
        let one = |name: &str, key: &str| {
            let sample = all().find(|sample| sample.name == name);
            sample.map(|sample| sample.labels[key].as_str())
        };
        assert_eq!(one("application_info", "version"), Some(self.version.as_str()));
        assert_eq!(one("own", "value"), Some(self.own.as_str()));
        assert_eq!(one("client", "value"), Some(self.own.as_str()));
        for (key, value) in CALL.into_iter().zip(&self.call) {
            let tenants = ["", "_overflow"];
            let found = one("dependency_request_seconds_count", key);
            let is_new_tenant =
                key == "tenant" && found.is_some_and(|found| tenants.contains(&found));
            assert!(found == Some(value) || is_new_tenant, "{key}: {found:?} {value:?}");
        }
    }
}

thread_local! {
    static PYTHON: RefCell<Option<Python>> = const { RefCell::new(None) };
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn texts_are_read_back_by_other_parsers(texts in texts()) {
        let monitor = texts.monitor();
        let text = monitor.encode(Format::Text);
        promtool(&text);
        PYTHON.with_borrow_mut(|python| {
            let python = python.get_or_insert_with(Python::start);
            texts.check(&python.read("text", &text));
            texts.check(&python.read("openmetrics", &monitor.encode(Format::OpenMetrics)));
        });
    }
}
