"""Requests of a known number, and what the page must say of them."""

import http.client
import itertools
import json
import time
from collections import Counter, namedtuple
from concurrent.futures import ThreadPoolExecutor

# A row of a plan: `addr` and `status` are what the labels must become.
Planned = namedtuple("Planned", "times method path addr status body", defaults=[None])

CONNECTIONS = 8

STANDARD_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}


class Traffic:
    """Sends over several kept-alive connections, so that all workers are met, and keeps the books."""

    def __init__(self, target):
        self.target = target
        self.counts = Counter()
        self.bytes = Counter()
        self.surprises = []
        self.last = 0.0  # when the last answer was read to its end
        self.connections = itertools.cycle(
            [http.client.HTTPConnection(target, timeout=30) for _ in range(CONNECTIONS)]
        )
        self.traces = itertools.count(1)

    def send(self, method, path, addr, status, body=None):
        """One request; its answer's body. An answer of another status is noted in `surprises`."""
        connection = next(self.connections)
        headers = {"traceparent": f"00-{next(self.traces):032x}-00000000000000e2-01"}
        if body is not None:
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        self.last = time.time()
        if answer.status != status:
            self.surprises.append(f"{method} {path}: {answer.status} instead of {status}: {content[:200]!r}")
        labels = request_labels(method, addr, status)
        self.counts[labels] += 1
        # As declared: what is streamed declares nothing, and the answer to HEAD sends nothing.
        self.bytes[labels] += 0 if method == "HEAD" else int(answer.getheader("Content-Length", 0))
        return content

    def run(self, plan, **names):
        """Each row as often as it says. `names` fill in its path, beside `{n}`, the number of the request."""
        for row in plan:
            for number in range(row.times):
                self.send(row.method, row.path.format(n=number, **names), row.addr, row.status, row.body)

    def run_at_once(self, row, senders):
        """The same row by several senders at the same time, each over connections of its own."""
        others = [Traffic(self.target) for _ in range(senders)]
        with ThreadPoolExecutor(senders) as pool:
            list(pool.map(lambda other: other.run([row]), others))
        for other in others:
            self.counts.update(other.counts)
            self.bytes.update(other.bytes)
            self.surprises += other.surprises
            self.last = max(self.last, other.last)


def request_labels(method, addr, status):
    return frozenset(
        {
            "type": "http",
            "status": str(status),
            "isError": "true" if status >= 400 else "false",
            "method": method if method in STANDARD_METHODS else "_OTHER",
            "addr": addr,
        }.items()
    )
