"""The example itself: its messages, its pages, requests that are not recorded or abandoned, its own traffic."""

import contextlib
import re
import socket
from urllib.request import Request, urlopen

from app import App
from contract import OPENMETRICS
from process import Program, free_ports, started
from wait import until

ABANDONED = re.compile(r'^request_seconds_count\{.*status="499",.*addr="/api/slow",client="\w*"\} (\d+)$', re.MULTILINE)

TRACED = re.compile(r'addr="([^"]+)",client="traffic",le="[^"]+"\} \d+ # \{trace_id="[0-9a-f]{32}"\}')


def check(report, binary, directory):
    directory = directory / "example"
    directory.mkdir()
    check_busy_port(report, binary, directory)
    with contextlib.ExitStack() as running:
        app = started(App(binary, directory), running)
        check_way_back(report, app)
        check_readiness(report, app)
        check_abandoned(report, app)
    with contextlib.ExitStack() as running:
        check_traffic(report, started(App(binary, directory), running, traffic=True))


def check_busy_port(report, binary, directory):
    """Neither of the two ports may be in use by another program."""
    for busy, service in enumerate(["notes", "quotes"]):
        ports = free_ports(2)
        with socket.create_server(("127.0.0.1", ports[busy])):
            command = [binary, "--port", ports[0], "--database", directory / "busy.db"]
            program = Program(f"busy-{service}", command, directory)
            try:
                code = program.process.wait(30)
            finally:
                program.stop()
        log = program.log.read_text()
        report.same(f"with the port of the {service} in use, the exit code is 1", code, 1)
        named = f"127.0.0.1:{ports[busy]}" in log and "--port" in log
        report.check(f"with the port of the {service} in use, the message names the address and --port", named, log)


def check_way_back(report, app):
    for dependency in ["database", "quotes"]:
        for state in ["down", "up"]:
            request = Request(f"http://{app.target}/admin/{dependency}/{state}", method="POST")
            with urlopen(request, timeout=10) as answer:
                is_html = answer.headers.get_content_type() == "text/html"
                page = answer.read().decode()
            what = f"the page of `{dependency} {state}` links to the start page"
            report.check(what, is_html and '<a href="/">' in page, page)


def check_readiness(report, app):
    until("/ready answers 200", 15, lambda: app.page(path="/ready")[0] == 200)
    app.page(path="/api/notes")
    until("a later request is on the page", 15, lambda: 'addr="/api/notes"' in app.page()[2])
    page = app.page()[2]
    report.check("/ready is not recorded", "/ready" not in page, page)


def check_abandoned(report, app):
    """The client closes its connection in the ordinary way, with everything read that was sent to it."""
    with socket.create_connection(("127.0.0.1", app.port), timeout=10) as client:
        client.sendall(b"GET /api/slow HTTP/1.1\r\nHost: e2e\r\n\r\n")
    until("a request for /api/slow is on the page", 15, lambda: 'addr="/api/slow"' in app.page()[2])
    found = ABANDONED.findall(app.page()[2])
    report.same("a request whose client closes its connection is recorded with status 499", found, ["1"])


def check_traffic(report, app):
    until("the traffic abandons requests", 30, lambda: ABANDONED.search(app.page()[2]))
    report.check("the traffic abandons requests, which are recorded with status 499", True)

    def traced():
        return set(TRACED.findall(app.page(OPENMETRICS)[2]))

    # One of each loop, the one that abandons requests among them.
    wanted = {"/", "/api/notes/{id}", "/api/slow"}
    until("the traffic's traces are on the page", 30, lambda: wanted <= traced())
    report.check("the traffic's traces are on the OpenMetrics page as exemplars", True)
