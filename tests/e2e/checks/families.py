"""Every family, label and unit of the contract arrives under the contract's names."""

from contract import BUCKETS, METADATA, REQUEST_LABELS, SAMPLES
from stores import own_labels

VALUES = {
    "type": {"http"},
    "isError": {"true", "false"},
    "method": {"GET", "HEAD", "POST", "PUT", "DELETE", "_OTHER"},
    "status": {"200", "201", "204", "404", "500"},
    "addr": {
        *{"/", "/api/notes", "/api/notes/{id}", "/api/fail", "/api/slow", "/api/stream", "/api/blocking"},
        *{"/api/offloaded", "/api/quote", "unmatched"},
    },
}

DEPENDENCIES = {"sqlite", "quotes"}


def check(report, store, version):
    for name, keys in SAMPLES.items():
        series = store.query(name)
        found = {frozenset(key for key, _ in own_labels(one)) for one in series}
        report.same(f"{store.name}: {name}{{{', '.join(sorted(keys))}}}", found, {frozenset(keys)})
    for family in ["request_seconds", "dependency_request_seconds"]:
        found = {one.labels.get("le") for one in store.query(f"{family}_bucket")}
        report.same(f"{store.name}: the buckets of {family} are 0.1 0.3 1.5 10.5", found, BUCKETS)
    for key in sorted(REQUEST_LABELS):
        found = {one.labels.get(key) for one in store.query("request_seconds_count")}
        report.same(f"{store.name}: the values of {key}", found, VALUES[key])
    up = {frozenset({("name", name)}): 1.0 for name in DEPENDENCIES}
    report.same(f"{store.name}: dependency_up", store.values("dependency_up"), up)
    running = {frozenset({("version", version)}): 1.0}
    report.same(f"{store.name}: application_info", store.values("application_info"), running)
    called = {one.labels["name"] for one in store.query("dependency_request_seconds_count")}
    report.same(f"{store.name}: dependency_request_seconds names the dependencies called", called, DEPENDENCIES)


def check_metadata(report, prometheus):
    """Types and units, which only the OpenMetrics page carries: so this is what Prometheus was given."""
    metadata = prometheus.api("metadata")
    for family, (kind, unit) in METADATA.items():
        entries = [(entry["type"], entry["unit"]) for entry in metadata.get(family, [])]
        report.same(f"Prometheus: {family} has type {kind}, unit {unit or 'none'}", entries, [(kind, unit)])
        helps = [entry["help"] for entry in metadata.get(family, [])]
        report.check(f"Prometheus: {family} has a help text", all(helps) and helps, helps)


def check_exemplars(report, prometheus, since, until):
    data = prometheus.api("query_exemplars", query="request_seconds_bucket", start=since, end=until)
    traces = {exemplar["labels"].get("trace_id") for series in data for exemplar in series["exemplars"]}
    what = "Prometheus: request_seconds_bucket has exemplars with a trace_id"
    report.check(what, traces and None not in traces, data)
