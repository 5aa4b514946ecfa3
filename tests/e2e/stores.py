"""Prometheus and VictoriaMetrics as processes of ours, and their common query API."""

import json
import math
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

    def wait_for_scrape_after(self, moment):
        """Until a scrape that began after `moment` is in the store."""
        until(
            f"a scrape in {self.name}",
            15,
            lambda: any(at > moment and up for series in self.query("up[30s]") for at, up in series.points),
        )


class Prometheus(Store):
    def __init__(self, config, directory, name="Prometheus", features="exemplar-storage"):
        (port,) = free_ports(1)
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / name}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", f"--enable-feature={features}"]
        super().__init__(name, command, directory, port)


class NativePrometheus(Prometheus):
    def __init__(self, config, directory):
        super().__init__(config, directory, "Prometheus with native histograms", "native-histograms,exemplar-storage")


class VictoriaMetrics(Store):
    # Else it answers with what was there some seconds ago.
    always = {"nocache": 1}

    def __init__(self, config, directory):
        (port,) = free_ports(1)
        command = ["victoria-metrics", f"-promscrape.config={config}", "-promscrape.config.strictParse=false"]
        command += [f"-storageDataPath={directory / 'victoria'}", f"-httpListenAddr=127.0.0.1:{port}"]
        super().__init__("VictoriaMetrics", command, directory, port)


def point(pair):
    return float(pair[0]), float(pair[1])


def own_labels(series):
    return frozenset((key, value) for key, value in series.labels.items() if key not in TARGET_LABELS)


def finite(all_series):
    """Those that have a number to show: 0/0 is no answer."""
    return [series for series in all_series if any(math.isfinite(value) for _, value in series.points)]
