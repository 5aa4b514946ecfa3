"""Every query that we hand out has an answer: dashboard, recording rules, the table in the docs."""

import time

from observability import dashboard_queries, dashboard_variables, documented_queries, fill_in
from stores import finite
from wait import Deadline, until


class Asker:
    """Asks until there is an answer: some need a second scrape, or the first failure."""

    def __init__(self, report, prometheus, since, seconds):
        self.report = report
        self.prometheus = prometheus
        self.since = since
        self.end = time.monotonic() + seconds

    def ask(self, what, query):
        try:
            series = until(what, max(0, self.end - time.monotonic()), lambda: finite(query()))
            self.report.check(f"{len(series):3} series  {what}", True)
        except Deadline:
            self.report.check(f"  0 series  {what}", False, "no answer, or none that is a number")

    def instant(self, what, expression):
        self.ask(what, lambda: self.prometheus.query(expression))

    def over_the_run(self, what, expression):
        self.ask(what, lambda: self.prometheus.query_range(expression, self.since, time.time(), "1s"))


def check(report, prometheus, since):
    asker = Asker(report, prometheus, since, 90)
    variables = {"instance": ".*", "addr": ".*", "__rate_interval": "15s", "__range": "15m"}
    for title, expression, instant in dashboard_queries():
        ask = asker.instant if instant else asker.over_the_run
        ask(f"dashboard: {title}", fill_in(expression, variables))
    for name, selector, label in dashboard_variables():
        asker.instant(f"dashboard: variable ${name}", f"count by ({label}) ({fill_in(selector, variables)})")
    for rule in rules(prometheus, "recording"):
        asker.instant(f"recording rule {rule['name']}", rule["name"])
    for question, expression in documented_queries():
        asker.instant(f"docs/queries.md: {question}", expression)
    check_rules(report, prometheus)


def rules(prometheus, kind):
    return [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"] if rule["type"] == kind]


def check_rules(report, prometheus):
    for kind in ["recording", "alerting"]:
        loaded = rules(prometheus, kind)
        unwell = [(rule["name"], rule.get("lastError")) for rule in loaded if rule["health"] != "ok"]
        report.same(f"Prometheus evaluates all {len(loaded)} {kind} rules without an error", unwell, [])
