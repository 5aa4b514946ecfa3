"""The delivered files, before anything runs: promtool, the linter and the validators find nothing wrong."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

from dashboard_linter import RULES, lint
from observability import BOARDS, FOLDER, MIGRATING_PAGE, ROOT, RULE_TESTS, board, table_cells
from rule_cases import cases

RUNBOOK = "https://github.com/labbsr0x/actix-monitor/blob/main/docs/runbook.md#"

# The cases that the alerts were once wrong about.
NAMED = {
    "10 % wrong passwords (401)",
    "/checkout fails completely with 500 at 4 % of the traffic",
    "a 2 % leak of 500s for six hours",
    "another exporter does not respond (up == 0)",
    "the example under its own traffic, which fails and is slow on purpose",
    "a scanner's 404s at a file server at the root",
}


def check(report, directory):
    rule_files = sorted(file.name for file in FOLDER.glob("*.rules.yml"))
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["check", "config", "--agent", "agent.yml"],
        ["check", "rules", *rule_files],
        *(["test", "rules", file] for file in RULE_TESTS),
    ]:
        promtool(report, arguments, FOLDER)
    check_alerts(report)
    check_cases(report)
    for name in BOARDS:
        check_board(report, name)
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
    for rules in FOLDER.glob("*.rules.yml"):
        shutil.copy(rules, directory)
    for tests in RULE_TESTS:
        times = write_with_tenants(tests, directory)
        promtool(report, ["test", "rules", tests], directory, f", with {times} series of a second tenant")


def write_with_tenants(tests, directory):
    labelled = SERIES.sub(with_tenants, (FOLDER / tests).read_text())
    # The rules that keep every label keep this one, so their tests add the tenants up.
    labelled = re.sub(r"expr: ((?:request|response|dependency_request)\w+:irate)$", SUMMED, labelled, flags=re.M)
    labelled = re.sub(r"labels: '\w+:irate\{", "labels: '{", labelled)
    (directory / tests).write_text(labelled)
    return labelled.count('tenant="b"')


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


def check_alerts(report):
    groups = yaml.safe_load((FOLDER / "alerts.rules.yml").read_text())["groups"]
    alerts = [rule for group in groups for rule in group["rules"]]
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    report.same("docs/runbook.md has a section for each alert", set(headings), {rule["alert"] for rule in alerts})
    for rule in alerts:
        name, notes = rule["alert"], rule["annotations"]
        good = rule["labels"]["severity"] in {"page", "ticket"} and notes.keys() == {
            "summary",
            "description",
            "runbook_url",
        }
        report.check(f"{name} has a severity, a summary, a description and a runbook", good, rule)
        report.same(f"{name}: the link into the runbook", notes["runbook_url"], RUNBOOK + name.lower())


def check_cases(report):
    rows = list(cases())
    report.check(f"each of the {len(rows)} cases fires what it should", all(row[2] == row[3] for row in rows))
    report.check("the cases of former false and missed alerts are among them", {row[0] for row in rows} >= NAMED)
    fired = " ".join(row[3] for row in rows)
    groups = yaml.safe_load((FOLDER / "alerts.rules.yml").read_text())["groups"]
    silent = [rule["alert"] for group in groups for rule in group["rules"] if f"{rule['alert']} (" not in fired]
    report.same("each alert fires in a case", silent, [])
    report.table("Cases of the alerts", ["situation", "after", "expected alerts", "fired"], rows)


def check_board(report, name):
    dashboard = board(name)
    report.check(f"{name} has a current schema", dashboard["schemaVersion"] >= 39, dashboard["schemaVersion"])
    ids = [panel["id"] for panel in dashboard["panels"]]
    report.check(f"{name}: each panel has an id of its own", len(ids) == len(set(ids)), ids)
    report.same(f"{name}: no two panels overlap", overlaps(dashboard["panels"]), [])
    bare = [panel["title"] for panel in dashboard["panels"] if panel["type"] != "row" and not panel["description"]]
    report.same(f"{name}: each panel has a description", bare, [])
    broken = {rule: faults for rule, faults in lint(dashboard).items() if faults}
    report.same(f"{name} passes {len(RULES)} rules of Grafana's dashboard linter", broken, {})


def overlaps(panels):
    taken, twice = {}, []
    for panel in panels:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if taken.setdefault((x, y), panel["title"]) != panel["title"]:
                    twice.append((panel["title"], taken[x, y]))
    return twice
