"""A restart of the app is a counter reset, and increase() is right across it."""

import math
import time

from wait import until

# More before than after: a counter that has overtaken its old value shows no reset, to any store.
BEFORE, AFTER_AT_ONCE, AFTER = 40, 7, 5

# Over so many seconds increase() is looked at: the longer, the less Prometheus has to stretch.
SAMPLES = 25

# Less than what a graceful stop waits for open connections, or a check for its timeout and more.
AT_ONCE = 5.0

# Times of day as floats are exact to a quarter of a microsecond, their differences no more than that.
ROUNDING = 1e-4

SELECTOR = 'request_seconds_count{addr="/"}'


def check(report, app, stores, send):
    """`send(n)` sends n requests for / and returns when the last was answered."""
    started = {store.name: present(store) for store in stores}
    settle(stores, send(BEFORE))
    code, seconds = restart(app, stores)
    report.same("SIGTERM ends the example with exit code 0", code, 0)
    report.check(f"SIGTERM ends it at once ({seconds:.1f} s), checks or not", seconds < AT_ONCE)
    settle(stores, send(AFTER_AT_ONCE))
    settle(stores, send(AFTER))
    for store in stores:
        since, _ = started[store.name]
        until(f"{SAMPLES} samples in {store.name}", 2 * SAMPLES, lambda: len(samples_since(store, since)) >= SAMPLES)
        check_store(report, store, since)


def restart(app, stores, **how):
    """Stops the app and starts it again when every store has seen it down. Its exit code, and how long it took to end.

    One that has not would send its next scrape over the connection that it has kept to the former process.
    """
    begun = time.monotonic()
    code = app.stop()
    seconds = time.monotonic() - begun
    for store in stores:
        until(f"{store.name} sees the app down", 15, lambda: [s for s in store.query("up") if s.points[-1][1] == 0])
    app.start(**how)
    app.wait_until_ready()
    return code, seconds


def settle(stores, moment):
    for store in stores:
        store.wait_for_scrape_after(moment)


def present(store):
    """The last sample of the counter: when it was scraped, and what it said."""
    return samples_since(store, 0)[-1]


def samples_since(store, moment):
    (series,) = store.query(f"{SELECTOR}[2m]")
    # VictoriaMetrics shows the marks of a series' end too, as samples that are no number.
    return [(at, value) for at, value in series.points if at >= moment and math.isfinite(value)]


def check_store(report, store, started):
    sent = BEFORE + AFTER_AT_ONCE + AFTER
    points = samples_since(store, started)
    now = time.time()
    window = math.ceil(now - started)
    report.same(f"{store.name}: the raw samples add up to {sent} across the restart", raw_increase(points), float(sent))

    (resets,) = store.query(f"resets({SELECTOR}[{window}s])", time=now)
    report.same(f"{store.name}: resets() sees one restart", resets.points[0][1], 1.0)

    (increase,) = store.query(f"increase({SELECTOR}[{window}s])", time=now)
    got = increase.points[0][1]
    # Prometheus stretches what it saw between the first and the last sample to the whole window.
    stretch = window / (points[-1][0] - points[0][0])
    report.check(
        f"{store.name}: increase() over {window} s across the restart is {got:.2f} for {sent} sent",
        sent - ROUNDING <= got <= sent * stretch + ROUNDING,
        f"between {sent} and {sent * stretch}; samples {points}",
    )


def raw_increase(points):
    values = [value for _, value in points]
    return sum(new - old if new >= old else new for old, new in zip(values, values[1:]))
