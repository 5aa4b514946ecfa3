"""Hostile requests one at a time: every byte in every place, and the odd ones. Some are refused by actix itself."""

from contextlib import closing

from hostility import HEADERS, Hostility, hostile
from pipeline import Pipeline

OPENMETRICS = b"application/openmetrics-text;q=0."


def learn(report, port, books):
    """What is let through of the bytes makes up the requests that follow."""

    def ask(request):
        # On a connection of its own: on one that was used before, actix does not say that it hangs up.
        with closing(Pipeline(port)) as pipeline:
            answers = pipeline.ask([request.head])
        return books.enter(request, answers[0] if answers else None)

    def legal(what, request):
        taken = [byte for byte in range(256) if ask(request(bytes([byte])))]
        report.check(f"of 256 bytes {len(taken)} reach the app in {what}", taken)
        return taken

    paths = legal("a path", lambda byte: get(b"/nobody/%sx" % byte))
    queries = legal("a query", lambda byte: get(b"/nobody?%sx" % byte))
    methods = legal("a method", lambda byte: hostile("X%sX" % byte.decode("latin-1"), b"/nobody"))
    values = [legal(f"the header {name}", lambda byte: get(b"/nobody", {name: b"a%sb" % byte})) for name in HEADERS]
    legal("the header Accept of the page", lambda byte: get(b"/metrics", {"Accept": OPENMETRICS + byte}))
    report.check("of those from 0x80 on all do in a header", all(set(range(0x80, 0x100)) <= set(v) for v in values))
    for request in odd():
        ask(request)
    return Hostility(paths, queries, methods, values[0])


def odd():
    """At the limits of actix, in other forms than a path's, and what could be taken for the page."""
    yield hostile("CONNECT", b"/nobody")
    yield hostile("CONNECT", b"h:1")
    yield hostile("OPTIONS", b"*")
    yield hostile("M" * 60_000, b"/nobody")
    yield get(b"nobody")
    for path in [b"//metrics", b"/%6detrics", b"/metrics/", b"/metrics%00", b"/metrics?%00", b"http://h/metrics"]:
        yield get(path)
    for length in [65_000, 66_000, 200_000]:
        yield get(b"/" + b"a" * length)
    yield get(b"/nobody", {"X-Request-Id": b"\xff" * 60_000})
    yield get(b"/nobody", {f"X-{n}": b"\x80" for n in range(90)})
    yield get(b"/nobody", {f"X-{n}": b"\x80" for n in range(200)})


def get(path, fields=None):
    return hostile("GET", path, fields)
