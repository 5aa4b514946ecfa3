"""Agent mode and remote write: many instances of one service, half of them restarted under load."""

import contextlib
import math
import time
from collections import Counter

import yaml

from checks import queries
from checks.restart import raw_increase
from fleet import Load, instances
from observability import EVERYTHING, FOLDER, copy_for, rule_files
from process import started
from stores import Agent, Evaluator, VictoriaMetrics
from wait import until

INSTANCES = 50

# Instances are restarted in waves, as a roll-out does it.
WAVES, WAVE = 5, 5

JOB = "orders"

# Seconds of load before the first restart and after the last.
STEADY = 10


def check(report, binary, directory):
    directory = directory / "fleet"
    directory.mkdir()
    with contextlib.ExitStack() as running:
        fleet = instances(binary, INSTANCES, directory)
        for instance in fleet:
            instance.start()
            running.callback(instance.stop)
        for instance in fleet:
            instance.wait_until_ready()
        victoria = started(VictoriaMetrics(None, directory), running)
        config = copy_for({JOB: [one.target for one in fleet]}, directory, "agent.yml", victoria.url)
        agent = started(Agent(config, directory), running)
        evaluator = started(Evaluator([FOLDER / name for name in rule_files()], victoria, directory), running)
        since = time.time()
        load = started(Load(fleet), running)
        until("the load is in the store", 60, lambda: len(totals(victoria, since)) >= INSTANCES)
        wait(victoria, STEADY)
        for number in range(WAVES):
            roll_out(load, fleet[number * WAVE : (number + 1) * WAVE], victoria, since)
        wait(victoria, STEADY)
        queries.check_boards(report, victoria, since, EVERYTHING | {"job": JOB})
        check_rules(report, victoria, evaluator)
        load.stop()
        check_totals(report, victoria, load, since)
        check_versions(report, victoria)
        show_figures(report, victoria, agent)


def wait(store, seconds):
    end = time.time() + seconds
    store.wait_for_scrape_after(end, seconds + 30)


def roll_out(load, wave, store, since):
    """As an orchestrator does it: no requests any more, a last scrape, SIGTERM, a new version, requests again.

    What is recorded after the last scrape of a process is lost, whatever the store.
    """
    load.take_out(wave)
    targets = {instance.target for instance in wave}
    settled(store, load, targets, since)
    for instance in wave:
        instance.stop()
        instance.start("v2")
    for instance in wave:
        instance.wait_until_ready()
    load.put_in(wave)


def sent_to(load, targets):
    return Counter({key: number for key, number in load.sent.items() if key[0] in targets})


def settled(store, load, targets, since):
    sent = sent_to(load, targets)
    until(
        "the store has every request",
        60,
        lambda: totals(store, since, "|".join(targets)) == sent,
    )


def totals(store, since, instance=".+"):
    """(instance, status): the sum of all increases of its samples, from zero on."""
    found = Counter()
    seconds = math.ceil(time.time() - since) + 5
    for series in store.query(f'request_seconds_count{{job="{JOB}", instance=~"{instance}"}}[{seconds}s]'):
        points = [point for point in series.points if math.isfinite(point[1])]
        if points:
            total = points[0][1] + raw_increase(points)
            found[series.labels["instance"], series.labels["status"]] += total
    return found


def check_totals(report, store, load, since):
    settled(store, load, {instance.target for instance in load.instances}, since)
    number = sum(load.sent.values())
    what = f"{store.name}: {number} requests to {INSTANCES} instances, {WAVES * WAVE} of them restarted, are all there"
    report.same(what, totals(store, since), load.sent)


def check_versions(report, store):
    found = {s.labels["version"]: s.points[-1][1] for s in store.query("count by (version) (application_info)")}
    restarted = float(WAVES * WAVE)
    report.same(f"{store.name}: instances by version", found, {"v1": INSTANCES - restarted, "v2": restarted})
    # Rounded as in the alert. changes() of MetricsQL counts the first sample of a series as well.
    start = "round(process_start_time_seconds + 0.005)[10m:1s]"
    (series,) = store.query(f"sum(changes_prometheus({start}))")
    report.same(f"{store.name}: restarts", series.points[-1][1], restarted)


def check_rules(report, store, evaluator):
    unwell = [(rule["name"], rule["lastError"]) for rule in evaluator.rules() if rule["lastError"]]
    report.same(f"vmalert evaluates all {len(evaluator.rules())} rules without an error", unwell, [])
    recorded = []
    for name in rule_files():
        groups = yaml.safe_load((FOLDER / name).read_text())["groups"]
        recorded += [rule["record"] for group in groups for rule in group["rules"] if "record" in rule]
    asker = queries.Asker(report, store, 0, 90)
    for name in sorted(set(recorded)):
        asker.instant(f"recording rule {name}", f"last_over_time({name}[1m])")


def show_figures(report, store, agent):
    sent = agent.metric("prometheus_remote_storage_samples_total")
    wire = agent.metric("prometheus_remote_storage_bytes_total")
    failed = agent.metric("prometheus_remote_storage_samples_failed_total")
    seconds = time.time() - agent.started
    series = agent.metric("prometheus_agent_active_series")
    report.same("the agent could send every sample", failed, 0.0)
    store.flush()
    disk, rows = store.disk_bytes(), store.metric("vm_rows_inserted_total")
    rows_of_series = [
        ["instances", INSTANCES],
        ["active series, those of the scrapes themselves included", f"{series:.0f}"],
        ["series for each instance", f"{series / INSTANCES:.0f}"],
        ["samples per second, with a scrape each second", f"{sent / seconds:.0f}"],
        ["bytes on the wire for each sample (snappy)", f"{wire / sent:.1f}"],
        ["bytes on the disk of VictoriaMetrics for each sample, index included", f"{disk / rows:.1f}"],
        ["bytes on that disk for each active series after this run", f"{disk / series:.0f}"],
        ["memory of the agent for each active series, in kB", f"{agent.resident() / series / 1000:.1f}"],
        ["memory of VictoriaMetrics for each active series, in kB", f"{store.resident() / series / 1000:.1f}"],
    ]
    report.table(
        f"{INSTANCES} instances into one VictoriaMetrics through Prometheus in agent mode",
        ["figure", "value"],
        rows_of_series,
    )
