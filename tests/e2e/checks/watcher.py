"""Ten dependencies: an outage of one shows in time and does not affect the others."""

import contextlib
import time

from process import started
from redis_server import Redis
from watcher import BLOCKER, CHECK_EVERY, CHECK_TIMEOUT, STEADY, Watcher

# What it takes us to look at the page.
POLLING = 0.3

BOUND = CHECK_EVERY + CHECK_TIMEOUT + POLLING

# By how many seconds a check may come late.
LATE = 0.25

# Seconds that an outage, and the time after it, last: so that each begins at another moment of the period.
PAUSES = [0.05, 0.25, 0.45, 0.65, 0.85]

# Longer than period and timeout together; looked at for several blocks and the rests between them.
BLOCKED_MILLIS = 3000
LOOK = 10.0

# Less than what is left of a block in its first second.
AT_ONCE = 2.0


def check_redis(report, binary, directory):
    with contextlib.ExitStack() as running:
        redis, watcher = start(binary, 0, directory, running)
        killed = outages(watcher, "killed", redis.kill, "started again", redis.restart)
        frozen = outages(watcher, "stopped (SIGSTOP)", redis.freeze, "continued", redis.thaw)
        check_delays(report, killed | frozen)
        number = 2 * len(PAUSES)
        report.same(f"the page tells of {number} outages of the Redis", watcher.seen["redis"], [1, 0] * number + [1])
        check_up(report, watcher, STEADY | {BLOCKER})
        lateness = check_punctual(report, watcher)
        check_end(report, watcher, "SIGTERM ends the service")
    show_delays(report, "A Redis taken down and brought up again", killed | frozen)
    show_states(report, f"The ten dependencies through {number} outages of the Redis", watcher.seen, lateness)


def check_blocked(report, binary, directory):
    with contextlib.ExitStack() as running:
        redis, watcher = start(binary, BLOCKED_MILLIS, directory, running)
        watcher.watch(1)
        watcher.forget()
        watcher.watch(LOOK)
        report.same(f"the page says nothing of the {BLOCKER} but that it is down", watcher.seen.get(BLOCKER), [0])
        check_up(report, watcher, STEADY | {"redis"})
        seen = watcher.seen
        watcher.forget()
        killed = outages(watcher, "killed", redis.kill, "started again", redis.restart)
        check_delays(report, killed)
        check_up(report, watcher, STEADY)
        lateness = check_punctual(report, watcher)
        check_end(report, watcher, "SIGTERM ends the service")
        _, watcher = start(binary, BLOCKED_MILLIS, directory, running)
        check_end(report, watcher, "SIGTERM ends the service in the middle of its first block")
    blocks = f"while the {BLOCKER} holds its thread for {BLOCKED_MILLIS} ms at a time"
    show_states(report, f"The ten dependencies {blocks}, for {LOOK:g} s", seen, lateness)
    show_delays(report, f"A Redis taken down and brought up again {blocks}", killed)


def start(binary, blocked_millis, directory, running):
    redis = started(Redis(directory), running)
    return redis, started(Watcher(binary, redis.port, blocked_millis, directory), running)


def outages(watcher, fall, take_down, rise, bring_up):
    """How many seconds each fall and each rise took to show on the page."""
    delays = {fall: [], rise: []}
    for pause in PAUSES:
        for what, act, up in [(fall, take_down, 0), (rise, bring_up, 1)]:
            watcher.watch(pause)
            act()
            happened = time.monotonic()
            delays[what].append(watcher.follows("redis", up) - happened)
    return delays


def check_delays(report, delays):
    for what, seconds in delays.items():
        shown = " ".join(f"{one:.2f}" for one in seconds)
        report.check(f"the Redis {what}: the page follows within {BOUND:g} s ({shown})", max(seconds) <= BOUND)


def check_up(report, watcher, names):
    down = {name: watcher.seen.get(name) for name in names if watcher.seen.get(name) != [1]}
    report.same(f"{len(names)} others stay up, on each of {watcher.pages} pages", down, {})


def check_punctual(report, watcher):
    """The longest lateness of each steady check."""
    lateness = watcher.lateness()
    report.same("each steady check tells how late it came", set(lateness), STEADY)
    longest = max(lateness.values())
    report.check(f"no steady check came late by more than {LATE:g} s ({longest:.3f} s)", longest <= LATE, lateness)
    return lateness


def check_end(report, watcher, what):
    begun = time.monotonic()
    code = watcher.stop()
    seconds = time.monotonic() - begun
    report.check(
        f"{what} with exit code 0 within {AT_ONCE:g} s ({seconds:.2f} s)", code == 0 and seconds < AT_ONCE, code
    )


def show_delays(report, title, delays):
    head = ["the Redis is", *(f"#{number + 1}" for number in range(len(PAUSES))), "longest"]
    rows = [[what, *(f"{one:.2f}" for one in [*seconds, max(seconds)])] for what, seconds in delays.items()]
    report.table(f"{title}: seconds until the page follows (bound {BOUND:g})", head, rows)


def show_states(report, title, seen, lateness):
    late = {name: f"{seconds * 1000:.1f}" for name, seconds in lateness.items()}
    rows = [[name, in_words(seen[name]), late.get(name, "not measured")] for name in sorted(seen)]
    report.table(title, ["dependency", "on the page", "longest lateness of a check since the start, ms"], rows)


def in_words(states):
    throughout = {(0,): "down throughout", (1,): "up throughout"}
    return throughout.get(tuple(states), f"{states.count(0)} times down and up again")
