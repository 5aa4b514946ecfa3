"""The example: started, stopped, asked for its page; and when it was up."""

import http.client
import time
from urllib.request import Request, urlopen

from process import Program, free_ports
from wait import until

# What the example's checks are set to, and how soon a scrape of ours follows.
CHECK_EVERY = 2.0
CHECK_TIMEOUT = 1.0

WORKERS = 2


class App:
    def __init__(self, binary, directory):
        self.binary = binary
        self.directory = directory
        self.database = directory / "notes.db"
        self.port, self.second_port = free_ports(2)
        self.target = f"127.0.0.1:{self.port}"
        self.program = None
        self.up = []  # [since, until] of each life, `until` being None in the last one

    def start(self, traffic=False, native=False):
        command = [self.binary, "--port", self.port, "--workers", WORKERS, "--database", self.database]
        command += ["--traffic"] * traffic + ["--native-histograms"] * native
        self.program = Program("notes", command, self.directory)

    def wait_until_ready(self):
        until("the example answers", 30, self.answers)
        self.up.append([time.time(), None])

    def answers(self):
        self.program.assert_alive()
        return self.page()[0] == 200

    def stop(self):
        """Its exit code."""
        if self.up:
            self.up[-1][1] = time.time()
        return self.program.stop()

    def page(self, accept="*/*", method="GET", path="/metrics"):
        """Status, content type and body of the page, which is the one route that is not recorded."""
        status, headers, body = self.request(method, path, {} if accept is None else {"Accept": accept})
        return status, headers["Content-Type"], body.decode()

    def request(self, method, path, headers):
        """Status, headers and the bytes of the body. Not compressed unless the headers ask for it."""
        connection = http.client.HTTPConnection(self.target, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def admin(self, dependency, state):
        """Takes a dependency `down` or brings it `up`."""
        with urlopen(Request(f"http://{self.target}/admin/{dependency}/{state}", method="POST"), timeout=10):
            return time.time()
