"""The promtool cases as a table: `rule_cases.py` prints each situation, the alerts expected and whether they fired."""

import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from observability import FOLDER, RULE_TESTS

FIRING = 'count by (alertname, severity) (ALERTS{alertstate="firing"})'


def cases():
    """(situation, time, expected, fired) of each time at which a case lists all alerts."""
    jobs = [
        (FOLDER / name, test) for name in RULE_TESTS for test in yaml.safe_load((FOLDER / name).read_text())["tests"]
    ]
    with ThreadPoolExecutor(2) as pool:
        for rows in pool.map(lambda job: rows_of(*job), jobs):
            yield from rows


def rows_of(file, test):
    asked = [case for case in test["promql_expr_test"] if case["expr"] == FIRING]
    if not asked:
        return []
    fired = firing(file, test, asked)
    return [
        (test["name"], case["eval_time"], shown(case.get("exp_samples", [])), shown(fired[case["eval_time"]]))
        for case in asked
    ]


def firing(file, test, asked):
    """By time, what really fires: promtool prints it if it is not what is expected, and this is never expected."""
    whole = yaml.safe_load(file.read_text())
    never = [{"labels": '{alertname="never"}', "value": 1}]
    one = test | {"promql_expr_test": [case | {"exp_samples": never} for case in asked]}
    one.pop("alert_rule_test", None)
    # promtool reads the rule files relative to the file of the tests.
    whole["rule_files"] = [str(file.parent / name) for name in whole["rule_files"]]
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "one.test.yml"
        copy.write_text(yaml.safe_dump(whole | {"tests": [one]}))
        said = subprocess.run(["promtool", "test", "rules", copy], capture_output=True, text=True)
    got = re.findall(r"^\s+got: (.*)$", said.stdout + said.stderr, re.MULTILINE)
    if len(got) != len(asked):
        raise ValueError(f"{test['name']}: {said.stdout}{said.stderr}")
    return {case["eval_time"]: samples(line) for case, line in zip(asked, got)}


def samples(line):
    found = re.findall(r"(\{[^}]*\}) (\S+?)(?:,|$)", line)
    return [{"labels": labels, "value": float(value)} for labels, value in found]


def shown(alerts):
    def name(alert):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', alert["labels"]))
        times = f" × {alert['value']:g}" if alert["value"] != 1 else ""
        return f"{labels['alertname']} ({labels['severity']}){times}"

    return ", ".join(sorted(map(name, alerts))) or "none"


def main():
    print("| situation | after | expected alerts | fired |\n|---|---|---|---|")
    unequal = 0
    for row in cases():
        print("| " + " | ".join(row) + " |")
        unequal += row[2] != row[3]
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main())
