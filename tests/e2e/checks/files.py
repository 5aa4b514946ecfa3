"""The delivered files, before anything runs: promtool has nothing to say against them."""

import subprocess

from observability import FOLDER, dashboard


def check(report):
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "recording.rules.yml", "alerts.rules.yml"],
        ["test", "rules", "rules.test.yml"],
    ]:
        promtool = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True)
        report.check(f"promtool {' '.join(arguments)}", promtool.returncode == 0, promtool.stdout + promtool.stderr)
    check_dashboard(report, dashboard())


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
