"""A dependency that goes down, or comes back, shows within one period plus timeout, plus a scrape."""

import shutil
import time
from collections import namedtuple
from functools import partial

from app import CHECK_EVERY, CHECK_TIMEOUT
from stores import SCRAPE_INTERVAL
from wait import until

BOUND = CHECK_EVERY + CHECK_TIMEOUT + SCRAPE_INTERVAL

# What the machine takes between the clock reads on either side.
SLACK = 0.5

NOTES = "/api/notes"

# `switch("down")` and `switch("up")` answer when it was done. Only the database is critical to the example.
Outage = namedtuple("Outage", "what name other critical switch")


def check(report, app, stores, prometheus):
    for outage in [
        Outage("its file is moved aside", "sqlite", "quotes", True, partial(app.admin, "database")),
        Outage("its service is stopped", "quotes", "sqlite", False, partial(app.admin, "quotes")),
        Outage("its file is removed", "sqlite", "quotes", True, partial(remove, app.database)),
    ]:
        notes = app.page(path=NOTES)
        for state, value in [("down", 0), ("up", 1)]:
            moment = outage.switch(state)
            check_stores(report, outage, stores, state, value, moment)
            if state == "down":
                check_alert(report, prometheus, outage.name)
            ready = 503 if outage.critical and state == "down" else 200
            report.same(f"/ready with {outage.name} {state}", app.page(path="/ready")[0], ready)
            check_other(report, prometheus, outage.other, moment)
        report.same(f"the notes are what they were before ({outage.name}: {outage.what})", app.page(path=NOTES), notes)


def remove(database, state):
    """Removes the file as `rm` does, or puts a copy of it back."""
    kept = database.with_suffix(".kept")
    if state == "down":
        shutil.copy(database, kept)
        database.unlink()
    else:
        kept.rename(database)
    return time.time()


def check_stores(report, outage, stores, state, value, moment):
    for store in stores:
        seen = first_sample(store, outage.name, value, moment)
        report.check(
            f"{store.name}: {outage.name} {state} ({outage.what}) shows {seen - moment:.1f} s later (at most {BOUND:g})",
            seen - moment <= BOUND + SLACK,
        )


def first_sample(store, name, value, moment):
    """When the first sample of that value after the moment was scraped."""

    def seen():
        points = (p for series in store.query(f'dependency_up{{name="{name}"}}[2m]') for p in series.points)
        return min((at for at, up in points if at >= moment and up == value), default=None)

    return until(f"dependency_up{{name={name}}} is {value} in {store.name}", 15, seen)


def check_alert(report, prometheus, name):
    def pending():
        return prometheus.query(f'ALERTS{{alertname="DependencyDown", name="{name}", alertstate="pending"}}')

    report.check(f"Prometheus: DependencyDown waits for its two minutes ({name})", until("the alert", 15, pending))


def check_other(report, prometheus, name, moment):
    points = [p for series in prometheus.query(f'dependency_up{{name="{name}"}}[2m]') for p in series.points]
    since = [value for at, value in points if at >= moment]
    report.check(f"Prometheus: {name} stays up meanwhile ({len(since)} samples)", since and all(since), since)
