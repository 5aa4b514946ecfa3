"""Reads pages with the two parsers of the Python client: a request on each line of the standard input,
a response on each line of the standard output, both as JSON."""

import io
import json
import sys

from prometheus_client import parser as text
from prometheus_client.openmetrics import parser as openmetrics

PARSERS = {
    "text": text.text_fd_to_metric_families,
    "openmetrics": openmetrics.text_fd_to_metric_families,
}


def families(request):
    for family in PARSERS[request["format"]](io.StringIO(request["page"], newline="\n")):
        samples = [{"name": sample.name, "labels": sample.labels} for sample in family.samples]
        yield {"name": family.name, "help": family.documentation, "samples": samples}


for line in sys.stdin:
    try:
        response = {"families": list(families(json.loads(line)))}
    except Exception as error:
        response = {"error": repr(error)}
    print(json.dumps(response), flush=True)
