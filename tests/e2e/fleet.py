"""Many instances of one service, and requests of a known number to all of them."""

import http.client
import socket
import threading
from collections import Counter

from process import Program, free_ports
from wait import until


class Instance:
    def __init__(self, binary, port, directory):
        self.binary = binary
        self.port = port
        self.directory = directory
        self.target = f"127.0.0.1:{port}"
        self.program = None
        self.is_in_rotation = True

    def start(self, version="v1"):
        self.program = Program(f"instance-{self.port}", [self.binary, self.port, version], self.directory)

    def wait_until_ready(self):
        until(f"instance {self.port} answers", 60, self.answers)

    def answers(self):
        self.program.assert_alive()
        connection = http.client.HTTPConnection(self.target, timeout=10)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read()
        finally:
            connection.close()

    def stop(self):
        return self.program.stop()


class Load:
    """Requests to every instance in rotation, one after another. Each is in `sent` once it is answered."""

    PATHS = ["/orders/1"] * 18 + ["/fail", "/nobody"]

    def __init__(self, instances):
        self.instances = instances
        self.sent = Counter()  # (target, status): number
        self.turn = threading.Lock()
        self.ends = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self.run)

    def start(self):
        self.abandon()
        self.request(self.instances[-1], "/block")
        self.thread.start()

    def wait_until_ready(self):
        pass

    def abandon(self):
        """A request whose client disconnects before the response."""
        target = self.instances[-1]
        with socket.create_connection(("127.0.0.1", target.port), timeout=10) as client:
            client.sendall(b"GET /slow HTTP/1.1\r\nHost: e2e\r\n\r\n")
        self.sent[target.target, "499"] += 1

    def stop(self):
        self.ends.set()
        self.thread.join()
        if self.failure:
            raise self.failure

    def take_out(self, instances):
        """No request is on its way to them when this returns."""
        with self.turn:
            for instance in instances:
                instance.is_in_rotation = False

    def put_in(self, instances):
        with self.turn:
            for instance in instances:
                instance.is_in_rotation = True

    def run(self):
        try:
            while not self.ends.is_set():
                for path in self.PATHS:
                    with self.turn:
                        self.round(path)
        except (OSError, http.client.HTTPException) as failure:
            self.failure = failure

    def round(self, path):
        for instance in self.instances:
            if instance.is_in_rotation and not self.ends.is_set():
                self.request(instance, path)

    def request(self, instance, path):
        connection = http.client.HTTPConnection(instance.target, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        self.sent[instance.target, str(answer.status)] += 1


def instances(binary, number, directory):
    return [Instance(binary, port, directory) for port in free_ports(number)]
