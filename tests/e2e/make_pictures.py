"""Makes the README's pictures anew from the running example: `make_pictures.py BINARY FOLDER`. See `pictures`."""

import contextlib
import pathlib
import sys
import tempfile
import time
from urllib.parse import urlencode

from app import App
from board_picture import draw
from browser import screenshot
from dashboard import Dashboard
from observability import copy_for
from process import started
from stores import Prometheus
from tab import opened_tab
from wait import until

# Seconds of traffic before the database goes down, while it is down, and after.
BEFORE, DOWN, AFTER = 90, 40, 60

# The browser's own clock runs ahead until the graph is asked for and drawn.
DRAWN = "--virtual-time-budget=10000"

# What Prometheus draws, stacked.
TRAFFIC = "sum by (addr) (rate(request_seconds_count[15s]))"

# The rows of the dashboard that have most to show.
ROWS = {"At a glance", "Traffic", "Errors", "Latency", "Dependencies", "Process"}


def main(binary, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="actix-monitor-pictures-") as name, contextlib.ExitStack() as running:
        directory = pathlib.Path(name)
        app = App(binary, directory)
        started(app, running, traffic=True)
        tab = running.enter_context(opened_tab(directory))
        tab.resize(1500, 1080)
        dashboard = Dashboard(tab).open(f"http://{app.target}/status")
        prometheus = started(Prometheus(copy_for({"notes": [app.target]}, directory), directory), running)
        since = time.time()
        live_through_an_outage(app, prometheus)
        dashboard.wait_for_polls(1)
        tab.picture(folder / "dashboard.png")
        screenshot(f"http://{app.target}/metrics", folder / "page.png", 1100, 900)
        # The legend below the graph has a line for each series.
        height = 790 + 17 * len(prometheus.query(TRAFFIC))
        screenshot(graph(prometheus, TRAFFIC), folder / "traffic.png", 1200, height, DRAWN)
        draw("dashboard.json", prometheus, since, folder / "grafana.png", ROWS)
    for picture in sorted(folder.glob("*.png")):
        print(picture)


def live_through_an_outage(app, prometheus):
    scraped(prometheus, BEFORE)
    app.admin("database", "down")
    scraped(prometheus, BEFORE + DOWN)
    app.admin("database", "up")
    scraped(prometheus, BEFORE + DOWN + AFTER)


def scraped(prometheus, times):
    until(f"{times} scrapes", 2 * times, lambda: prometheus.query(f"sum(count_over_time(up[10m])) >= {times}"))


def graph(prometheus, expression):
    """The address of Prometheus' own graph of an expression."""
    seconds = BEFORE + DOWN + AFTER - 20
    fields = {"expr": expression, "tab": 0, "stacked": 1, "range_input": f"{seconds}s", "step_input": 1}
    return f"{prometheus.url}/graph?{urlencode({f'g0.{key}': value for key, value in fields.items()})}"


if __name__ == "__main__":
    main(*sys.argv[1:])
