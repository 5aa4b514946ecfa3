"""A hostile client: whatever it sends, the page stays small and right, memory stays flat, and the counts are exact."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from app import App
from books import Books, by_labels
from checks.page import series
from contract import OPENMETRICS, TEXT
from figures import Figures, samples
from pipeline import Pipeline
from probes import learn
from process import started
from traffic import STANDARD_METHODS
from wait import until

# How many paths and method tokens are sent, no one twice; the first ones to warm up.
ROUNDS = [(20_000, 1_000), (200_000, 10_000)]

SENDERS = 4

PATTERNS = {"unmatched", "/api/notes/{id}", "/admin/database/{state}"}

# In bytes. At first the page has new label sets, later only longer numbers.
PAGE_GROWTH, PAGE_GROWTH_WARM = 16_000, 2_000
MEMORY_GROWTH = 8_000_000


def check(report, binary, directory):
    """Against an example of its own: the books of the other checks do not know these requests."""
    directory = directory / "hostile"
    directory.mkdir()
    with ExitStack() as running:
        app = started(App(binary, directory), running)
        books = Books()
        figures = [Figures(app, books)]
        hostility = learn(report, app.port, books)
        first = 1
        for paths, methods in ROUNDS:
            send(app.port, books, hostility.paths, range(first, first + paths))
            send(app.port, books, hostility.methods, range(first, first + methods))
            first += paths
            check_counts(report, app, books)
            figures.append(Figures(app, books))
        check_figures(report, *figures)
        check_page(report, app)
        check_alive(report, app)


def send(port, books, requests, numbers):
    """Several senders at once, each over one connection, so that all workers are met."""

    def share(start):
        own = Books()
        with closing(Pipeline(port)) as pipeline:
            for request, answer in pipeline.ask_all(requests(numbers[start::SENDERS])):
                own.enter(request, answer)
        return own

    with ThreadPoolExecutor(SENDERS) as pool:
        for own in pool.map(share, range(SENDERS)):
            books.add(own)


def check_counts(report, app, books):
    sent = books.recorded

    def recorded():
        return sum(samples(app, "request_seconds_count").values())

    # An answer may be read a moment before it is recorded.
    until(f"{sent} requests on the page", 10, lambda: recorded() >= sent)
    report.same(f"request_seconds_count is what reached the app ({sent} of {books.sent} requests)", recorded(), sent)
    for name, expected in [("request_seconds_count", books.requests), ("response_size_bytes", books.bytes)]:
        report.same(f"{name} is right in each label set", samples(app, name), by_labels(expected))


def check_figures(report, fresh, warm, after):
    rows = [[name, *figures.row()] for name, figures in [("fresh", fresh), ("warmed up", warm), ("at the end", after)]]
    report.table(f"A hostile client: the last round took {after.at - warm.at:.1f} s", ["", *Figures.HEAD], rows)
    for name, before, bound in [("fresh", fresh, PAGE_GROWTH), ("warm", warm, PAGE_GROWTH_WARM)]:
        growth = max(after.text - before.text, after.openmetrics - before.openmetrics)
        report.check(f"the page grew by {growth} bytes since it was {name} (at most {bound})", growth <= bound)
    growth = after.memory - warm.memory
    what = f"VmRSS grew by {growth / 1e6:.1f} MB after the warm-up (below {MEMORY_GROWTH / 1e6:g} MB)"
    report.check(what, growth < MEMORY_GROWTH)


def check_page(report, app):
    text, openmetrics = list(parse_text(app.page(TEXT)[2])), list(parse_openmetrics(app.page(OPENMETRICS)[2]))
    report.same("both parsers read the same series", series(text), series(openmetrics))
    labels = [s.labels for family in openmetrics for s in family.samples if s.name == "request_seconds_count"]
    methods, addrs = ({one[key] for one in labels} for key in ["method", "addr"])
    report.same("the methods are the standard ones and _OTHER", methods, STANDARD_METHODS | {"_OTHER"})
    report.same("addr is a pattern or unmatched", addrs, PATTERNS)
    exemplars = [s.exemplar.labels for family in openmetrics for s in family.samples if s.exemplar]
    odd = [one for one in exemplars if one.keys() != {"trace_id"} or not re.fullmatch("[0-9a-f]{32}", one["trace_id"])]
    report.check(f"each of {len(exemplars)} exemplars is a trace id", exemplars and not odd, odd)


def check_alive(report, app):
    answers = [app.page(path=path)[0] for path in ["/", "/ready", "/api/notes", "/metrics"]]
    report.same("the service still answers", answers, [200] * 4)
    log = app.program.log.read_text(errors="replace")
    report.check("nothing panicked", "panicked" not in log, log[-2000:])
