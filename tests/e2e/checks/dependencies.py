"""A dependency that goes down, or comes back, shows within one period plus timeout, plus a scrape."""

from app import CHECK_EVERY, CHECK_TIMEOUT
from stores import SCRAPE_INTERVAL
from wait import until

BOUND = CHECK_EVERY + CHECK_TIMEOUT + SCRAPE_INTERVAL

# What the machine takes between the clock reads on either side.
SLACK = 0.5

OTHER = {"database": "quotes", "quotes": "sqlite"}
NAME = {"database": "sqlite", "quotes": "quotes"}


def check(report, app, stores, prometheus):
    for switch in ["database", "quotes"]:
        for state, value in [("down", 0), ("up", 1)]:
            moment = app.admin(switch, state)
            for store in stores:
                seen = first_sample(store, NAME[switch], value, moment)
                report.check(
                    f"{store.name}: {NAME[switch]} {state} shows {seen - moment:.1f} s later (at most {BOUND:g})",
                    seen - moment <= BOUND + SLACK,
                )
            if state == "down":
                check_alert(report, prometheus, NAME[switch])
            # Only the database is critical to the example.
            ready = 503 if (switch, state) == ("database", "down") else 200
            report.same(f"/ready with {NAME[switch]} {state}", app.page(path="/ready")[0], ready)
            check_other(report, prometheus, OTHER[switch], moment)


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
