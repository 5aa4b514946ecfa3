"""Labels of the app's own: every query that we hand out has the same results with them and without."""

import contextlib
import subprocess
import time

from contract import BUCKETS
from observability import BOARDS, EVERYTHING, board_queries, documented_queries, fill_in
from process import started
from stores import Prometheus

STEP, STEPS = 15, 4 * 60 * 2  # two hours

# Requests per second by status, method and addr. Halves and quarters of all values are exact.
REQUESTS = {
    ("200", "GET", "/"): 8,
    ("200", "GET", "/api/notes"): 32,
    ("201", "POST", "/api/notes"): 4,
    ("404", "GET", "/api/notes/{id}"): 2,
    ("500", "GET", "/api/notes"): 1,
    ("404", "GET", "unmatched"): 4,
}

# What part of the requests each tenant sends.
TENANTS = {"acme": 0.5, "globex": 0.25, "": 0.25}

# These count series, of which there are more.
COUNTS_SERIES = "{__name__=~"


def check(report, directory):
    """Two stores with the same requests, which one of them has by tenant."""
    end = int(time.time()) // STEP * STEP - 300
    with contextlib.ExitStack() as running:
        plain, labelled = (
            started(store(directory / name, tenants, end), running)
            for name, tenants in [("plain", {None: 1}), ("labelled", TENANTS)]
        )
        check_queries(report, plain, labelled, end)


def check_queries(report, plain, labelled, at):
    variables = EVERYTHING | {"__rate_interval": "5m"}
    boards = [query for name in BOARDS for query in board_queries(name)]
    queries = [(title, fill_in(expression, variables)) for title, expression, _ in boards]
    queries += documented_queries()
    queries = [(title, query) for title, query in queries if COUNTS_SERIES not in query]
    differing, empty = [], 0
    for title, query in queries:
        with_labels, without = (results(one, query, at) for one in [labelled, plain])
        empty += not without
        if with_labels != without:
            differing.append((title, query, without, with_labels))
    report.same(f"{len(queries)} queries have the same results with labels of the app's own", differing, [])
    report.check(f"all but {empty} of them have a result", empty * 4 < len(queries))
    by_tenant = results(labelled, "sum by (tenant) (rate(request_seconds_count[5m]))", at)
    expected = {frozenset({"tenant": name}.items() if name else ()): 51 * part for name, part in TENANTS.items()}
    report.same("requests per second by tenant", by_tenant, expected)


def results(store, query, at):
    """The values by labels, rounded: sums in another order differ in the last digits."""
    return {frozenset(one.labels.items()): float(f"{one.points[-1][1]:.9g}") for one in store.query(query, time=at)}


def store(directory, tenants, end):
    """A Prometheus whose storage is made of samples, not of scrapes."""
    directory.mkdir()
    config = directory / "prometheus.yml"
    config.write_text("global: {}\n")
    samples = directory / "samples.txt"
    samples.write_text("".join(lines(tenants, end)) + "# EOF\n")
    prometheus = Prometheus(config, directory)
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", samples, directory / prometheus.name]
    subprocess.run(command, check=True, capture_output=True)
    return prometheus


def lines(tenants, end):
    target = 'job="notes",instance="a"'
    for family, name in [("request_seconds", ""), ("dependency_request_seconds", 'name="db",')]:
        yield f"# TYPE {family} histogram\n"
        for labels, rate in series(tenants):
            yield from histogram(family, f"{target},{name}{labels}", rate, end)
    yield "# TYPE response_size_bytes unknown\n"
    for labels, rate in series(tenants):
        yield from samples_of(f"response_size_bytes{{{target},{labels}}}", rate * 512, end)
    for name, labels in [("dependency_up", ',name="db"'), ("application_info", ',version="v1"'), ("up", "")]:
        yield f"# TYPE {name} gauge\n"
        yield from samples_of(f"{name}{{{target}{labels}}}", 0, end, first=1)


def series(tenants):
    for (status, method, addr), rate in REQUESTS.items():
        is_error = "true" if status >= "400" else "false"
        labels = f'type="http",status="{status}",isError="{is_error}",method="{method}",addr="{addr}"'
        for tenant, part in tenants.items():
            own = "" if tenant is None else f',tenant="{tenant}"'
            yield labels + own, rate * part


def histogram(family, labels, rate, end):
    """Each bucket has a quarter of the requests more than the one below."""
    for index, bound in enumerate(sorted(BUCKETS, key=float)):
        part = min(1, (index + 1) / 4)
        yield from samples_of(f'{family}_bucket{{{labels},le="{bound}"}}', rate * part, end)
    yield from samples_of(f"{family}_count{{{labels}}}", rate, end)
    yield from samples_of(f"{family}_sum{{{labels}}}", rate / 2, end)


def samples_of(sample, rate, end, first=0):
    for step in range(STEPS + 1):
        yield f"{sample} {first + rate * step * STEP} {end - (STEPS - step) * STEP}\n"
