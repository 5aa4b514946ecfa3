"""The YAML that we hand out, in files and in the documentation, read by validators of its readers."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from textwrap import dedent

import jsonschema
import kubernetes_validate
import yaml

from observability import BOARDS, FOLDER, ROOT, rule_files
from operator_schema import SCHEMAS

KUBERNETES = "1.37"

YAMLLINT = "{extends: relaxed, rules: {line-length: disable, indentation: disable}}"

# Settings of Prometheus 3 that the promtool of Debian does not have.
NEWER = {"scrape_native_histograms", "always_scrape_classic_histograms"}

ROLES = {"node", "service", "pod", "endpoints", "endpointslice", "ingress"}

# Blocks within lists are indented.
BLOCK = re.compile(r"^ *```(yaml|sh)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def check(report):
    files = sorted(FOLDER.glob("*.yml"))
    ran(report, f"yamllint: {len(files)} files", ["yamllint", "--strict", "-d", YAMLLINT, *files])
    compose = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec", FOLDER / "compose.yml"]
    ran(report, "check-jsonschema: compose.yml is a compose file", compose)
    services = yaml.safe_load((FOLDER / "compose.yml").read_text())["services"].values()
    mounted = {volume.split(":")[0].removeprefix("./") for service in services for volume in service["volumes"]}
    wanted = {"prometheus.yml", *rule_files(), *BOARDS}
    report.same("compose.yml mounts the configuration, its rules and the dashboards", mounted, wanted)
    for page in sorted((ROOT / "docs").glob("*.md")):
        for number, block in enumerate(blocks(page, "yaml"), 1):
            check_block(report, f"{page.name}, YAML {number}", block)
    check_rules_resource(report)


def ran(report, what, command):
    # The modules of this virtual environment, whether it is activated or not.
    module = subprocess.run([sys.executable, "-m", *map(str, command)], capture_output=True, text=True)
    report.check(what, module.returncode == 0, module.stdout + module.stderr)


def blocks(page, language):
    return [dedent(text) for found, text in BLOCK.findall(page.read_text()) if found == language]


def check_block(report, what, block):
    for document in yaml.safe_load_all(block):
        if isinstance(document, list):
            rules = {"groups": [{"name": "documented", "rules": document}]}
            promtool(report, f"{what}: rules", ["check", "rules"], rules)
        elif "groups" in document:
            promtool(report, f"{what}: rules", ["check", "rules"], document)
        elif document.keys() & {"scrape_configs", "remote_write", "global"}:
            check_discovery(report, what, document.get("scrape_configs", []))
            promtool(report, f"{what}: a configuration of Prometheus", ["check", "config", "--syntax-only"], document)
        else:
            check_resource(report, what, document if "kind" in document else deployment(document))


def check_discovery(report, what, scrapes):
    """Debian's promtool is built without the discovery of Kubernetes, and is older: the rest is left to it."""
    for scrape in scrapes:
        for setting in NEWER & scrape.keys():
            report.check(f"{what}: {setting}", isinstance(scrape.pop(setting), bool))
        for discovery in scrape.pop("kubernetes_sd_configs", []):
            known = discovery.keys() <= {"role", "namespaces", "selectors"} and discovery["role"] in ROLES
            report.check(f"{what}: discovery of Kubernetes", known, discovery)


def promtool(report, what, command, document):
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "documented.yml"
        file.write_text(yaml.safe_dump(document))
        checked = subprocess.run(["promtool", *command, file], capture_output=True, text=True)
    report.check(what, checked.returncode == 0, checked.stdout + checked.stderr)


def deployment(part):
    """A whole deployment around a documented part: its `spec`, or fields of its container."""
    container = {"name": "notes", "image": "notes:1"} | {key: part[key] for key in part.keys() - {"spec"}}
    template = {"metadata": {"labels": {"app": "notes"}}} | part.get("spec", {}).get("template", {})
    spec = {"selector": {"matchLabels": {"app": "notes"}}, "template": template | {"spec": {"containers": [container]}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "notes"}, "spec": spec}


def check_resource(report, what, document):
    kind = document["kind"]
    try:
        if kind in SCHEMAS:
            jsonschema.validate(document, SCHEMAS[kind])
        else:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
        report.check(f"{what}: {kind}", True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        report.check(f"{what}: {kind}", False, error.message)


def check_rules_resource(report):
    """The documented command that turns the rule files into resources."""
    (command,) = [block for block in blocks(FOLDER / "README.md", "sh") if "PrometheusRule" in block]
    made = subprocess.run(["bash", "-ec", command], cwd=FOLDER, check=True, capture_output=True, text=True).stdout
    resources = list(yaml.safe_load_all(made))
    for resource in resources:
        check_resource(report, f"README.md, {resource['metadata']['name']}", resource)
    files = {name.removesuffix(".rules.yml"): yaml.safe_load((FOLDER / name).read_text()) for name in rule_files()}
    named = {resource["metadata"]["name"].removeprefix("actix-monitor-"): resource["spec"] for resource in resources}
    report.same("README.md: the resources have the rules of the files", named, files)
