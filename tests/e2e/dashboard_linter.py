"""The rules of Grafana's dashboard linter (grafana/dashboard-linter) that concern Prometheus, restated.

`dashboard_linter.py FILE...` prints how many rules each dashboard passes.
"""

import json
import re
import subprocess
import sys
import tempfile

# Types of panels that the rules on titles, units, data sources and targets look at.
CHECKED = {"stat", "singlestat", "graph", "table", "timeseries", "gauge"}

# The part of Grafana's list of units that dashboards of services use.
UNITS = set(
    "none string short percent percentunit locale bytes decbytes bits decbits kbytes mbytes gbytes pps binBps Bps "
    "binbps bps KBs MBs GBs dateTimeAsIso dateTimeFromNow hertz ns µs ms s m h d dtdurationms dtdurations dthms "
    "cps ops reqps rps wps iops cpm opm rpm wpm bool bool_yes_no bool_on_off celsius".split()
)

STRING = re.compile(r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'")
GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)", re.IGNORECASE)
KEYWORDS = set("by without on ignoring group_left group_right and or unless bool offset inf nan".split())
SELECTOR = re.compile(r"(?<![\w.:])([a-zA-Z_:][\w:]*)?\s*(\{[^{}]*\})|(?<![\w.:])([a-zA-Z_:][\w:]*)(?![\w:]|\s*[({])")
MATCHER = re.compile(r"([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*(\d+)")


def panels(board):
    """All panels, those within rows too, but not the rows."""
    waiting = [panel for row in board.get("rows", []) for panel in row["panels"]] + board.get("panels", [])
    while waiting:
        panel = waiting.pop(0)
        waiting = panel.get("panels", []) + waiting
        if panel["type"] != "row":
            yield panel


def targets(board):
    """(panel, expression) of every query of Prometheus."""
    return [(panel, t["expr"]) for panel in panels(board) for t in panel.get("targets") or [] if t.get("expr")]


def variables(board, kind):
    return [v for v in board.get("templating", {}).get("list", []) if v["type"] == kind]


def uid(holder):
    source = holder.get("datasource")
    return source.get("uid") if isinstance(source, dict) else source


def is_templated(holder, board):
    names = [v["name"] for v in variables(board, "datasource")]
    return uid(holder) in {form for name in names for form in (f"${name}", f"${{{name}}}")}


def selectors(expression):
    """(metric, {label: (operator, value)}) of each selector of an expression."""
    strings = []

    def put_aside(match):
        strings.append(match.group()[1:-1])
        return str(len(strings) - 1)

    plain = GROUPING.sub(" ", STRING.sub(put_aside, expression))
    plain = re.sub(r"\[[^\]]*\]", "[]", plain)
    for match in SELECTOR.finditer(plain):
        name = match.group(1) or match.group(3)
        if name and name.lower() in KEYWORDS:
            continue
        matchers = {m[1]: (m[2], strings[int(m[3])]) for m in MATCHER.finditer(match.group(2) or "")}
        yield name, matchers


def filled_in(expression):
    """Values in place of Grafana's variables, so that PromQL's parser can read it."""
    expression = re.sub(r"\$\{?__(rate_interval|interval|range)\}?|\[\s*\$\{?\w+\}?", hold_place, expression)
    return re.sub(r"\$\{?\w+(:\w+)?\}?", "1", expression)


def hold_place(match):
    return "[5m" if match.group().startswith("[") else "5m"


def datasource(board):
    sources = variables(board, "datasource")
    if not sources:
        return ["no variable for the data source"]
    names = {"datasource", "prometheus_datasource"}
    labels = {"Data source", "Prometheus data source"}
    return [v["name"] for v in sources if v["name"] not in names or v.get("label") not in labels]


def label_variable(name):
    def rule(board):
        found = [v for v in variables(board, "query") if v["name"] == name]
        if not found:
            return [f"no variable {name}"]
        (v,) = found
        good = (
            v.get("label") == name.title() and v.get("multi") and v.get("allValue") == ".+" and is_templated(v, board)
        )
        return [] if good else [f"label, multi, allValue or data source of {name}"]

    return rule


def query_of(variable):
    query = variable.get("query", "")
    return query.get("query", "") if isinstance(query, dict) else query


def variable_queries(board):
    function = re.compile(r"^(label_names|label_values|metrics|query_result)\((.+)\)$")
    return [v["name"] for v in variables(board, "query") if not function.match(query_of(v))]


def variable_refresh(board):
    return [v["name"] for v in variables(board, "query") if v.get("refresh") != 2]


def checked(board):
    return [panel for panel in panels(board) if panel["type"] in CHECKED]


def panel_datasource(board):
    return [panel["title"] for panel in checked(board) if not is_templated(panel, board)]


def panel_title(board):
    return [panel.get("title") for panel in checked(board) if not panel.get("title") or not panel.get("description")]


def panel_units(board):
    units = ((p["title"], p.get("fieldConfig", {}).get("defaults", {}).get("unit")) for p in checked(board))
    return [title for title, unit in units if unit not in UNITS]


def panel_targets(board):
    return [panel["title"] for panel in checked(board) if not panel.get("targets")]


def target_promql(board):
    rules = [{"record": "r:r", "expr": filled_in(expression)} for _, expression in targets(board)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        # JSON is YAML. A rule per group, because a group may not repeat a rule.
        groups = [{"name": str(number), "rules": [rule]} for number, rule in enumerate(rules)]
        json.dump({"groups": groups}, file)
        file.flush()
        promtool = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
    return [line for line in promtool.stderr.splitlines() if "could not parse expression" in line]


def target_rate_interval(board):
    rate = re.compile(r"\bi?rate\s*\([^\[\]]*\[([^\]]*)\]")
    plain = ((expression, STRING.sub('""', expression)) for _, expression in targets(board))
    found = ((expression, interval) for expression, text in plain for interval in rate.findall(text))
    return [expression for expression, interval in found if interval not in {"$__rate_interval", "${__rate_interval}"}]


def target_matcher(label):
    def rule(board):
        wanted = ("=~", f"${label}")
        return [e for _, e in targets(board) if any(m.get(label) != wanted for _, m in selectors(e))]

    return rule


def target_counters(board):
    counter = re.compile(r"\b(?:i?rate|increase)\s*\(\s*$")
    missed = []
    for _, expression in targets(board):
        for match in re.finditer(r"\b\w+_total\b", STRING.sub('""', GROUPING.sub(" ", expression))):
            before = STRING.sub('""', GROUPING.sub(" ", expression))[: match.start()]
            missed += [] if counter.search(before) else [expression]
    return missed


def uneditable(board):
    return ["editable"] if board.get("editable", True) else []


RULES = {
    "template-datasource-rule": datasource,
    "template-job-rule": label_variable("job"),
    "template-instance-rule": label_variable("instance"),
    "template-label-promql-rule": variable_queries,
    "template-on-time-change-reload-rule": variable_refresh,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": panel_title,
    "panel-units-rule": panel_units,
    "panel-no-targets-rule": panel_targets,
    "target-promql-rule": target_promql,
    "target-rate-interval-rule": target_rate_interval,
    "target-job-rule": target_matcher("job"),
    "target-instance-rule": target_matcher("instance"),
    "target-counter-agg-rule": target_counters,
    "uneditable-dashboard-rule": uneditable,
}


def lint(board):
    """Rule: what breaks it."""
    return {name: rule(board) for name, rule in RULES.items()}


def main(files):
    for file in files:
        with open(file) as text:
            broken = lint(json.load(text))
        passed = [name for name, faults in broken.items() if not faults]
        failed = ", ".join(f"{name} ({len(faults)})" for name, faults in broken.items() if faults)
        print(f"{len(passed)} of {len(RULES)} rules  {file}  {failed}")


if __name__ == "__main__":
    main(sys.argv[1:])
