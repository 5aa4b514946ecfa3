"""The example at one moment: its page, its memory, and what it has been sent."""

import pathlib
import re
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from contract import OPENMETRICS, TEXT


class Figures:
    HEAD = ["sent", "recorded", "refused by actix", "pages", "page, bytes", "in OpenMetrics", "VmRSS, MB"]

    def __init__(self, app, books):
        self.at = time.monotonic()
        self.sent, self.refused, self.pages = books.sent, books.refused, books.pages
        self.recorded = round(sum(samples(app, "request_seconds_count").values()))
        self.text, self.openmetrics = (len(app.page(accept)[2]) for accept in [TEXT, OPENMETRICS])
        status = pathlib.Path(f"/proc/{app.program.process.pid}/status").read_text()
        self.memory = 1024 * int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1])

    def row(self):
        memory = f"{self.memory / 1e6:.1f}"
        return self.sent, self.recorded, self.refused, self.pages, self.text, self.openmetrics, memory


def samples(app, name):
    """The values of one sample name by their labels. An empty label is none, as in the stores."""
    families = parse_openmetrics(app.page(OPENMETRICS)[2])
    found = (s for family in families for s in family.samples if s.name == name)
    return {frozenset((key, value) for key, value in s.labels.items() if value): s.value for s in found}
