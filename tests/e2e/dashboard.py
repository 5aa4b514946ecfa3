"""The dashboard in a tab: what it shows, as numbers."""

import json
import threading
import time

from wait import until

ROWS = """[...document.querySelectorAll('#%s tbody tr')].map(row => [...row.children].map(cell => cell.textContent))"""


class Dashboard:
    def __init__(self, tab):
        self.tab = tab

    def open(self, url, span=300):
        self.tab.open(url)
        self.tab.run(f"localStorage.setItem('actix-monitor span', '{span}')")
        self.tab.open(url)
        self.wait_for_page()
        return self

    def state(self):
        return self.tab.text("#state")

    def wait_for_page(self):
        until("the dashboard has read a page", 30, lambda: self.polls() > 0)

    def polls(self):
        """How many pages it has read."""
        return self.tab.run("performance.getEntriesByName('read').length")

    def wait_for_polls(self, number):
        seen = self.polls()
        until(f"{number} more polls", 60, lambda: self.polls() >= seen + number)

    def tile(self, label):
        return self.tiles()[label]

    def tiles(self):
        pairs = "[...document.querySelectorAll('#tiles .tile')].map(tile => [...tile.children].map(one => one.textContent))"
        return dict(self.tab.run(pairs))

    def requests(self):
        return whole(self.tile("Requests"))

    def rate(self):
        return float(self.tile("Requests/s").removesuffix("/s").replace(",", ""))

    def table(self, name):
        """The rows of a table by their first cell, each by the heads of its columns."""
        heads = self.tab.run(f"[...document.querySelectorAll('#{name} thead th')].map(head => head.textContent)")
        return {row[0]: dict(zip(heads, row)) for row in self.tab.run(ROWS % name)}

    def choose(self, name, first):
        self.tab.run(
            f"[...document.querySelectorAll('#{name} .choose')].find(one => one.textContent === {json.dumps(first)}).click()"
        )

    def frames(self, seconds):
        """The time between frames in milliseconds, for some seconds."""
        return self.tab.run(
            """new Promise(resolve => {
                const [times, end] = [[], performance.now() + %d];
                const next = time => { times.push(time); time < end ? requestAnimationFrame(next) : resolve(
                    times.slice(1).map((time, at) => time - times[at])); };
                requestAnimationFrame(next);
            })"""
            % (seconds * 1000)
        )

    def render_times(self):
        """How long each poll took to read and to show, in milliseconds."""
        names = ["read", "render"]
        entries = [f"performance.getEntriesByName('{name}').map(entry => entry.duration)" for name in names]
        return [self.tab.run(one) for one in entries]


def whole(text):
    return int(text.replace(",", ""))


class Steady:
    """So many requests per second, until it is ended; from a thread of its own."""

    def __init__(self, send, per_second):
        self.sent = []
        self.ended = threading.Event()
        self.send, self.every = send, 1 / per_second
        self.thread = threading.Thread(target=self.run)

    def run(self):
        due = time.monotonic()
        while not self.ended.wait(max(0.0, due - time.monotonic())):
            try:
                self.send()
                self.sent.append(time.time())
            except OSError:
                pass
            due += self.every

    def rate(self, since, until):
        return sum(since < moment <= until for moment in self.sent) / (until - since)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
