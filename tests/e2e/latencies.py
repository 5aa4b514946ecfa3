"""The service of latencies.rs, and the durations that it records."""

import math
import random
import time
from urllib.request import Request, urlopen

from process import Program, free_ports
from wait import until

# As many observations as put several beyond the 99.9th percentile.
OBSERVATIONS = 100_000


class Latencies:
    def __init__(self, binary, directory):
        self.binary = binary
        self.directory = directory
        (self.port,) = free_ports(1)
        self.target = f"127.0.0.1:{self.port}"
        self.program = None

    def start(self):
        self.program = Program("latencies", [self.binary, self.port], self.directory)

    def wait_until_ready(self):
        until("the service with native histograms answers", 30, self.answers)

    def answers(self):
        self.program.assert_alive()
        with urlopen(f"http://{self.target}/metrics", timeout=10) as answer:
            return answer.status == 200

    def record(self, addr, nanos):
        """Records requests of these durations under a route."""
        body = "\n".join(map(str, nanos)).encode()
        with urlopen(Request(f"http://{self.target}/record/{addr}", data=body), timeout=60):
            return time.time()

    def delayed(self, millis):
        """The seconds that a client waits for a response that is delayed."""
        begun = time.monotonic()
        with urlopen(f"http://{self.target}/delay/{millis}", timeout=60):
            return time.monotonic() - begun

    def stop(self):
        return self.program.stop()


def distributions():
    """Durations in nanoseconds, by name: around 5 ms, around 2 ms and 300 ms, and with a long tail."""
    source = random.Random(12)
    fast, slow = lognormal(source, 0.002, 0.3), lognormal(source, 0.3, 0.2)
    return {
        "lognormal": sample(lognormal(source, 0.005, 0.8)),
        "bimodal": sample(lambda: fast() if source.random() < 0.7 else slow()),
        "pareto": sample(lambda: 0.001 * source.paretovariate(1.5)),
    }


def lognormal(source, median, sigma):
    return lambda: source.lognormvariate(math.log(median), sigma)


def sample(seconds):
    return [round(seconds() * 1e9) for _ in range(OBSERVATIONS)]


def percentile(values, fraction):
    """The smallest value that at least this fraction of all does not exceed."""
    return sorted(values)[math.ceil(fraction * len(values)) - 1]
