"""Native histograms: percentiles in Prometheus, and what all other readers get."""

import contextlib
import time

from app import App
from contract import OPENMETRICS, PROTOBUF, READERS
from latencies import Latencies, distributions, percentile
from observability import copy_for, with_native_rules
from process import started
from stores import NativePrometheus, Prometheus, VictoriaMetrics
from wait import until

PERCENTILES = [0.5, 0.9, 0.99, 0.999]

# By how much a percentile may be wrong: at most half a bucket where the density is even.
BOUNDS = {"lognormal": 0.02, "bimodal": 0.05, "pareto": 0.02}

FAMILIES = ["request_seconds", "dependency_request_seconds"]

DELAYS = [20, 40, 80, 160] * 5


def check(report, binary, directory):
    with contextlib.ExitStack() as running:
        service = started(Latencies(binary, directory), running)
        config = copy_for({"notes": [service.target]}, directory / "native")
        native = started(NativePrometheus(with_native_rules(config), directory), running)
        classic = started(Prometheus(config, directory, "Prometheus without native histograms"), running)
        victoria = started(VictoriaMetrics(config, directory / "native"), running)
        durations = distributions()
        for addr, nanos in durations.items():
            service.record(addr, nanos)
        waited = [service.delayed(millis) for millis in DELAYS]
        for store in [native, classic, victoria]:
            store.wait_for_scrape_after(time.time())
        check_counts(report, native, [classic, victoria], durations)
        check_percentiles(report, native, classic, durations)
        check_delays(report, native, waited)
        check_unchanged(report, [classic, victoria])
        check_rules(report, native, durations)
        check_resolution(report, native, service)


def check_counts(report, native, others, durations):
    """In the native histogram, and in the classic one of the stores that do not know the other."""
    for family in FAMILIES:
        for addr, nanos in durations.items():
            for what, expected in [("count", len(nanos)), ("sum", sum(nanos) / 1e9)]:
                found = [number(native, f'histogram_{what}({family}{{addr="{addr}"}})')]
                found += [number(store, f'{family}_{what}{{addr="{addr}"}}') for store in others]
                right = all(abs(value - expected) <= 1e-9 * expected for value in found)
                report.check(f"the {what} of {family}, {addr}, is what was sent in three stores", right, found)


def check_percentiles(report, native, classic, durations):
    rows = []
    for addr, nanos in durations.items():
        for fraction in PERCENTILES:
            exact = percentile(nanos, fraction) / 1e9
            for family in FAMILIES:
                estimate = number(native, f'histogram_quantile({fraction}, {family}{{addr="{addr}"}})')
                error = estimate / exact - 1
                what = f"p{fraction * 100:g} of {family}, {addr}, is within {BOUNDS[addr]:.0%}: {error:+.2%}"
                report.check(what, abs(error) <= BOUNDS[addr], (estimate, exact))
            buckets = f'histogram_quantile({fraction}, request_seconds_bucket{{addr="{addr}"}})'
            wrong = number(classic, buckets) / exact - 1
            rows.append([addr, f"p{fraction * 100:g}", f"{exact * 1e3:.3f}", f"{error:+.2%}", f"{wrong:+.0%}"])
    head = ["durations", "percentile", "exact, ms", "error, native", "error, buckets 0.1 0.3 1.5 10.5"]
    report.table("Percentiles of 100,000 requests in Prometheus, by native and by classic histogram", head, rows)


def check_delays(report, native, waited):
    """Durations of real requests lie between the delay in the handler and what the client waited."""
    series = 'request_seconds{addr="/delay/{millis}"}'
    report.same("each delayed request is counted", number(native, f"histogram_count({series})"), len(DELAYS))
    for fraction in [0.3, 0.6, 0.9]:
        lower, upper = percentile(DELAYS, fraction) / 1e3, percentile(waited, fraction)
        found = number(native, f"histogram_quantile({fraction}, {series})")
        # The bucket of either end.
        between = lower / 1.091 <= found <= upper * 1.091
        report.check(f"p{fraction * 100:g} of delayed requests: {lower:.3f} s ≤ {found:.3f} s ≤ {upper:.3f} s", between)


def check_unchanged(report, stores):
    for store in stores:
        names = {series.labels["__name__"] for series in store.query('{__name__=~"request_seconds.*"}')}
        raw = {name for name in names if ":" not in name}
        expected = {"request_seconds_bucket", "request_seconds_count", "request_seconds_sum"}
        report.same(f"{store.name} has the classic histogram alone", raw, expected)


def check_rules(report, native, durations):
    """native.rules.yml restores the series that the dashboards use."""
    for family in FAMILIES:
        for what in ["count", "sum"]:
            until(f"{family}_{what} is recorded", 30, lambda: native.query(f"{family}_{what}"))
        recorded = number(native, f'{family}_count{{addr="lognormal"}}')
        report.same(f"native.rules.yml records {family}_count", recorded, len(durations["lognormal"]))
    for rule in ["job:request_seconds:p95_rate5m", "job_addr:request_seconds:p95_rate5m"]:
        recorded = until(f"{rule} is recorded", 30, lambda: native.query(rule))
        report.check(f"native.rules.yml records {rule}", bool(recorded))
    loaded = [rule for group in native.api("rules")["groups"] for rule in group["rules"]]
    unwell = [(rule["name"], rule.get("lastError")) for rule in loaded if rule["health"] != "ok"]
    report.same(f"Prometheus evaluates all {len(loaded)} rules without an error", unwell, [])


def check_resolution(report, native, service):
    """A series that comes to need more than 160 buckets has half the resolution from then on."""
    middles = [round(2 ** ((bucket + 0.5) / 8 - 20) * 1e9) for bucket in range(256)]
    few = middles[:100] * 10
    native.wait_for_scrape_after(service.record("wide", few))
    native.wait_for_scrape_after(service.record("wide", middles))
    series = 'request_seconds{addr="wide"}'
    counted = number(native, f"histogram_count({series})")
    report.same("a series with 256 buckets is counted", counted, len(few + middles))
    exact = percentile(few + middles, 0.5) / 1e9
    error = number(native, f"histogram_quantile(0.5, {series})") / exact - 1
    report.check(f"its p50 is within 10%: {error:+.2%}", abs(error) <= 0.1)
    # A reset would add what was there before.
    grown = number(native, f"histogram_count(increase({series}[1m]))")
    what = f"Prometheus takes the other resolution for no reset: {grown:.0f} more requests of {len(middles)}"
    report.check(what, 0.5 * len(middles) < grown < len(few), grown)


def check_example(report, binary, directory):
    """Only with its switch, and only to those who ask."""
    directory = directory / "native-example"
    directory.mkdir()
    accept, _ = READERS["Prometheus 3 with native histograms"]
    for native, expected in [(True, PROTOBUF), (False, OPENMETRICS)]:
        with contextlib.ExitStack() as running:
            app = started(App(binary, directory), running, native=native)
            status, headers, _ = app.request("GET", "/metrics", {"Accept": accept})
            switch = "with" if native else "without"
            what = f"the example {switch} --native-histograms answers {expected.split(';')[0]}"
            report.same(what, (status, headers["Content-Type"]), (200, expected))


def number(store, expression):
    """The value of the one series that an expression returns."""
    (series,) = store.query(expression)
    return series.points[-1][1]
