"""The files of example/observability, and a copy of them that points at the app under test."""

import json
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "example" / "observability"
QUERIES_PAGE = ROOT / "docs" / "queries.md"
MIGRATING_PAGE = ROOT / "docs" / "migrating.md"


def copy_for(target, directory, name="observability"):
    """The delivered configuration as it is, but for the target and the pace; its prometheus.yml."""
    folder = shutil.copytree(FOLDER, directory / name)
    config = folder / "prometheus.yml"
    text = config.read_text()
    for delivered, ours in [("127.0.0.1:8080", target), ("_interval: 15s", "_interval: 1s")]:
        if delivered not in text:
            raise ValueError(f"prometheus.yml has no {delivered!r} to put {ours!r} in the place of")
        text = text.replace(delivered, ours)
    config.write_text(text)
    return config


def with_native_rules(config):
    """The same for a Prometheus that stores native histograms, as native.rules.yml says at its top."""
    native = config.with_name("native.yml")
    rules = "  - recording.rules.yml"
    text = config.read_text()
    if rules not in text:
        raise ValueError(f"prometheus.yml has no {rules!r}")
    native.write_text(text.replace(rules, f"{rules}\n  - native.rules.yml"))
    return native


def dashboard():
    return json.loads((FOLDER / "dashboard.json").read_text())


def dashboard_queries():
    """(title, expression, instant) of every query that opening the dashboard asks."""
    board = dashboard()
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", target["expr"], target["instant"]
    for annotation in board["annotations"]["list"]:
        if "expr" in annotation:
            yield f"annotation {annotation['name']}", annotation["expr"], False


def dashboard_variables():
    """(name, metric selector, label) of each variable that is filled by a query."""
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = variable["definition"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
            yield variable["name"], selector, label


def documented_queries():
    """(question, query) of the tables in docs/queries.md."""
    for cells in table_cells(QUERIES_PAGE.read_text()):
        if len(cells) == 2 and cells[1].startswith("`"):
            yield cells[0], cells[1].strip("`")


def table_cells(text):
    """The cells of each line of a table. A `|` inside a cell is written `\\|`, or it would end the cell."""
    for line in text.splitlines():
        yield [cell.strip().replace("\0", "|") for cell in line.replace("\\|", "\0").strip("|").split("|")]


def fill_in(expression, variables):
    """The expression with Grafana's variables replaced, as Grafana does before it asks."""
    for name, value in variables.items():
        expression = expression.replace(f"${name}", value)
    if "$" in expression:
        raise ValueError(f"a variable nobody knows: {expression}")
    return expression
