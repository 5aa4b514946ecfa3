"""A scrape never fails while the app is up, and takes the whole page."""

import time

from checks.page import sample_lines
from stores import SCRAPE_INTERVAL
from wait import until


# At least so many in the last life of the app, the one under traffic.
UNDER_TRAFFIC = 30


def check(report, store, app):
    since = app.up[-1][0]
    until(f"{UNDER_TRAFFIC} scrapes by {store.name}", 2 * UNDER_TRAFFIC, lambda: scrapes(store, since) >= UNDER_TRAFFIC)
    points = sorted(point for series in store.query("up[1h]") for point in series.points)
    # A scrape begun less than its timeout before the stop may be cut by it.
    lives = [(since, end - SCRAPE_INTERVAL if end else time.time()) for since, end in app.up]
    within = [(at, value) for at, value in points if any(since <= at <= end for since, end in lives)]
    failed = [at for at, value in within if value != 1]
    what = f"{store.name}: none of {len(within)} scrapes of the app while it was up failed"
    report.check(what, within and not failed, f"failed at {failed}; the app was up {lives}")
    gap = max(late - early for (early, _), (late, _) in zip(points, points[1:]))
    what = f"{store.name}: no scrape was left out (longest pause {gap:.1f} s)"
    report.check(what, gap < 2.5 * SCRAPE_INTERVAL, points)


def scrapes(store, since):
    return sum(at >= since for series in store.query("up[1h]") for at, _ in series.points)


def check_whole_page(report, store, app):
    """Asked while no new series appear."""
    lines = sample_lines(app.page()[2])
    for name in ["scrape_samples_scraped", "scrape_samples_post_metric_relabeling"]:
        until(f"{lines} samples in {store.name}", 15, lambda: store.values(name).get(frozenset()) == lines)
        report.check(f"{store.name}: {name} is the page's number of samples ({lines})", True)
