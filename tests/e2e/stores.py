"""Prometheus and VictoriaMetrics as processes of ours, and their common query API."""

import json
import math
import re
import time
from collections import namedtuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from process import Program, free_ports
from wait import until

SCRAPE_INTERVAL = 1.0

# What a store adds to the labels of a sample.
TARGET_LABELS = {"__name__", "job", "instance"}

# `points`: (time, value) pairs, one for an instant query.
Series = namedtuple("Series", "labels points")


class Store:
    """What both answer under the same paths."""

    always = {}  # parameters that go with each query

    def __init__(self, name, command, directory, port):
        self.name = name
        self.command = command
        self.directory = directory
        self.url = f"http://127.0.0.1:{port}"
        self.program = None

    def start(self):
        self.program = Program(self.name, self.command, self.directory)

    def wait_until_ready(self):
        until(f"{self.name} answers", 60, self.is_ready)

    def is_ready(self):
        self.program.assert_alive()
        # An error while it loads is an OSError: not yet.
        with urlopen(f"{self.url}/-/ready", timeout=10) as answer:
            return answer.status == 200

    def stop(self):
        self.program.stop()

    def metric(self, name):
        """The sum of one of its own metrics."""
        with urlopen(f"{self.url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{name}[ {{]", line))

    def resident(self):
        """Bytes of memory of the process."""
        return self.metric("process_resident_memory_bytes")

    def api(self, path, **parameters):
        try:
            with urlopen(f"{self.url}/api/v1/{path}?{urlencode(self.always | parameters)}", timeout=30) as answer:
                return json.load(answer)["data"]
        except HTTPError as error:
            raise ValueError(f"{self.name} on {parameters}: {error.read().decode()}") from error

    def query(self, expression, **parameters):
        data = self.api("query", query=expression, **parameters)
        if data["resultType"] == "scalar":
            return [Series({}, [point(data["result"])])]
        return [
            Series(row["metric"], [point(p) for p in row.get("values") or [row["value"]]]) for row in data["result"]
        ]

    def query_range(self, expression, start, end, step):
        data = self.api("query_range", query=expression, start=start, end=end, step=step)
        return [Series(row["metric"], [point(p) for p in row["values"]]) for row in data["result"]]

    def values(self, selector):
        """The present samples of a selector: their own labels, as a frozen set of pairs, to their value."""
        return {own_labels(series): series.points[-1][1] for series in self.query(selector)}

    def wait_for_scrape_after(self, moment, seconds=15, targets=1):
        """Until scrapes of so many targets that began after `moment` are in the store."""

        def scraped():
            series = self.query("up[30s]")
            return sum(any(at > moment and up for at, up in one.points) for one in series) >= targets

        until(f"a scrape in {self.name}", seconds, scraped)


class Prometheus(Store):
    def __init__(self, config, directory, name="Prometheus", features="exemplar-storage"):
        (port,) = free_ports(1)
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / name}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", f"--enable-feature={features}"]
        super().__init__(name, command, directory, port)


class NativePrometheus(Prometheus):
    def __init__(self, config, directory):
        super().__init__(config, directory, "Prometheus with native histograms", "native-histograms,exemplar-storage")


class Agent(Store):
    """Prometheus in agent mode: it scrapes and writes to another store, and answers no queries."""

    def __init__(self, config, directory):
        (port,) = free_ports(1)
        command = ["prometheus", "--enable-feature=agent", f"--config.file={config}"]
        command += [f"--storage.agent.path={directory / 'agent'}", f"--web.listen-address=127.0.0.1:{port}"]
        super().__init__("the agent", command, directory, port)
        self.started = time.time()


class VictoriaMetrics(Store):
    # Else it answers with what was there some seconds ago.
    always = {"nocache": 1}

    def __init__(self, config, directory):
        """Without a configuration it scrapes nothing, and takes what is written to it."""
        (port,) = free_ports(1)
        self.data = directory / "victoria"
        command = ["victoria-metrics", f"-storageDataPath={self.data}", f"-httpListenAddr=127.0.0.1:{port}"]
        # Else rules that use the results of others wait for half a minute for each.
        command += ["-search.latencyOffset=1s"]
        if config:
            command += [f"-promscrape.config={config}", "-promscrape.config.strictParse=false"]
        super().__init__("VictoriaMetrics", command, directory, port)

    def flush(self):
        """Writes what is in memory to the disk."""
        with urlopen(f"{self.url}/internal/force_flush", timeout=30):
            pass

    def disk_bytes(self):
        return sum(file.stat().st_size for file in self.data.rglob("*") if file.is_file())


class Evaluator(Store):
    """vmalert: evaluates rule files against a store, and writes their results to it."""

    def __init__(self, files, store, directory):
        (port,) = free_ports(1)
        command = ["vmalert", *(f"-rule={file}" for file in files), f"-datasource.url={store.url}"]
        command += [
            f"-remoteWrite.url={store.url}",
            f"-remoteRead.url={store.url}",
            f"-httpListenAddr=127.0.0.1:{port}",
        ]
        # Nobody is notified.
        command += [f"-notifier.url={store.url}", "-evaluationInterval=5s"]
        super().__init__("vmalert", command, directory, port)

    def is_ready(self):
        self.program.assert_alive()
        with urlopen(f"{self.url}/health", timeout=10) as answer:
            return answer.status == 200

    def rules(self):
        return [rule for group in self.api("rules")["groups"] for rule in group["rules"]]


def point(pair):
    return float(pair[0]), float(pair[1])


def own_labels(series):
    return frozenset((key, value) for key, value in series.labels.items() if key not in TARGET_LABELS)


def finite(all_series):
    """Those that have a number to show: 0/0 is no answer."""
    return [series for series in all_series if any(math.isfinite(value) for _, value in series.points)]
