"""The delivered files, before anything runs: promtool has nothing to say against them."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from observability import FOLDER, MIGRATING_PAGE, dashboard, table_cells

RULES = ["recording.rules.yml", "alerts.rules.yml"]


def check(report, directory):
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", *RULES, "native.rules.yml"],
        ["test", "rules", "rules.test.yml"],
    ]:
        promtool(report, arguments, FOLDER)
    check_dashboard(report, dashboard())
    check_own_labels(report, directory)
    with tempfile.TemporaryDirectory(prefix="actix-monitor-e2e-") as folder:
        check_migrating(report, Path(folder))


def promtool(report, arguments, folder, what=""):
    run = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True)
    report.check(f"promtool {' '.join(arguments)}{what}", run.returncode == 0, run.stdout + run.stderr)


def check_migrating(report, folder):
    """The configurations in docs/migrating.md are valid; its queries have the same results as before."""
    text = MIGRATING_PAGE.read_text()
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
        (folder / f"block{number}.yml").write_text(block)
        kind = "config" if block.startswith("scrape_configs") else "rules"
        promtool(report, ["check", kind, f"block{number}.yml"], folder)
    table = text.partition("| before | after |\n|---|---|\n")[2].partition("\n\n")[0]
    [both] = re.findall(r"```text\n(sum by.*?)```", text, re.DOTALL)
    rules = [{"record": "both", "expr": both}]
    for number, queries in enumerate(table_cells(table), 1):
        for name, query in zip(["before", "after"], queries):
            rules.append({"record": f"{name}:{number}", "expr": query.strip("`")})
    groups = {"groups": [{"name": "migrating", "rules": rules}]}
    (folder / "migrating.rules.yml").write_text(json.dumps(groups))
    shutil.copy(Path(__file__).parents[1] / "migrating.test.yml", folder)
    promtool(report, ["test", "rules", "migrating.test.yml"], folder)


def check_own_labels(report, directory):
    """The same tests with the same results, although each series has one with another tenant beside it."""
    directory = directory / "rules"
    directory.mkdir()
    for rules in RULES:
        shutil.copy(FOLDER / rules, directory)
    tests = (FOLDER / "rules.test.yml").read_text()
    labelled = SERIES.sub(with_tenants, tests)
    # The rules that keep every label keep this one, so their tests add the tenants up.
    labelled = re.sub(r"expr: ((?:request|response|dependency_request)\w+:irate)$", SUMMED, labelled, flags=re.M)
    labelled = re.sub(r"labels: '\w+:irate\{", "labels: '{", labelled)
    (directory / "rules.test.yml").write_text(labelled)
    times = labelled.count('tenant="b"')
    promtool(report, ["test", "rules", "rules.test.yml"], directory, f", with {times} series of a second tenant")


SERIES = re.compile(
    r"( +- series: '(?:request|response|dependency_request)_\w+\{[^']*)\}'\n( +values: )'([^']*)'\n",
)

SUMMED = r"expr: sum without (tenant) (\1)"


def with_tenants(found):
    """The series of a tenant, and that of another one who is there as long and sends nothing."""
    series, key, values = found.groups()
    silent = " ".join(re.sub(r"^[-\d.]+(?:[+-][\d.]+)?(?=x|$)", "0", step) for step in values.split())
    pairs = [("a", values), ("b", silent)]
    return "".join(f"{series}, tenant=\"{tenant}\"}}'\n{key}'{steps}'\n" for tenant, steps in pairs)


def check_dashboard(report, board):
    report.check("dashboard.json has a current schema", board["schemaVersion"] >= 39, board["schemaVersion"])
    names = {variable["name"] for variable in board["templating"]["list"]}
    report.check("dashboard.json has variables for instance and addr", {"instance", "addr"} <= names, names)
    ids = [panel["id"] for panel in board["panels"]]
    report.check("dashboard.json: each panel has an id of its own", len(ids) == len(set(ids)), ids)
    report.same("dashboard.json: no two panels overlap", overlaps(board["panels"]), [])


def overlaps(panels):
    taken, twice = {}, []
    for panel in panels:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if taken.setdefault((x, y), panel["title"]) != panel["title"]:
                    twice.append((panel["title"], taken[x, y]))
    return twice
