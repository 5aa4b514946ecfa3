//! Whatever options an app has and however its requests end, the page is that of the model.

use proptest::prelude::*;

use crate::app::Script;
use crate::cases::cases;
use crate::model::Model;
use crate::options::{Options, options};
use crate::request::{Request, requests};
use crate::scraped::Scraped;

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn the_page_is_that_of_the_model(options in options(), requests in requests()) {
        check(&options, &requests);
    }
}

fn check(options: &Options, requests: &[Request]) {
    let script = Script::start(options.build(), requests);
    for (index, request) in requests.iter().enumerate() {
        script.play(index, request);
    }
    let scraped = Scraped::of(&script, options);
    let model = Model::of(options, requests);

    let mut expected = model.series.clone();
    expected.values_mut().for_each(|series| series.traces.clear());
    assert_eq!(scraped.series(options), expected);

    let bounds = |bounds: &[f64]| [bounds, &[f64::INFINITY]].concat();
    let seconds = scraped.bounds("request_seconds_bucket");
    assert!(seconds.values().all(|found| *found == bounds(&options.buckets)), "{seconds:?}");
    assert_eq!(seconds.len(), expected.len());
    let heads = scraped.bounds("request_head_seconds_bucket");
    assert!(heads.values().all(|found| *found == bounds(&[0.01, 2.0])), "{heads:?}");
    let in_flight = scraped.value("requests_in_flight");
    assert_eq!(in_flight, options.has_in_flight.then_some(0.0));

    let traces = scraped.traces();
    for (labels, series) in &model.series {
        let found = traces.get(labels).map(Vec::as_slice).unwrap_or_default();
        assert!(found.iter().all(|trace| series.traces.contains(trace)), "{labels:?} {found:?}");
        let has_traces = options.has_exemplars && !series.traces.is_empty();
        assert_eq!(!found.is_empty(), has_traces, "{labels:?} {found:?}");
    }
}
