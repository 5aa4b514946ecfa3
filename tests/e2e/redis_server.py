"""A real Redis: killed, frozen, and brought back."""

import signal
import socket

from process import Program, free_ports
from wait import until


class Redis:
    def __init__(self, directory):
        self.directory = directory
        (self.port,) = free_ports(1)
        self.program = None

    def start(self):
        command = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.program = Program("redis", command, self.directory)

    def wait_until_ready(self):
        until("the Redis answers", 30, self.answers)

    def answers(self):
        self.program.assert_alive()
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"

    def restart(self):
        self.start()
        self.wait_until_ready()

    def kill(self):
        """SIGKILL: its port is closed from one moment to the next."""
        self.program.kill()

    def freeze(self):
        """SIGSTOP: the system goes on accepting connections for it, and nobody answers."""
        self.program.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.program.process.send_signal(signal.SIGCONT)

    def stop(self):
        # A frozen program does not hear SIGTERM.
        self.thaw()
        self.program.stop()
