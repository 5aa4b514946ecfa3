"""A known number of requests: each is in both stores, once, under the right labels."""

import json
from collections import Counter

from contract import BUCKETS
from traffic import Planned
from wait import until

NOTE = {"text": "from the end-to-end suite"}

# `{n}` counts the requests of a row; `{id}` is a note that is there.
PLAN = [
    Planned(9, "GET", "/", "/", 200),
    Planned(6, "POST", "/api/notes", "/api/notes", 201, NOTE),
    Planned(17, "GET", "/api/notes", "/api/notes", 200),
    Planned(7, "GET", "/api/notes/{id}", "/api/notes/{id}", 200),
    Planned(3, "PUT", "/api/notes/{id}", "/api/notes/{id}", 200, NOTE),
    Planned(4, "GET", "/api/notes/999999999{n}", "/api/notes/{id}", 404),
    Planned(1, "DELETE", "/api/notes/{id}", "/api/notes/{id}", 204),
    Planned(5, "GET", "/api/fail", "/api/fail", 500),
    Planned(2, "GET", "/api/slow", "/api/slow", 200),
    Planned(3, "GET", "/api/stream", "/api/stream", 200),
    Planned(2, "GET", "/api/blocking", "/api/blocking", 200),
    Planned(2, "GET", "/api/offloaded", "/api/offloaded", 200),
    Planned(8, "GET", "/api/quote", "/api/quote", 200),
    Planned(11, "GET", "/nobody/{n}", "unmatched", 404),
    Planned(2, "HEAD", "/nobody/{n}", "unmatched", 404),
    Planned(3, "BREW", "/nobody/{n}", "unmatched", 404),
]

# By several senders at once, while both stores scrape.
BURST = Planned(100, "GET", "/api/notes", "/api/notes", 200)

# The call to a dependency that a request of each route makes: name, type, method, addr.
CALLS = {
    ("GET", "/api/notes"): ("sqlite", "sql", "SELECT", "newest notes"),
    ("POST", "/api/notes"): ("sqlite", "sql", "INSERT", "note"),
    ("GET", "/api/notes/{id}"): ("sqlite", "sql", "SELECT", "note by id"),
    ("PUT", "/api/notes/{id}"): ("sqlite", "sql", "UPDATE", "note by id"),
    ("DELETE", "/api/notes/{id}"): ("sqlite", "sql", "DELETE", "note by id"),
    ("GET", "/api/quote"): ("quotes", "http", "GET", "/quote"),
}


def send(report, traffic):
    first = traffic.send("POST", "/api/notes", "/api/notes", 201, NOTE)
    note = str(json.loads(first)["id"])
    traffic.run(PLAN, id=note)
    traffic.run_at_once(BURST, senders=8)
    report.same("the example answers each request as planned", traffic.surprises, [])


def check(report, store, traffic):
    store.wait_for_scrape_after(traffic.last)
    total = sum(traffic.counts.values())
    until(f"{total} requests in {store.name}", 15, lambda: sum(store.values("request_seconds_count").values()) >= total)

    counts = store.values("request_seconds_count")
    what = f"{store.name}: request_seconds_count is what was sent ({total} requests)"
    report.same(what, counts, expected(traffic.counts))
    sizes = store.values("response_size_bytes")
    report.same(f"{store.name}: response_size_bytes is what was declared", sizes, expected(traffic.bytes))
    check_buckets(report, store, counts)
    check_calls(report, store, traffic)


def expected(books):
    return {labels: float(value) for labels, value in books.items()}


def check_buckets(report, store, counts):
    buckets = {}
    for labels, value in store.values("request_seconds_bucket").items():
        labels = dict(labels)
        bound = labels.pop("le")
        buckets.setdefault(frozenset(labels.items()), {})[bound] = value
    report.same(
        f"{store.name}: the bucket +Inf of each series is its count",
        {labels: by_bound.get("+Inf") for labels, by_bound in buckets.items()},
        counts,
    )
    falling = [by_bound for by_bound in buckets.values() if not rises(by_bound)]
    report.same(f"{store.name}: no bucket holds less than the one below it", falling, [])
    check_slow(report, store)


def check_calls(report, store, traffic):
    """Calls that failed would be here too, under isError="true", and be too much."""
    sent = Counter()
    for labels, times in traffic.counts.items():
        request = dict(labels)
        call = CALLS.get((request["method"], request["addr"]))
        if call:
            sent[*call, "false"] += times
    found = Counter()
    for labels, value in store.values("dependency_request_seconds_count").items():
        call = dict(labels)
        found[call["name"], call["type"], call["method"], call["addr"], call["isError"]] += value
    report.same(f"{store.name}: dependency_request_seconds_count is the calls that these requests make", found, sent)


def check_slow(report, store):
    """The one route whose time is known: 0.4 s."""
    times = next(row.times for row in PLAN if row.addr == "/api/slow")
    (fast,) = store.values('request_seconds_bucket{addr="/api/slow", le="0.3"}').values()
    (all_,) = store.values('request_seconds_bucket{addr="/api/slow", le="10.5"}').values()
    report.same(f"{store.name}: /api/slow is above 0.3 s and below 10.5 s", (fast, all_), (0, times))
    (seconds,) = store.values('request_seconds_sum{addr="/api/slow"}').values()
    in_seconds = 0.4 * times <= seconds < 10 * times
    report.check(f"{store.name}: request_seconds_sum of /api/slow is in seconds", in_seconds, seconds)


def rises(by_bound):
    in_order = [by_bound.get(bound, -1) for bound in sorted(BUCKETS, key=float)]
    return in_order == sorted(in_order)
