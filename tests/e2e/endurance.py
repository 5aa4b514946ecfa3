"""The dashboard over minutes of traffic: `endurance.py NOTES [MINUTES]`. See `endurance`. Not a part of the suite, which it would double.

At the end its counts have to be what was sent, each minute its rate, and its memory what it was.
"""

import pathlib
import sys
import tempfile
import time
from contextlib import ExitStack

from app import App
from checks.dashboard import close, sender
from dashboard import Dashboard, Steady
from process import started
from report import Report
from tab import opened_tab
from wait import until

PER_SECOND = 20


def main(binary, minutes=10):
    report = Report()
    with tempfile.TemporaryDirectory(prefix="actix-monitor-dashboard-") as name, ExitStack() as running:
        directory = pathlib.Path(name)
        app = started(App(binary, directory), running)
        tab = running.enter_context(opened_tab(directory))
        page = Dashboard(tab).open(f"http://{app.target}/status", span=900)
        begun, rows = time.time(), []
        with Steady(sender(app), PER_SECOND) as steady:
            for minute in range(1, int(minutes) + 1):
                until(f"minute {minute}", 90, lambda: time.time() >= begun + 60 * minute)
                close(report, f"minute {minute}: requests per second", page.rate(), steady.rate(begun, time.time()))
                rows.append([minute, len(steady.sent), page.requests(), f"{page.rate():.2f}", f"{tab.heap() / 1e6:.1f}"])
        sent = len(steady.sent)
        page.wait_for_polls(2)
        report.same(f"after {minutes} minutes the dashboard has each of {sent} requests", page.requests(), sent)
        report.same("and nothing was thrown in the page", tab.errors, [])
        report.table("The dashboard over minutes", ["minute", "sent", "shown", "rate", "objects, MB"], rows)
    return report.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
