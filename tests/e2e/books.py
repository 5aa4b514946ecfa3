"""What was sent, what became of it, and what the page must say of it."""

from collections import Counter

from contract import OPENMETRICS, TEXT
from traffic import request_labels

# What actix answers by itself to a head that it cannot read or that is too large, hanging up; no
# middleware sees these. The example answers none of them and never hangs up, but for CONNECT.
REFUSALS = {400, 408, 431}


class Books:
    def __init__(self):
        self.sent = 0
        self.refused = 0
        self.pages = 0
        self.requests = Counter()  # by method, addr and status: `recorded` in all
        self.bytes = Counter()

    @property
    def recorded(self):
        return sum(self.requests.values())

    def enter(self, request, answer):
        """Whether the request reached the app. No answer at all is what a reset after a refusal leaves."""
        self.sent += 1
        if answer is None or is_refusal(answer):
            self.refused += 1
            return False
        if is_page(answer):
            self.pages += 1
        else:
            key = request.method, request.addr, answer.status
            self.requests[key] += 1
            self.bytes[key] += len(answer.body)
        return True

    def add(self, other):
        self.sent += other.sent
        self.refused += other.refused
        self.pages += other.pages
        self.requests.update(other.requests)
        self.bytes.update(other.bytes)


def by_labels(sums):
    """`requests` or `bytes` under the labels that they must have on the page."""
    found = Counter()
    for key, value in sums.items():
        found[request_labels(*key)] += value
    return dict(found)


def is_refusal(answer):
    return answer.status in REFUSALS and answer.headers.get(b"connection") == b"close"


def is_page(answer):
    return answer.status == 200 and answer.headers.get(b"content-type", b"").decode() in (TEXT, OPENMETRICS)
