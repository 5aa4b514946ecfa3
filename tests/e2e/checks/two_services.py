"""Two services in one Prometheus and one VictoriaMetrics: each panel shows the chosen one alone."""

import contextlib
import math
import time
from collections import Counter

from app import App
from checks import counts
from observability import BOARDS, EVERYTHING, board_queries, copy_for, fill_in
from process import started
from stores import Prometheus, VictoriaMetrics
from traffic import Traffic

# In the end, one is sent this many times what the other is.
TIMES = 3

# Panels whose values add up over services.
ADDITIVE = {"Requests per second A", "Requests in progress A", "Threads A", "Bytes sent per second by route A"}

SELECTED = EVERYTHING | {"__rate_interval": "1m"}


def check(report, binary, directory):
    with contextlib.ExitStack() as running:
        apps = {}
        for job in ["notes", "shop"]:
            folder = directory / f"two-services-{job}"
            folder.mkdir()
            apps[job] = started(App(binary, folder), running)
        config = copy_for({job: [app.target] for job, app in apps.items()}, directory / "two-services-notes")
        stores = [started(make(config, config.parent), running) for make in [Prometheus, VictoriaMetrics]]
        sent = Counter()
        # A rate needs samples before and after requests: there are requests before a scrape and after it.
        for times in [{"notes": 1, "shop": 1}, {"notes": 1, "shop": TIMES}]:
            for job, number in times.items():
                traffic = Traffic(apps[job].target)
                for _ in range(number):
                    counts.send(report, traffic)
                sent[job] += sum(traffic.counts.values())
            for store in stores:
                store.wait_for_scrape_after(time.time(), targets=len(apps))
        for store in stores:
            check_store(report, store, apps, sent)


def check_store(report, store, apps, sent):
    totals = {s.labels["job"]: s.points[-1][1] for s in store.query("sum by (job) (request_seconds_count)")}
    report.same(
        f"{store.name}: the requests of each service are what was sent", totals, {j: float(n) for j, n in sent.items()}
    )
    now = time.time()
    for name in BOARDS:
        for title, expression, _ in board_queries(name):
            check_panel(report, store, f"{name}: {title}", title, expression, apps, now)


def check_panel(report, store, what, title, expression, apps, now):
    def ask(**selected):
        series = store.query(fill_in(expression, SELECTED | selected), time=now)
        return {frozenset(one.labels.items()): one.points[-1][1] for one in series}

    faults = [f"nobody: {ask(job='nobody')}"] if ask(job="nobody") else []
    alone = {}
    for job, app in apps.items():
        alone[job] = ask(job=job)
        # An instance belongs to one service: choosing it is choosing its service.
        if not equal(alone[job], ask(instance=app.target)):
            faults.append(f"{job}: {alone[job]}")
    everything = ask()
    if everything and not all(alone.values()):
        faults.append(f"no answer: {[job for job, values in alone.items() if not values]}")
    if title in ADDITIVE:
        total, parts = sum(everything.values()), sum(sum(values.values()) for values in alone.values())
        if not math.isclose(total, parts):
            faults.append(f"{total} is not the sum of {parts}")
    report.same(f"{store.name}: {what}: each service alone", faults, [])


def equal(some, others):
    if some.keys() != others.keys():
        return False
    return all(math.isclose(v, others[k]) or math.isnan(v) and math.isnan(others[k]) for k, v in some.items())
