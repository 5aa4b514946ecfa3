"""HTTP/1.1 as raw bytes over a real socket: requests of any shape, many sent before an answer is read."""

import socket
from collections import namedtuple

Answer = namedtuple("Answer", "status headers body")

# So much is on its way at most: what the sockets hold without anybody reading, both ways.
MOST_REQUESTS = 64
MOST_BYTES = 64 * 1024


class Pipeline:
    """One connection, opened anew where the server has closed it."""

    def __init__(self, port):
        self.port = port
        self.socket = self.answers = None

    def ask(self, heads):
        """The answers to all of `heads`, fewer than these where the server hung up."""
        self.open()
        answers = []
        try:
            self.socket.sendall(b"".join(heads))
            for head in heads:
                answer = self.read(bodiless=head.startswith(b"HEAD "))
                answers.append(answer)
                if answer.headers.get(b"connection") == b"close":
                    self.close()
                    break
        except ConnectionError:
            self.close()
        return answers

    def ask_all(self, requests):
        """Pairs of a request and its answer. The server must not hang up on any."""
        for some in batches(requests):
            answers = self.ask([request.head for request in some])
            if len(answers) < len(some):
                refused = some[max(len(answers) - 1, 0)]
                raise ConnectionError(f"{len(answers)} answers to {len(some)} requests, then none: {refused}"[:2000])
            yield from zip(some, answers)

    def read(self, bodiless):
        line = self.answers.readline()
        if not line.startswith(b"HTTP/1.1 "):
            raise ConnectionError(f"no answer: {line!r}")
        headers = {}
        while (field := self.answers.readline()) not in (b"\r\n", b""):
            name, _, value = field.partition(b":")
            headers[name.lower()] = value.strip()
        length = 0 if bodiless else int(headers[b"content-length"])
        return Answer(int(line[9:12]), headers, self.answers.read(length))

    def open(self):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            self.answers = self.socket.makefile("rb")

    def close(self):
        if self.socket is not None:
            self.answers.close()
            self.socket.close()
            self.socket = self.answers = None


def batches(requests):
    some, size = [], 0
    for request in requests:
        some.append(request)
        size += len(request.head)
        if len(some) == MOST_REQUESTS or size >= MOST_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some
