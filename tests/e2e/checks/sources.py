"""Metrics of other libraries: every parser and both stores take the whole page, in each format."""

import contextlib
import subprocess
from urllib.request import Request, urlopen

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from checks.page import sample_lines, series
from contract import OPENMETRICS, TEXT
from process import Program, free_ports, started
from stores import Prometheus, VictoriaMetrics
from wait import until

# What each library has on the page.
ALWAYS = {"own_wait_seconds_bucket", "crate_orders_total", "crate_visits", "crate_wait_seconds_bucket"}
TELEMETRY = {"telemetry_orders_total", "telemetry_wait_seconds_bucket"}
FACADE = {"facade_orders", "facade_wait"}

# Of the scrape configuration: the port of each job.
JOB = """
- job_name: "{port}"
  scrape_interval: 1s
  static_configs:
    - targets: ["127.0.0.1:{port}"]
"""


class Sources:
    """The service of sources.rs."""

    def __init__(self, binary, directory):
        self.binary = binary
        self.directory = directory
        self.ports = free_ports(2)
        self.program = None

    def start(self):
        self.program = Program("sources", [self.binary, *self.ports], self.directory)

    def wait_until_ready(self):
        until("the service with other libraries answers", 30, lambda: all(map(self.page, self.ports)))

    def stop(self):
        return self.program.stop()

    def page(self, port, accept=TEXT):
        """The content type and the text of the page."""
        self.program.assert_alive()
        with urlopen(Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept}), timeout=10) as answer:
            return answer.headers["Content-Type"], answer.read().decode()


def check(report, binary, directory):
    folder = directory / "sources"
    folder.mkdir()
    with contextlib.ExitStack() as running:
        app = started(Sources(binary, folder), running)
        port, text_port = app.ports
        check_text(report, app.page(port), ALWAYS | TELEMETRY)
        check_text(report, app.page(text_port, OPENMETRICS), ALWAYS | FACADE)
        content_type, openmetrics = app.page(port, OPENMETRICS)
        report.same("other libraries: OpenMetrics is offered", content_type, OPENMETRICS)
        in_openmetrics = series(parse_openmetrics(openmetrics))
        in_text = series(parse_text(app.page(port)[1]))
        # The client's text parser gives a counter the _total that it believes each must have.
        in_text = {(name.replace("crate_visits_total", "crate_visits"), labels) for name, labels in in_text}
        report.same("other libraries: both formats have the same series", in_text, in_openmetrics)
        check_stores(report, app, folder, running)


def check_text(report, page, expected):
    content_type, text = page
    report.same("other libraries: the page is text", content_type, TEXT)
    names = {line.split("{")[0] for line in text.splitlines() if not line.startswith("#")}
    report.same(f"other libraries: {', '.join(sorted(expected))}", expected - names, set())
    report.check("other libraries: the Python client's text parser reads the page", list(parse_text(text)))
    promtool = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    # 3 if it has something to say of names, 1 if it cannot read the page.
    report.check("other libraries: promtool reads the page", promtool.returncode in (0, 3), promtool.stderr)


def check_stores(report, app, folder, running):
    config = folder / "prometheus.yml"
    config.write_text("scrape_configs:" + "".join(JOB.format(port=port) for port in app.ports))
    for make in [Prometheus, VictoriaMetrics]:
        store = started(make(config, folder), running)
        for port in app.ports:
            lines = sample_lines(app.page(port)[1])
            scraped = f'scrape_samples_scraped{{job="{port}"}}'
            until(f"{lines} samples in {store.name}", 30, lambda: lines in store.values(scraped).values())
            report.check(f"other libraries: {store.name} takes the page's {lines} samples", True)
