//! Any bytes on a socket: the server responds or closes the connection, the page is valid, and
//! no count falls.

#![no_main]

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use actix_monitor::{
    BigBrother, ErrorMessage, Exemplars, Label, RequestSize, ResponseSize, Unmatched,
};
use actix_monitor_fuzz::{Served, read_page};
use libfuzzer_sys::fuzz_target;

static SERVED: OnceLock<Served> = OnceLock::new();
static LAST: Mutex<BTreeMap<String, f64>> = Mutex::new(BTreeMap::new());

fn start() -> Served {
    Served::start(
        BigBrother::builder()
            .isolated()
            .series_limit(50)
            .unmatched(Unmatched::Path)
            .response_size(ResponseSize::Sent)
            .request_size(RequestSize::Received)
            .error_message(ErrorMessage::actix_error())
            .label("tenant", Label::header("x-tenant").limit(5))
            .exclude("/api/*")
            .exemplars(Exemplars::traceparent())
            .native_histograms()
            .build(),
    )
}

fuzz_target!(|bytes: &[u8]| {
    let served = SERVED.get_or_init(start);
    served.exchange(bytes);
    let mut last = LAST.lock().expect("no panic before");
    for sample in read_page(served.monitor()) {
        let is_counter =
            ["_count", "_sum", "_bucket", "_bytes"].iter().any(|end| sample.name.ends_with(end));
        if is_counter {
            let before = last.insert(format!("{} {:?}", sample.name, sample.labels), sample.value);
            assert!(before.is_none_or(|before| before <= sample.value), "{before:?} {sample:?}");
        }
    }
});
