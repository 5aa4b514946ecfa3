"""The files of example/observability, and a copy of them that points at the app under test."""

import json
import shutil
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "example" / "observability"
QUERIES_PAGE = ROOT / "docs" / "queries.md"
MIGRATING_PAGE = ROOT / "docs" / "migrating.md"
BOARDS = ["dashboard.json", "overview.json"]
RULE_TESTS = ["rules.test.yml", "rules.days.test.yml"]

# What Grafana puts in place of its variables when everything is selected.
EVERYTHING = {"job": ".+", "instance": ".+", "addr": ".+", "__rate_interval": "15s", "__range": "15m"}


def copy_for(jobs, directory, name="prometheus.yml", remote=None):
    """The delivered configuration `name` as it is, but for its targets, its pace and the store it writes to.

    `jobs` are the targets of each job. Returns the path of the copy.
    """
    folder = shutil.copytree(FOLDER, directory / "observability", dirs_exist_ok=True)
    config = folder / name
    content = yaml.safe_load(config.read_text())
    (scrape,) = content["scrape_configs"]
    # The rules are many: at the pace of the scrapes they would take a processor.
    paces = {"scrape_interval": "1s", "evaluation_interval": "5s"}
    content["global"] |= {key: pace for key, pace in paces.items() if key in content["global"]}
    content["scrape_configs"] = [
        scrape | {"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in jobs.items()
    ]
    if remote:
        (write,) = content["remote_write"]
        write["url"] = f"{remote}/api/v1/write"
    config.write_text(yaml.safe_dump(content))
    return config


def rule_files():
    """The names of the rule files that the delivered configuration loads."""
    return yaml.safe_load((FOLDER / "prometheus.yml").read_text())["rule_files"]


def with_native_rules(config):
    """The same for a Prometheus that stores native histograms, as native.rules.yml says at its top."""
    native = config.with_name("native.yml")
    content = yaml.safe_load(config.read_text())
    content["rule_files"].append("native.rules.yml")
    native.write_text(yaml.safe_dump(content))
    return native


def board(name):
    return json.loads((FOLDER / name).read_text())


def board_queries(name):
    """(title, expression, instant) of every query that opening the dashboard asks."""
    dashboard = board(name)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", target["expr"], target["instant"]
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield f"annotation {annotation['name']}", annotation["expr"], False


def board_variables(name):
    """(name, metric selector, label) of each variable that is filled by a query."""
    for variable in board(name)["templating"]["list"]:
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
