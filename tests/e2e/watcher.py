"""The service of watcher.rs, and what its page was seen to say of its ten dependencies."""

import re
import time
from urllib.request import urlopen

from process import Program, free_ports
from wait import until

# What its checks are set to.
CHECK_EVERY = 1.0
CHECK_TIMEOUT = 0.5

STEADY = {f"steady-{number}" for number in range(1, 9)}
BLOCKER = "blocker"


class Watcher:
    def __init__(self, binary, redis_port, blocked_millis, directory):
        self.binary = binary
        self.redis_port = redis_port
        self.blocked_millis = blocked_millis
        self.directory = directory
        (self.port,) = free_ports(1)
        self.program = None
        self.pages = 0
        self.seen = {}  # name: the states that its line had, each as often as it changed

    def start(self):
        command = [self.binary, self.port, self.redis_port, self.blocked_millis]
        self.program = Program("watcher", command, self.directory)

    def wait_until_ready(self):
        """Until the first checks, which run at once, are on the page."""
        until("the watcher's first checks", 30, self.has_checked)

    def has_checked(self):
        self.program.assert_alive()
        return STEADY | {"redis"} <= self.look().keys()

    def values(self, family):
        """By name, as the page has them at present."""
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            page = answer.read().decode()
        return dict(re.findall(rf'^{family}{{name="(.+)"}} (\S+)$', page, re.MULTILINE))

    def look(self):
        """The present state of each dependency; kept in `seen` too."""
        states = {name: int(up) for name, up in self.values("dependency_up").items()}
        self.pages += 1
        for name, up in states.items():
            seen = self.seen.setdefault(name, [])
            if seen[-1:] != [up]:
                seen.append(up)
        return states

    def forget(self):
        self.pages, self.seen = 0, {}

    def follows(self, name, up):
        """When the page says so of a dependency."""
        until(f"the page says {up} of {name}", 15, lambda: self.look()[name] == up)
        return time.monotonic()

    def watch(self, seconds):
        end = time.monotonic() + seconds
        until(f"{seconds} s have gone by", seconds + 15, lambda: self.look() and time.monotonic() >= end)

    def lateness(self):
        """The longest lateness of each steady check, in seconds."""
        return {name: float(seconds) for name, seconds in self.values("check_lateness_seconds").items()}

    def stop(self):
        """Its exit code."""
        return self.program.stop()
