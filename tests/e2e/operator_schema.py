"""JSON schemas of the two resources of the Prometheus Operator that the documentation shows, restated.

They know the fields that a user would set here and refuse all others, so that a misspelt field is found.
"""

DURATION = {"type": "string", "pattern": r"^(\d+(ms|[smhdwy]))+$"}
STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}


def record(required, **fields):
    return {"type": "object", "additionalProperties": False, "properties": fields, "required": required}


def listed(item):
    return {"type": "array", "items": item, "minItems": 1}


SECRET_KEY = record(["key"], name={"type": "string"}, key={"type": "string"}, optional={"type": "boolean"})

ENDPOINT = record(
    ["port"],
    port={"type": "string"},
    path={"type": "string", "pattern": "^/"},
    scheme={"enum": ["http", "https"]},
    interval=DURATION,
    scrapeTimeout=DURATION,
    honorLabels={"type": "boolean"},
    authorization=record([], type={"type": "string"}, credentials=SECRET_KEY),
)

SERVICE_MONITOR = record(
    ["selector", "endpoints"],
    jobLabel={"type": "string"},
    namespaceSelector=record([], any={"type": "boolean"}, matchNames=listed({"type": "string"})),
    selector=record([], matchLabels=STRINGS),
    endpoints=listed(ENDPOINT),
)

RULE = record(
    ["expr"],
    record={"type": "string", "pattern": "^[a-zA-Z_:][a-zA-Z0-9_:]*$"},
    alert={"type": "string"},
    expr={"type": "string"},
    labels=STRINGS,
    annotations=STRINGS,
    **{"for": DURATION, "keep_firing_for": DURATION},
)

PROMETHEUS_RULE = record(
    ["groups"], groups=listed(record(["name", "rules"], name={"type": "string"}, interval=DURATION, rules=listed(RULE)))
)


def resource(kind, spec):
    return record(
        ["apiVersion", "kind", "metadata", "spec"],
        apiVersion={"const": "monitoring.coreos.com/v1"},
        kind={"const": kind},
        metadata=record(["name"], name={"type": "string"}, namespace={"type": "string"}, labels=STRINGS),
        spec=spec,
    )


SCHEMAS = {
    "ServiceMonitor": resource("ServiceMonitor", SERVICE_MONITOR),
    "PrometheusRule": resource("PrometheusRule", PROMETHEUS_RULE),
}
