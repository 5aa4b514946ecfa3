"""A program of ours: started with its own log, ended by its own id."""

import random
import signal
import socket
import subprocess

# Below the range from which the system takes the ports of outgoing connections: a scrape of an
# app that is down, sent from such a port to itself, would be answered by itself.
PORTS = range(20000, 32000)


def free_ports(count):
    """`count` neighbouring ports that nobody listens on."""
    while True:
        first = random.choice(PORTS)
        if all(is_free(port) for port in range(first, first + count)):
            return list(range(first, first + count))


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Program:
    def __init__(self, name, command, directory):
        self.name = name
        self.log = directory / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command], cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def assert_alive(self):
        """For the probes that wait for it: a program that has ended will never answer."""
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{tail}")

    def kill(self):
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=40):
        """Ends it as a service manager would; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"{self.name} did not end within {seconds} s of SIGTERM")


def started(program, running, **how):
    """The app or a store, started and ready. Its end is seen to first: nothing of ours outlives a failed start."""
    program.start(**how)
    running.callback(program.stop)
    program.wait_until_ready()
    return program
