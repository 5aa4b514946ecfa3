"""The dashboard in a real browser: what it shows is what was sent, whatever the labels are and the server does."""

import itertools
import json
import os
import pathlib
import statistics
import subprocess
from collections import Counter
from contextlib import ExitStack

from app import App
from checks.counts import PLAN
from browser import png_size
from dashboard import Dashboard, Steady, whole
from front import page_of, served
from process import started
from tab import opened_tab
from traffic import Traffic
from wait import until

# Label values as the page escapes them, each with what the dashboard has to show for it.
HOSTILE = {
    "/<script>document.title='hit'</script>": None,
    "/<img src=x onerror=document.title='hit'>": None,
    '/\\"quoted\\" and \'single\'': "/\"quoted\" and 'single'",
    "/back\\\\slash\\nand line": "/back\\slash\\u{a}and line",
    "/\u0001\u001b[31m": "/\\u{1}\\u{1b}[31m",
    "/\u202egnp.exe": "/\\u{202e}gnp.exe",
    "/\u05e9\u05dc\u05d5\u05dd": None,
    "/" + "x" * 119: None,
    "__proto__": None,
    "&amp;&lt;{{x}}${y}": None,
}

LABEL_SETS = [1, 2000]

WITHIN = 0.05


def check(report, binary, directory, axe):
    directory = directory / "dashboard"
    directory.mkdir()
    check_parts(report)
    with ExitStack() as running:
        app = started(App(binary, directory), running)
        tab = running.enter_context(opened_tab(directory))
        tab.resize(1400, 1000)
        page = Dashboard(tab)
        check_counts(report, app, page)
        check_controls(report, page)
        check_rates(report, app, page)
        check_dependency(report, app, page)
        check_restart(report, app, page)
        check_hostile(report, app, page)
        check_workers(report, app, page)
        check_front(report, app, page)
        check_sizes(report, app, page)
        check_start_page(report, app, page)
        check_pictures(report, app, page, directory, axe)
        report.same("nothing was thrown in the page, and its policy forbade nothing that it does", tab.errors, [])


def check_parts(report):
    tests = pathlib.Path(__file__).parent.parent / "dashboard.test.mjs"
    node = subprocess.run(["node", "--test", tests], capture_output=True, text=True)
    report.check("the parts of the dashboard that need no browser pass their tests", node.returncode == 0, node.stdout)


def check_counts(report, app, page):
    page.open(f"http://{app.target}/status")
    report.same("the dashboard is live", page.state(), "Live, every 2 s")
    report.same("before any request it counts none", page.requests(), 0)
    traffic = Traffic(app.target)
    note = json.loads(traffic.send("POST", "/api/notes", "/api/notes", 201, {"text": "of the dashboard"}))
    traffic.run(PLAN, id=str(note["id"]))
    routes, statuses = Counter(), Counter()
    for labels, count in traffic.counts.items():
        labels = dict(labels)
        routes[f"{labels['method']} {labels['addr']}"] += count
        statuses[labels["status"]] += count
    total = sum(routes.values())
    until("the dashboard has all requests", 20, lambda: page.requests() == total)
    rows = page.table("routes")
    report.same("each route has the requests that were sent", {name: whole(row["Requests"]) for name, row in rows.items()}, routes)
    report.same("each route has its total", {name: whole(row["Total"]) for name, row in rows.items()}, routes)
    found = {status: whole(row["Requests"]) for status, row in page.table("statuses").items()}
    report.same("each status has the requests that were sent", found, statuses)
    found = sum(whole(row["Requests"]) for row in page.table("distribution").values())
    report.same("the distribution of latencies has all requests", found, total)
    report.same("the version is shown", page.tab.text("#version"), "v0.1.0")
    slow = rows["GET /api/slow"]
    report.same("a percentile is shown as the bounds of its bucket", slow["p95"], "300 ms–1.5 s")
    report.check("the mean is exact", 400 <= float(slow["Mean"].removesuffix(" ms")) < 500, slow)
    share = f"{100 * sum(count for status, count in statuses.items() if status[0] == '4') / total:.1f} %"
    report.same("the fraction of 4xx is that of the requests", page.tile("Client errors, 4xx"), share)
    recorded = app.page()[2]
    report.check("no request of the page is recorded", "/status" not in recorded and "favicon" not in recorded, recorded)


def check_controls(report, page):
    tab = page.tab
    page.choose("routes", "GET /api/fail")
    report.same("a click on a route shows it", (tab.text("#scope"), page.requests()), ("GET /api/fail", 5))
    report.same("its errors are its own", page.tile("Server errors, 5xx"), "100 %")
    report.same("the focus moves to what is shown", tab.run("document.activeElement.id"), "scope")
    tab.press("Escape")
    report.same("Escape shows all routes again", tab.text("#scope"), "All routes")

    tab.run("document.querySelector('#routes .choose').focus()")
    first = tab.run("document.activeElement.textContent")
    tab.press("Enter")
    report.same("Enter on a route shows it", tab.text("#scope"), first)
    tab.press("Escape")

    tab.run("document.querySelector('.plot').focus()")
    before = tab.run("document.activeElement.ariaValueText")
    tab.press("Home")
    after = tab.run("document.activeElement.ariaValueText")
    report.check("the arrow keys read a chart aloud", before != after and "requests" in after, (before, after))

    tab.run("[...document.querySelectorAll('#routes thead button')].find(one => one.textContent === 'Total').click()")
    totals = [whole(row["Total"]) for row in page.table("routes").values()]
    report.same("a click on a head sorts by it", totals, sorted(totals, reverse=True))
    order = tab.run("document.querySelector('#routes [aria-sort]').textContent + document.querySelector('#routes [aria-sort]').ariaSort")
    report.same("the order is announced", order, "Totaldescending")
    filter_routes(tab, "post notes")
    report.same("the filter leaves what has all its words", list(page.table("routes")), ["POST /api/notes"])
    filter_routes(tab, "")

    tab.click("#pause")
    polls = page.polls()
    page.tab.run("new Promise(resolve => setTimeout(resolve, 3000))")
    report.same("paused, it asks for nothing", (page.state(), page.polls()), ("Paused", polls))
    tab.click("#pause")
    page.wait_for_polls(1)
    report.same("and goes on when it is resumed", page.state(), "Live, every 2 s")


def filter_routes(tab, text):
    tab.run(f"(one => {{ one.value = {json.dumps(text)}; one.dispatchEvent(new Event('input')); }})(document.querySelector('#filter'))")


def check_rates(report, app, page):
    send = sender(app)
    with Steady(send, 25) as steady:
        until("the traffic runs", 10, lambda: len(steady.sent) > 25)
        page.open(f"http://{app.target}/status", span=60)
        page.wait_for_polls(8)
        times = page.tab.run("performance.timeOrigin / 1000 + performance.getEntriesByName('render').at(-1).startTime / 1000")
        got, expected = page.rate(), steady.rate(times - 14, times)
        close(report, "requests per second", got, expected)
        page.choose("routes", "GET /")
        close(report, "requests per second of one route", page.rate(), expected)


def close(report, what, got, expected):
    off = abs(got - expected) / expected
    report.check(f"{what}: {got:.2f} for {expected:.2f} sent ({off:.1%} off)", off <= WITHIN)


def sender(app):
    traffic = Traffic(app.target)

    def send():
        try:
            traffic.send("GET", "/", "/", 200)
        except Exception as error:
            # After a restart the old connections are of no use.
            traffic.__init__(app.target)
            raise OSError from error

    return send


def check_dependency(report, app, page):
    page.open(f"http://{app.target}/status")
    page.tab.press("Escape")
    until("the database is up", 15, lambda: page.table("dependencies")["sqlite"]["State"] == "● up")
    app.admin("database", "down")
    until("the dashboard shows the database down", 15, lambda: page.table("dependencies")["sqlite"]["State"] == "▼ down")
    since = page.table("dependencies")["sqlite"]["Since"]
    report.check(f"since when is what the browser has seen ({since})", since in {f"{n} s" for n in range(16)}, since)
    app.admin("database", "up")
    until("the dashboard shows it up again", 15, lambda: page.table("dependencies")["sqlite"]["State"] == "● up")
    Traffic(app.target).send("GET", "/api/quote", "/api/quote", 200)
    until("a call is counted", 10, lambda: page.table("dependencies")["quotes"]["Calls"] == "1")
    page.choose("dependencies", "quotes")
    report.same("a dependency has charts of its own", (page.tab.text("#scope"), page.requests()), ("Calls to quotes", 1))
    page.tab.press("Escape")


def check_restart(report, app, page):
    """Down for some seconds, then another process on the same port: its counters begin at zero."""
    send = sender(app)
    page.open(f"http://{app.target}/status")
    for _ in range(40):
        send()
    until("40 requests are counted", 10, lambda: page.requests() == 40)
    app.stop()
    until("the dashboard shows it", 20, lambda: page.state().startswith("No answer since"))
    report.check("a server that is gone is announced", "cannot be reached" in page.state(), page.state())
    report.same("what was read before is still there", page.requests(), 40)
    app.start()
    app.wait_until_ready()
    app.page(path="/api/notes")
    for _ in range(50):
        try:
            send()
        except OSError:
            send()
    until("the requests of both processes are counted", 20, lambda: page.requests() == 40 + 51)
    report.check("counts are exact over a restart", True)
    report.same("it is live again", page.state(), "Live, every 2 s")
    events = page.tab.text("#events")
    report.check("the restart and the gap are named", "Restart at" in events and "No answer from" in events, events)
    report.same("the total is that of the new process", page.table("routes")["GET /"]["Total"], "50")
    numbers = json.dumps([page.tiles(), page.table("routes")])
    report.check("no figure is negative", '"-' not in numbers and "NaN" not in numbers, numbers)


def check_hostile(report, app, page):
    count = itertools.count(1)

    def metrics():
        number = next(count)
        return page_of([(addr, "200", number) for addr in HOSTILE])

    with served(app.target, metrics) as front:
        page.open(f"http://{front.address}")
        expected = {f"GET {shown or addr}" for addr, shown in HOSTILE.items()}
        report.same("hostile label values are shown as text", set(page.table("routes")), expected)
        for row in HOSTILE:
            page.choose("routes", f"GET {HOSTILE[row] or row}")
        page.wait_for_polls(1)
        elements = page.tab.run("document.querySelectorAll('main script, main img').length")
        report.same("none of them becomes markup or is executed", (elements, "hit" in page.tab.run("document.title")), (0, False))
        widest = page.tab.run("document.documentElement.scrollWidth <= innerWidth")
        report.check("the longest does not widen the page", widest)


def check_workers(report, app, page):
    """The metrics of workers are an option, which the example does not use."""
    count = itertools.count(1)

    def metrics():
        number = next(count)
        blocked = [("/slow", 3 * number, 6 * number), ("/slower", number, 4 * number)]
        lines = [
            f"workers_alive 4\nworker_busy_seconds_total {number}",
            *(f'worker_blocked_total{{method="GET",addr="{addr}"}} {times}' for addr, times, _ in blocked),
            *(f'worker_blocked_seconds_total{{method="GET",addr="{addr}"}} {seconds}' for addr, _, seconds in blocked),
            f'event_loop_delay_seconds_bucket{{le="0.01"}} {number}\nevent_loop_delay_seconds_bucket{{le="+Inf"}} {number}',
            f"event_loop_delay_seconds_sum {number / 1000}\nevent_loop_delay_seconds_count {number}",
        ]
        return page_of([("/slow", "200", number)]) + "\n".join([*lines, ""])

    with served(app.target, metrics) as front:
        page.open(f"http://{front.address}")
        page.wait_for_polls(2)
        report.same("workers are counted", page.tab.text("#workers-title"), "Workers: 4")
        rows = page.table("blocked")
        report.same("routes that block are sorted by their time", list(rows), ["GET /slow", "GET /slower"])
        report.same("and have a mean", [row["Mean"] for row in rows.values()], ["2.00 s", "4.00 s"])
        legend = page.tab.run("[...document.querySelectorAll('#workers-charts .legend')].map(one => one.innerText)")
        values = [value for text in legend for value in text.split()]
        report.check("their time and the delay of their loops are shown", "ms" in values and "%" in values, legend)
        report.same("none of that is shown twice", page.table("others"), {})


def check_front(report, app, page):
    """Below a prefix and behind authentication, as a proxy or a scope may put it."""
    with served(app.target, user="ops:secret") as front:
        page.open(f"http://ops:secret@{front.address}")
        page.wait_for_polls(2)
        report.same("behind authentication and below a prefix it is live", page.state(), "Live, every 2 s")
        report.check("it shows the example", "GET /" in page.table("routes"), page.table("routes"))
        paths = {path.split("=")[0] for path, _ in front.requests}
        report.same("it asks for nothing but itself", paths, {"/status", "/status?script", "/status?style", "/status?metrics"})
        loads = sum(number for (path, _), number in front.requests.items() if path.startswith("/status?s"))
        page.open(f"http://ops:secret@{front.address}")
        again = sum(number for (path, _), number in front.requests.items() if path.startswith("/status?s"))
        report.same("opened again, its script and style come from the cache", again, loads)
        front.refuses = True
        until("a login that ends is announced", 15, lambda: "401" in page.state())


def check_sizes(report, app, page):
    rows = []
    for sets in LABEL_SETS:
        count = itertools.count(1)

        def metrics(sets=sets, count=count):
            number = next(count) * 7
            return page_of([(f"/a/rather/usual/path/of/a/route/{n}/{{id}}", "200", number + n) for n in range(sets)])

        with served(app.target, metrics) as front:
            page.open(f"http://{front.address}")
            page.wait_for_polls(3)
            frames = page.frames(21)
            read, render = page.render_times()
            heap = page.tab.heap()
        report.check(f"{sets} label sets: the tab has {heap / 1e6:.1f} MB of objects (below 150 MB)", heap < 150e6)
        slow = statistics.median(read) + statistics.median(render)
        report.check(f"{sets} label sets: a poll takes {slow:.0f} ms (below 500 ms)", slow < 500)
        rows.append(
            [sets, *(f"{statistics.median(one):.1f}" for one in [read, render]), f"{statistics.median(frames):.1f}",
             f"{max(frames):.0f}", f"{heap / 1e6:.1f}"]
        )  # fmt: skip
    head = ["label sets", "read, ms", "show, ms", "frame, median, ms", "frame, longest, ms", "objects, MB"]
    report.table("The dashboard in a tab", head, rows)


def check_start_page(report, app, page):
    tab = page.tab
    tab.open(f"http://{app.target}/")
    inside = "document.querySelector('iframe').contentDocument"
    until("the start page shows the dashboard", 20, lambda: tab.run(f"{inside}?.querySelector('#state')?.textContent") == "Live, every 2 s")
    tab.click("button[formaction='/admin/quotes/down']")
    until("its button takes the quotes down", 10, lambda: tab.text("output") == "The quotes are down.")
    until("and the dashboard in it shows that", 15, lambda: "▼ down" in tab.run(f"{inside}.querySelector('#dependencies').textContent"))
    tab.click("button[formaction='/admin/quotes/up']")
    until("its button brings them up", 10, lambda: tab.text("output") == "The quotes are up.")
    report.check("the start page has the dashboard and working buttons", True)


def check_pictures(report, app, page, directory, axe):
    with Steady(sender(app), 20):
        page.open(f"http://{app.target}/status")
        page.wait_for_polls(5)
        for name, scheme, width in [("light", "light", 1400), ("dark", "dark", 1400), ("narrow", "light", 390)]:
            page.tab.prefer(scheme)
            page.tab.resize(width, 900)
            page.wait_for_polls(1)
            picture = pathlib.Path(os.environ.get("PICTURES", directory), f"dashboard-{name}.png")
            page.tab.picture(picture, is_whole=True)
            size = picture.stat().st_size
            report.check(f"{name}: the picture is not blank ({size} bytes)", size > 40_000 and png_size(picture)[0] == width)
            fits = page.tab.run("document.documentElement.scrollWidth <= innerWidth")
            report.check(f"{name}: the page needs no scrolling to the side", fits)
            check_accessibility(report, page, name, axe)
        page.choose("routes", "GET /")
        check_accessibility(report, page, "a route", axe)
        page.tab.resize(1400, 1000)


def check_accessibility(report, page, name, axe):
    page.tab.run(f"{axe.read_text()}; 0")
    violations = page.tab.run(
        "axe.run(document, {resultTypes: ['violations']}).then(({violations}) =>"
        " violations.map(({id, nodes}) => [id, nodes.map(node => node.html.slice(0, 150))]))"
    )
    report.same(f"{name}: axe finds no violation", violations, [])
