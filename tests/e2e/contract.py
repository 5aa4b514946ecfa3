"""The wire protocol as the outside sees it: names, label keys and values."""

REQUEST_LABELS = {"type", "status", "isError", "method", "addr"}

# Each sample name with the label keys that it must have, no more and no fewer.
SAMPLES = {
    "request_seconds_bucket": REQUEST_LABELS | {"le"},
    "request_seconds_count": REQUEST_LABELS,
    "request_seconds_sum": REQUEST_LABELS,
    "response_size_bytes": REQUEST_LABELS,
    "dependency_up": {"name"},
    "dependency_request_seconds_bucket": REQUEST_LABELS | {"name", "le"},
    "dependency_request_seconds_count": REQUEST_LABELS | {"name"},
    "dependency_request_seconds_sum": REQUEST_LABELS | {"name"},
    "application_info": {"version"},
}

BUCKETS = {"0.1", "0.3", "1.5", "10.5", "+Inf"}

# Family: type and unit as a store learns them from an OpenMetrics page.
METADATA = {
    "request_seconds": ("histogram", "seconds"),
    "response_size_bytes": ("unknown", "bytes"),
    "dependency_up": ("gauge", ""),
    "dependency_request_seconds": ("histogram", "seconds"),
    "application": ("info", ""),
}

# Family: type on the text page.
TEXT_TYPES = {
    "request_seconds": "histogram",
    "response_size_bytes": "counter",
    "dependency_up": "gauge",
    "dependency_request_seconds": "histogram",
    "application_info": "gauge",
}

# What the protocol's names make promtool's linter say. Anything else it says is a defect.
LINT = {
    'response_size_bytes counter metrics should have "_total" suffix',
    "dependency_request_seconds label names should be written in 'snake_case' not 'camelCase'",
    "request_seconds label names should be written in 'snake_case' not 'camelCase'",
    "response_size_bytes label names should be written in 'snake_case' not 'camelCase'",
}

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

# The Accept header of each reader, and what it is to be answered.
READERS = {
    "Prometheus 3": (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        OPENMETRICS,
    ),
    "Prometheus 3 with native histograms": (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        OPENMETRICS,
    ),
    "Prometheus 2": (
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        OPENMETRICS,
    ),
    "Prometheus 2, its early releases": (
        "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        OPENMETRICS,
    ),
    "VictoriaMetrics": ("text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT),
    "Datadog's agent": (
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        OPENMETRICS,
    ),
    "Datadog's agent before 7.46": ("text/plain", TEXT),
    "Datadog's agent with use_latest_spec": ("application/openmetrics-text; version=0.0.1; charset=utf-8", OPENMETRICS),
    "curl": ("*/*", TEXT),
    "Chromium": (
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
        "application/signed-exchange;v=b3;q=0.7",
        TEXT,
    ),
    "Firefox": ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
    "no Accept header": (None, TEXT),
    "one that refuses OpenMetrics": ("application/openmetrics-text;q=0, text/plain", TEXT),
}
