//! The wire protocol: names, types, labels and their order.

use actix_monitor::prometheus_client::metrics::counter::Counter;
use actix_monitor::{BigBrother, Dependency};
use actix_web::{HttpResponse, web};

use crate::support::oracle;
use crate::support::page::Page;
use crate::support::patience::eventually;
use crate::support::server::Server;

/// Sends the requests that `SAMPLES` shows.
fn traffic(server: &Server) {
    let mut client = server.connect();
    for path in ["/api/users/1", "/api/users/2", "/api/fails", "/stray"] {
        client.get(path);
    }
    client.request("POST", "/api/users/3", &[]);
}

fn routes(app: &mut web::ServiceConfig) {
    app.service(
        web::scope("/api")
            .route("/users/{id}", web::get().to(async || "hello"))
            .route("/users/{id}", web::post().to(HttpResponse::Created))
            .route(
                "/fails",
                web::get().to(async || HttpResponse::InternalServerError().body("no")),
            ),
    );
}

/// A server with buckets that contain every request, so that only the sums on its page
/// depend on the machine.
fn server() -> Server {
    let monitor = BigBrother::builder()
        .isolated()
        .openmetrics()
        .version("v1.2.3")
        .buckets([60.0, 120.5])
        .dependency(Dependency::blocking("db", || true))
        .dependency(Dependency::blocking("queue", || Err::<(), _>("refused")))
        .build();
    let orders = Counter::<u64>::default();
    orders.inc_by(7);
    monitor.monitor().register(|registry| registry.register("orders", "Orders taken", orders));
    let server = Server::watched(monitor, routes);
    eventually("both dependencies are checked", || {
        (server.metrics().find("dependency_up", &[]).len() == 2).then_some(())
    });
    server
}

/// Whether a line belongs to the process metrics.
fn is_of_the_process(line: &str) -> bool {
    ["process_", "# HELP process_", "# TYPE process_", "# UNIT process_"]
        .iter()
        .any(|start| line.starts_with(start))
}

/// The lines of a page in sorted order, without help texts and without sums, which depend
/// on the machine.
fn lines(page: &str) -> Vec<String> {
    let mut lines: Vec<_> = page
        .lines()
        .filter(|line| !line.starts_with("# HELP ") && !is_of_the_process(line))
        .map(|line| match line.rsplit_once(' ') {
            Some((series, sum)) if series.contains("_sum{") => {
                assert!(sum.parse::<f64>().is_ok_and(|sum| sum > 0.0), "{line}");
                format!("{series} (time)")
            }
            _ => line.to_owned(),
        })
        .collect();
    lines.sort();
    lines
}

const SAMPLES: &str = r#"
application_info{version="v1.2.3"} 1
dependency_up{name="db"} 1
dependency_up{name="queue"} 0
orders_total 7
request_seconds_bucket{type="http",status="200",isError="false",method="GET",addr="/api/users/{id}",le="60.0"} 2
request_seconds_bucket{type="http",status="200",isError="false",method="GET",addr="/api/users/{id}",le="120.5"} 2
request_seconds_bucket{type="http",status="200",isError="false",method="GET",addr="/api/users/{id}",le="+Inf"} 2
request_seconds_count{type="http",status="200",isError="false",method="GET",addr="/api/users/{id}"} 2
request_seconds_sum{type="http",status="200",isError="false",method="GET",addr="/api/users/{id}"} (time)
request_seconds_bucket{type="http",status="500",isError="true",method="GET",addr="/api/fails",le="60.0"} 1
request_seconds_bucket{type="http",status="500",isError="true",method="GET",addr="/api/fails",le="120.5"} 1
request_seconds_bucket{type="http",status="500",isError="true",method="GET",addr="/api/fails",le="+Inf"} 1
request_seconds_count{type="http",status="500",isError="true",method="GET",addr="/api/fails"} 1
request_seconds_sum{type="http",status="500",isError="true",method="GET",addr="/api/fails"} (time)
request_seconds_bucket{type="http",status="404",isError="true",method="GET",addr="unmatched",le="60.0"} 1
request_seconds_bucket{type="http",status="404",isError="true",method="GET",addr="unmatched",le="120.5"} 1
request_seconds_bucket{type="http",status="404",isError="true",method="GET",addr="unmatched",le="+Inf"} 1
request_seconds_count{type="http",status="404",isError="true",method="GET",addr="unmatched"} 1
request_seconds_sum{type="http",status="404",isError="true",method="GET",addr="unmatched"} (time)
request_seconds_bucket{type="http",status="201",isError="false",method="POST",addr="/api/users/{id}",le="60.0"} 1
request_seconds_bucket{type="http",status="201",isError="false",method="POST",addr="/api/users/{id}",le="120.5"} 1
request_seconds_bucket{type="http",status="201",isError="false",method="POST",addr="/api/users/{id}",le="+Inf"} 1
request_seconds_count{type="http",status="201",isError="false",method="POST",addr="/api/users/{id}"} 1
request_seconds_sum{type="http",status="201",isError="false",method="POST",addr="/api/users/{id}"} (time)
response_size_bytes{type="http",status="200",isError="false",method="GET",addr="/api/users/{id}"} 10
response_size_bytes{type="http",status="500",isError="true",method="GET",addr="/api/fails"} 2
response_size_bytes{type="http",status="404",isError="true",method="GET",addr="unmatched"} 0
response_size_bytes{type="http",status="201",isError="false",method="POST",addr="/api/users/{id}"} 0
"#;

#[track_caller]
fn assert_page(page: &str, descriptors: &str) {
    let mut expected: Vec<_> =
        SAMPLES.lines().chain(descriptors.lines()).filter(|line| !line.is_empty()).collect();
    expected.sort_unstable();
    assert_eq!(lines(page), expected, "{page}");
}

#[test]
fn the_whole_page_in_the_text_format() {
    let server = server();
    traffic(&server);
    let page = server.connect().get("/metrics").text();
    assert_page(
        &page,
        "\
# TYPE application_info gauge
# TYPE dependency_request_seconds histogram
# TYPE dependency_up gauge
# TYPE orders_total counter
# TYPE request_seconds histogram
# TYPE response_size_bytes counter
",
    );
    oracle::read_text(&page);
    assert_families_follow_their_descriptors(&page);
}

#[test]
fn the_whole_page_in_openmetrics() {
    let server = server();
    traffic(&server);
    let accept = [("accept", "application/openmetrics-text")];
    let page = server.connect().request("GET", "/metrics", &accept).text();
    assert_page(
        &page,
        "\
# TYPE application info
# TYPE dependency_request_seconds histogram
# UNIT dependency_request_seconds seconds
# TYPE dependency_up gauge
# TYPE orders counter
# TYPE request_seconds histogram
# UNIT request_seconds seconds
# TYPE response_size_bytes unknown
# UNIT response_size_bytes bytes
# EOF
",
    );
    assert!(page.ends_with("\n# EOF\n"));
    oracle::read_openmetrics(&page);
    assert_families_follow_their_descriptors(&page);
}

/// Asserts that each family has one help text and one type, directly followed by its
/// samples.
#[track_caller]
fn assert_families_follow_their_descriptors(page: &str) {
    let types = Page::parse(page).types;
    let mut family = "";
    let mut helped = 0;
    for line in page.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.split(' ');
            let word = words.next();
            let name = words.next().unwrap_or_default();
            helped += usize::from(word == Some("HELP"));
            assert!(word == Some("HELP") || name == family, "{line} after {family}");
            assert!(types.contains_key(name), "{line} has no type");
            family = name;
        } else {
            assert!(line.starts_with(family), "{line} within {family}");
        }
    }
    assert_eq!(helped, types.len(), "one help text a family: {page}");
}

#[test]
fn the_default_buckets_are_those_of_the_protocol() {
    let server = Server::watched(BigBrother::builder().isolated().build(), routes);
    traffic(&server);
    let page = server.metrics();
    for count in page.find("request_seconds_count", &[]) {
        let labels: Vec<_> = count.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let buckets = page.find("request_seconds_bucket", &labels);
        let bounds: Vec<_> = buckets.iter().filter_map(|bucket| bucket.label("le")).collect();
        assert_eq!(bounds, ["0.1", "0.3", "1.5", "10.5", "+Inf"]);
    }
    assert_eq!(page.find("request_seconds_bucket", &[]).len(), 4 * 5);
}

#[test]
fn a_fresh_page_has_all_families_and_no_requests() {
    let server = Server::watched(BigBrother::builder().isolated().build(), routes);
    let text = server.metrics();
    assert_eq!(
        text.types
            .keys()
            .map(String::as_str)
            .filter(|name| !is_of_the_process(name))
            .collect::<Vec<_>>(),
        [
            "application_info",
            "dependency_request_seconds",
            "dependency_up",
            "request_seconds",
            "response_size_bytes"
        ]
    );
    let names: Vec<_> = text.lasting().iter().map(|sample| sample.name.as_str()).collect();
    assert_eq!(names, ["application_info"]);
    assert_eq!(text.value("application_info", &[("version", "unknown")]), Some(1.0));
    oracle::read_text(&text.text);
}

#[test]
fn labels_are_in_the_order_of_the_protocol() {
    let server = server();
    traffic(&server);
    let request = ["type", "status", "isError", "method", "addr"];
    let page = server.metrics();
    assert!(page.requests() > 0.0);
    for sample in &page.samples {
        let keys: Vec<_> = sample.labels.iter().map(|(key, _)| key.as_str()).collect();
        let expected = match sample.name.as_str() {
            "request_seconds_bucket" => [&request[..], &["le"]].concat(),
            "request_seconds_count" | "request_seconds_sum" | "response_size_bytes" => {
                request.to_vec()
            }
            "dependency_up" => vec!["name"],
            "application_info" => vec!["version"],
            _ => vec![],
        };
        assert_eq!(keys, expected, "{sample:?}");
    }
}

#[test]
fn label_values_are_escaped() {
    let name = "a \"db\" \\ of\nus";
    let monitor = BigBrother::builder()
        .isolated()
        .version(name)
        .const_label("region", name)
        .dependency(Dependency::blocking(name, || true))
        .build();
    let server = Server::watched(monitor, routes);
    let page = eventually("the dependency is checked", || {
        let page = server.metrics();
        (!page.find("dependency_up", &[]).is_empty()).then_some(page)
    });
    let region = ("region", name);
    assert_eq!(page.value("dependency_up", &[("name", name), region]), Some(1.0));
    assert_eq!(page.value("application_info", &[("version", name), region]), Some(1.0));
    oracle::read_text(&page.text);
}
