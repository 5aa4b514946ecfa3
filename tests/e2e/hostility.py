"""What a hostile client sends. All of it comes from fixed seeds: a run that fails can be had again."""

import random
from collections import namedtuple

# `addr` is what the label must become, should the request reach the app.
Hostile = namedtuple("Hostile", "method addr head")

# CONNECT is sent by itself: nothing can follow it on its connection.
STANDARD = ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY"]

HEADERS = ["traceparent", "tracestate", "Accept", "User-Agent", "Cookie", "Referer", "X-Request-Id", "Error-Message"]

# What could be taken for the page's own syntax, a pattern's, or an escape; the latter invalid, too.
PIECES = [
    b'"', b'\\"', b"\\", b"\\n", b"\\\\n", b"\\x00", b"{}", b"{id}", b"{{", b"}}", b'"}%201%0A', b',le="1"', b"#%20EOF",
    b"%0A#%20EOF%0A", b"%23%20EOF", b"_overflow", b"unmatched", b"%", b"%%", b"%zz",
    b"%2", b"%2F", b"%2e%2e%2f", b"%00", b"%0D%0A", b"%7F", b"%FF%FE", b"%C3%28", b"%ED%A0%80", b"%F0%9F%92%A9",
    b"//", b"/../", b"/./", b";", b"?", b"#", b"&a=b", b"=", b"~", b"*", b"/metrics", b"$(id)", b"%s%n",
]  # fmt: skip

LENGTHS = [8, 40, 40, 120, 120, 1500]

# Just below the 65534 that actix refuses. A prime, so that each kind of path is so long at times.
LONGEST, LONGEST_EACH = 60_000, 1999


class Hostility:
    """`legal_*` are the bytes that actix lets through in each place."""

    def __init__(self, legal_path, legal_query, legal_method, legal_value):
        self.pieces = PIECES + [bytes([byte]) for byte in legal_path]
        self.illegal_in_query = bytes(set(range(256)) - set(legal_query))
        self.legal_method = legal_method
        self.legal_value = legal_value

    def paths(self, numbers):
        """One request with a path of its own for each number."""
        for number in numbers:
            rng = random.Random(f"path {number}")
            junk = self.junk(rng, LONGEST if number % LONGEST_EACH == 0 else rng.choice(LENGTHS))
            unique = b"%d-%s" % (number, junk)
            segment = unique.replace(b"/", b"")
            kind = number % 16
            if kind == 0:
                yield self.request(rng, "GET", b"/api/notes/h" + segment, "/api/notes/{id}")
            elif kind == 1:
                yield self.request(rng, "GET", b"/admin/database/h" + segment, "/admin/database/{state}")
            elif kind == 2:
                yield self.request(rng, rng.choice(STANDARD), b"/" + unique)
            else:
                prefix = rng.choice([b"/", b"/api/", b"/api/nobody/", b"/admin/", b"//", b"http://h/"])
                yield self.request(rng, "GET", prefix + unique)

    def methods(self, numbers):
        """One request with a method token of its own for each number."""
        for number in numbers:
            rng = random.Random(f"method {number}")
            near = rng.choice(["", "get", "GET", "Post", "_OTHER", "DELETE", "unmatched"])
            junk = bytes(rng.choices(self.legal_method, k=rng.choice([0, 3, 20, 500]))).decode()
            yield self.request(rng, f"{near}{number}-{junk}", b"/%d" % number)

    def junk(self, rng, length):
        junk = b"".join(rng.choices(self.pieces, k=length))
        if length == LONGEST:
            # Either would begin a query or a fragment soon, and the path were short.
            return junk.translate(None, b"?#")[:length]
        path, mark, query = junk[:length].partition(b"?")
        return path + mark + query.translate(None, self.illegal_in_query)

    def request(self, rng, method, path, addr="unmatched"):
        fields = {rng.choice(HEADERS): self.value(rng), "traceparent": self.traceparent(rng)}
        return hostile(method, path, fields, addr)

    def value(self, rng):
        return bytes(rng.choices(self.legal_value, k=rng.randrange(80)))

    def traceparent(self, rng):
        """A sampled one, one that is wrong in one place, or nothing like it."""
        good = b"00-%032x-00000000000000e2-01" % rng.getrandbits(128)
        place = rng.randrange(len(good))
        wrong = good[:place] + bytes([rng.choice(self.legal_value)]) + good[place + 1 :]
        return rng.choice([good, wrong, self.value(rng)])


def hostile(method, path, fields=None, addr="unmatched"):
    lines = b"".join(b"%s: %s\r\n" % (name.encode(), value) for name, value in (fields or {}).items())
    head = b"%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n" % (method.encode("latin-1"), path, lines)
    return Hostile(method, addr, head)
