"""The page itself: the right format for each reader, and parsers that are not ours."""

import gzip
import re
import subprocess

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from contract import LINT, OPENMETRICS, READERS, SAMPLES, TEXT, TEXT_TYPES


def check(report, app):
    check_negotiation(report, app)
    check_compression(report, app)
    text, openmetrics = app.page()[2], app.page(OPENMETRICS)[2]
    check_text(report, text)
    check_openmetrics(report, openmetrics)
    report.same("both formats have the same series", series(parse_text(text)), series(parse_openmetrics(openmetrics)))
    check_promtool(report, text)


def check_negotiation(report, app):
    for reader, (accept, expected) in READERS.items():
        status, content_type, _ = app.page(accept)
        report.same(f"the page for {reader} is {expected.split(';')[0]}", (status, content_type), (200, expected))
    status, content_type, body = app.page(method="HEAD")
    report.same("HEAD on the page has its head and no body", (status, content_type, body), (200, TEXT, ""))


def check_compression(report, app):
    """Prometheus and VictoriaMetrics always ask for gzip, so all that they store was compressed."""
    status, headers, body = app.request("GET", "/metrics", {"Accept-Encoding": "gzip"})
    report.same("the page is compressed if gzip is accepted", (status, headers["Content-Encoding"]), (200, "gzip"))
    page, plain = gzip.decompress(body).decode(), app.page()[2]
    report.same("the compressed page has the plain one's series", series(parse_text(page)), series(parse_text(plain)))


def check_text(report, page):
    families = list(parse_text(page))
    report.check("the Python client's text parser reads the page", families)
    missing = SAMPLES.keys() - set(re.findall(r"^(\w+)\{", page, re.MULTILINE))
    report.same("the text page has every sample name of the contract", missing, set())
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))
    report.same("the text page's types", types, types | TEXT_TYPES)
    foreign = [line for line in page.splitlines() if line.startswith(("# UNIT", "# EOF")) or " # {" in line]
    report.same("the text page has no unit, end mark or exemplar", foreign, [])


def check_openmetrics(report, page):
    families = list(parse_openmetrics(page))
    report.check("the Python client's strict OpenMetrics parser reads the page", families)
    missing = SAMPLES.keys() - {sample.name for family in families for sample in family.samples}
    report.same("the OpenMetrics page has every sample name of the contract", missing, set())
    report.check("the OpenMetrics page ends with # EOF", page.endswith("\n# EOF\n"), page[-80:])


def series(families):
    # The client's text parser gives a counter the _total that it believes each must have.
    bare = {"response_size_bytes_total": "response_size_bytes"}
    return {(bare.get(s.name, s.name), frozenset(s.labels.items())) for family in families for s in family.samples}


def check_promtool(report, page):
    promtool = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    said = {line for line in (promtool.stdout + promtool.stderr).splitlines() if line}
    report.same("promtool check metrics reads the page, and objects only to the protocol's own names", said, LINT)


def sample_lines(page):
    return sum(1 for line in page.splitlines() if line and not line.startswith("#"))
