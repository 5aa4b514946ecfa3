"""Every query that we hand out has an answer: dashboards, recording rules, the tables in the docs."""

import time

from observability import BOARDS, EVERYTHING, board_queries, board_variables, documented_queries, fill_in
from stores import finite
from wait import Deadline, until


class Asker:
    """Asks until there is an answer: some need a second scrape, or the first failure."""

    def __init__(self, report, store, since, seconds):
        self.report = report
        self.store = store
        self.since = since
        self.end = time.monotonic() + seconds

    def ask(self, what, query):
        try:
            series = until(what, max(0, self.end - time.monotonic()), lambda: finite(query()))
            self.report.check(f"{self.store.name}: {len(series):3} series  {what}", True)
        except Deadline:
            self.report.check(f"{self.store.name}:   0 series  {what}", False, "no answer, or none that is a number")

    def instant(self, what, expression):
        self.ask(what, lambda: self.store.query(expression))

    def over_the_run(self, what, expression):
        self.ask(what, lambda: self.store.query_range(expression, self.since, time.time(), "1s"))


def check(report, prometheus, victoria, since):
    for store in [prometheus, victoria]:
        check_boards(report, store, since)
    asker = Asker(report, prometheus, since, 90)
    for rule in rules(prometheus, "recording"):
        asker.instant(f"recording rule {rule['name']}", rule["name"])
    for question, expression in documented_queries():
        asker.instant(f"docs/queries.md: {question}", expression)
    check_rules(report, prometheus)


def check_boards(report, store, since, variables=EVERYTHING):
    asker = Asker(report, store, since, 90)
    for name in BOARDS:
        for title, expression, instant in board_queries(name):
            ask = asker.instant if instant else asker.over_the_run
            ask(f"{name}: {title}", fill_in(expression, variables))
        for variable, selector, label in board_variables(name):
            asker.instant(f"{name}: variable ${variable}", f"count by ({label}) ({fill_in(selector, variables)})")


def rules(prometheus, kind):
    return [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"] if rule["type"] == kind]


def check_rules(report, prometheus):
    for kind in ["recording", "alerting"]:
        loaded = rules(prometheus, kind)
        unwell = [(rule["name"], rule.get("lastError")) for rule in loaded if rule["health"] != "ok"]
        report.same(f"Prometheus evaluates all {len(loaded)} {kind} rules without an error", unwell, [])
