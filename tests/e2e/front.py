"""A server in front of the example's dashboard: below a prefix, behind authentication, with metrics of the test's own."""

import base64
import contextlib
import sys
import threading
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/deep/below"


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # A tab that goes on to another page leaves its last poll behind.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Front:
    """`metrics` is called for the text of each page, or is `None` for that of the example."""

    def __init__(self, target, metrics=None, user=None):
        self.target = target
        self.metrics = metrics
        self.expected = user and "Basic " + base64.b64encode(user.encode()).decode()
        self.refuses = False  # as a session that has ended
        self.requests = Counter()
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                front.answer(self)

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}{PREFIX}/status"

    def answer(self, handler):
        status, headers, body = self.response(handler)
        self.requests[handler.path.removeprefix(PREFIX), status] += 1
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", len(body))
        handler.end_headers()
        handler.wfile.write(body)

    def response(self, handler):
        if self.refuses:
            return 401, [], b""
        if self.expected and handler.headers.get("Authorization") != self.expected:
            return 401, [("WWW-Authenticate", 'Basic realm="status"')], b""
        if not handler.path.startswith(f"{PREFIX}/status"):
            return 404, [], b""
        if self.metrics and handler.path.endswith("?metrics"):
            return 200, [("Content-Type", "text/plain; version=0.0.4")], self.metrics().encode()
        connection = HTTPConnection(self.target, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", handler.path.removeprefix(PREFIX))
            answer = connection.getresponse()
            hop = {"content-length", "transfer-encoding", "connection", "date"}
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in hop]
            return answer.status, headers, answer.read()


@contextlib.contextmanager
def served(*arguments, **how):
    front = Front(*arguments, **how)
    thread = threading.Thread(target=front.server.serve_forever)
    thread.start()
    try:
        yield front
    finally:
        front.server.shutdown()
        thread.join()
        front.server.server_close()


def page_of(rows, bounds=("0.1", "0.3", "1.5", "10.5", "+Inf")):
    """A metrics page: `rows` are the addr, as the page escapes it, the status and the number of requests."""
    counts, sizes = ["# TYPE request_seconds histogram"], ["# TYPE response_size_bytes counter"]
    for addr, status, count in rows:
        error = str(status >= "400").lower()
        labels = f'type="http",status="{status}",isError="{error}",method="GET",addr="{addr}"'
        counts += [f'request_seconds_bucket{{{labels},le="{bound}"}} {count}' for bound in bounds]
        counts += [f"request_seconds_sum{{{labels}}} {count / 100}", f"request_seconds_count{{{labels}}} {count}"]
        sizes.append(f"response_size_bytes{{{labels}}} {count * 100}")
    return "\n".join([*counts, *sizes, ""])
