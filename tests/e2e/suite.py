"""The end-to-end suite: `suite.py NOTES WATCHER SOURCES LATENCIES INSTANCE AXE`. See `run`.

The arguments are the built example and the services of the same names, and the script of axe.
"""

import contextlib
import pathlib
import sys
import tempfile
import time

from app import App
from checks import browser, counts, dashboard, dependencies, example, families, files, fleet, hostile, manifests
from checks import native, own_labels, page, queries, restart, scrapes, sources, two_services, watcher
from observability import copy_for
from process import started
from report import Report
from stores import Prometheus, VictoriaMetrics
from traffic import Traffic

VERSION = "v0.1.0"


def main(notes, watching, attaching, latencies, instance, axe):
    report = Report()
    with tempfile.TemporaryDirectory(prefix="actix-monitor-e2e-") as name:
        directory = pathlib.Path(name)
        with report.section("The delivered files"):
            files.check(report, directory)
            manifests.check(report)
        with report.section("The same queries with labels of the app's own"):
            own_labels.check(report, directory)
        with report.section("Ten dependencies: a Redis is killed and frozen"):
            watcher.check_redis(report, watching, directory)
        with report.section("Ten dependencies: the check of one blocks its thread"):
            watcher.check_blocked(report, watching, directory)
        with report.section("Metrics of other libraries"):
            sources.check(report, attaching, directory)
        with report.section("Native histograms"):
            native.check(report, latencies, directory)
            native.check_example(report, notes, directory)
        with report.section("The example itself"):
            example.check(report, notes, directory)
        with report.section("The dashboard in a browser"):
            dashboard.check(report, notes, directory, pathlib.Path(axe))
        with report.section("A hostile client"):
            hostile.check(report, notes, directory)
        with report.section("Two services in one Prometheus and one VictoriaMetrics"):
            two_services.check(report, notes, directory)
        with report.section("Agent mode and remote write: many instances, half of them restarted under load"):
            fleet.check(report, instance, directory)
        with report.section("The programs start"), contextlib.ExitStack() as running:
            app = started(App(notes, directory), running)
            config = copy_for({"notes": [app.target]}, directory)
            stores = [started(make(config, directory), running) for make in [Prometheus, VictoriaMetrics]]
            report.check("the example, Prometheus and VictoriaMetrics answer", True)
            against_the_running(report, app, *stores, directory)
        if report.failed:
            show_logs(directory)
    return report.close()


def against_the_running(report, app, prometheus, victoria, directory):
    stores = [prometheus, victoria]
    since = time.time()
    with report.section("A known number of requests"):
        traffic = Traffic(app.target)
        counts.send(report, traffic)
        for store in stores:
            counts.check(report, store, traffic)
    with report.section("Every family and label, in both stores"):
        for store in stores:
            families.check(report, store, VERSION)
            scrapes.check_whole_page(report, store, app)
        families.check_metadata(report, prometheus)
        families.check_exemplars(report, prometheus, since, time.time())
    with report.section("The page, to each reader"):
        page.check(report, app)
    with report.section("Dependencies down and up"):
        dependencies.check(report, app, stores, prometheus)
    with report.section("A restart"):
        restart.check(report, app, stores, lambda n: send_to_root(app, n))
    with report.section("The example under its own traffic: every query has an answer"):
        restart.restart(app, stores, traffic=True)
        queries.check(report, *stores, since)
    with report.section("A browser"):
        browser.check(report, app, directory)
    with report.section("No scrape failed"):
        for store in stores:
            scrapes.check(report, store, app)


def show_logs(directory):
    for log in sorted(directory.glob("*.log")):
        print(f"\n{log.name}, its end:\n{log.read_text(errors='replace')[-3000:]}")


def send_to_root(app, number):
    traffic = Traffic(app.target)
    for _ in range(number):
        traffic.send("GET", "/", "/", 200)
    return traffic.last


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
