"""A picture of a dashboard, from its JSON and the answers of a store to its queries.

It is not Grafana: each panel has its place, title, unit and queries from the JSON, and is drawn by matplotlib.
"""

import math
import time

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot  # noqa: E402 (after the choice of what draws)

from observability import EVERYTHING, board, fill_in  # noqa: E402

# Grafana's grid has 24 columns; inches of a column and of a row of it.
COLUMN, ROW = 0.62, 0.36
MARGIN = 0.12

BACKGROUND, PANEL, TEXT, FAINT = "#111217", "#181b1f", "#d8d9da", "#8e8e8e"
NAMED = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "purple": "#b877d9", "blue": "#5794f2"}
CYCLE = ["#73bf69", "#5794f2", "#ff9830", "#b877d9", "#f2495c", "#fade2a", "#8ab8ff", "#ca95e5", "#ffb357", "#96d98d"]


def draw(name, store, since, path, rows=None):
    """Draws the board `name`; of its rows only those given, if any are."""
    panels = chosen(board(name)["panels"], rows)
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    style = {
        "font.size": 7,
        "text.color": TEXT,
        "axes.edgecolor": "#2c3235",
        "xtick.color": FAINT,
        "ytick.color": FAINT,
    }
    with pyplot.rc_context(style | {"axes.prop_cycle": matplotlib.cycler(color=CYCLE), "font.family": "DejaVu Sans"}):
        figure = pyplot.figure(figsize=(24 * COLUMN, height * ROW), facecolor=BACKGROUND)
        for panel in panels:
            Panel(figure, panel, height, store, since, time.time()).draw()
        figure.savefig(path, dpi=90)
        pyplot.close(figure)


def chosen(panels, rows):
    """The panels of these rows, moved up to close the gaps."""
    kept, row, shift, end = [], None, 0, 0
    for panel in panels:
        place = panel["gridPos"]
        if panel["type"] == "row":
            row = panel["title"]
            shift = place["y"] - end
        if rows is None or row in rows:
            kept.append(panel | {"gridPos": place | {"y": place["y"] - shift}})
            end = max(end, place["y"] - shift + place["h"])
    return kept


class Panel:
    def __init__(self, figure, panel, height, store, since, until):
        self.figure = figure
        self.panel = panel
        self.store = store
        self.since, self.until = since, until
        place = panel["gridPos"]
        self.left, self.width = place["x"] / 24, place["w"] / 24
        self.bottom, self.height = 1 - (place["y"] + place["h"]) / height, place["h"] / height
        # An inch, as a part of the figure.
        self.inch_x, self.inch_y = 1 / (24 * COLUMN), 1 / (height * ROW)
        defaults = panel.get("fieldConfig", {}).get("defaults", {})
        self.unit = defaults.get("unit", "short")
        overrides = panel.get("fieldConfig", {}).get("overrides", [])
        self.colors = {
            o["matcher"]["options"]: o["properties"][0]["value"].get("fixedColor")
            for o in overrides
            if o["properties"][0]["id"] == "color"
        }

    def draw(self):
        if self.panel["type"] == "row":
            self.text(0.1, 0.5, f"⌄ {self.panel['title']}", size=9, weight="bold")
            return
        gap_x, gap_y = 0.04 * self.inch_x, 0.04 * self.inch_y
        corner = (self.left + gap_x, self.bottom + gap_y)
        size = (self.width - 2 * gap_x, self.height - 2 * gap_y)
        self.figure.add_artist(pyplot.Rectangle(corner, *size, color=PANEL, zorder=-1))
        self.figure.text(
            self.left + MARGIN * self.inch_x,
            self.bottom + self.height - 0.22 * self.inch_y,
            self.panel["title"],
            size=8,
            weight="bold",
        )
        drawing = {
            "timeseries": self.lines,
            "stat": self.stat,
            "bargauge": self.bars,
            "state-timeline": self.states,
            "heatmap": self.heat,
            "table": self.table,
        }
        drawing[self.panel["type"]]()

    def text(self, inch, part, words, **style):
        self.figure.text(self.left + inch * self.inch_x, self.bottom + part * self.height, words, va="center", **style)

    def axes(self, left=0.55, bottom=0.6, top=0.35):
        box = [self.left + left * self.inch_x, self.bottom + bottom * self.inch_y]
        box += [self.width - (left + 0.15) * self.inch_x, self.height - (bottom + top) * self.inch_y]
        axes = self.figure.add_axes(box, facecolor=PANEL)
        axes.grid(color="#2c3235", linewidth=0.5)
        axes.set_xlim(self.since, self.until)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
        axes.xaxis.set_major_formatter(lambda at, _: time.strftime("%H:%M:%S", time.localtime(at)))
        axes.yaxis.set_major_formatter(lambda value, _: shown(value, self.unit))
        for side in ["top", "right"]:
            axes.spines[side].set_visible(False)
        return axes

    def answers(self):
        """(legend, points) of each series of the panel's queries."""
        for target in self.panel["targets"]:
            expression = fill_in(target["expr"], EVERYTHING)
            if target["instant"]:
                answer = self.store.query(expression)
            else:
                answer = self.store.query_range(expression, self.since, self.until, "1s")
            for series in answer:
                points = [(at, value) for at, value in series.points if math.isfinite(value)]
                if points:
                    yield legend(target["legendFormat"], series.labels), points

    def lines(self):
        axes = self.axes()
        named = sorted(self.answers(), key=lambda one: -sum(value for _, value in one[1]))
        stacked = self.panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
        below = {}
        for number, (name, points) in enumerate(named):
            color = NAMED.get(self.colors.get(name), CYCLE[number % len(CYCLE)])
            times = [at for at, _ in points]
            base = [below.get(at, 0) if stacked else 0 for at in times]
            tops = [low + value for low, (_, value) in zip(base, points)]
            axes.plot(times, tops, color=color, linewidth=1, label=name)
            axes.fill_between(times, base, tops, color=color, alpha=0.3 if stacked else 0.1, linewidth=0)
            below |= dict(zip(times, tops))
        axes.set_ylim(bottom=0)
        if named:
            # Three lines, as far as there is room; Grafana scrolls.
            columns = int(self.panel["gridPos"]["w"] * COLUMN / 1.15)
            handles, names = axes.get_legend_handles_labels()
            shown_first = slice(3 * columns)
            place = {"loc": "upper left", "bbox_to_anchor": (-0.08, -0.12), "ncols": columns}
            axes.legend(
                handles[shown_first],
                names[shown_first],
                **place,
                frameon=False,
                fontsize=5.5,
                labelspacing=0.2,
                handlelength=1,
            )

    def stat(self):
        latest = [(name, points[-1][1], points) for name, points in self.answers()]
        words = "\n".join(f"{shown(value, self.unit)}{'  ' + name if name else ''}" for name, value, _ in latest)
        steps = self.panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        value = latest[0][1] if latest else 0
        color = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
        self.text(0.2, 0.45, words or "no data", size=18 if "\n" not in words else 12, color=NAMED[color])

    def bars(self):
        axes = self.axes(left=2.2, bottom=0.2)
        rows = sorted(((points[-1][1], name) for name, points in self.answers()))
        axes.set_xlim(0, 1.25 * max((value for value, _ in rows), default=1))
        axes.barh(range(len(rows)), [value for value, _ in rows], color=NAMED["green"], height=0.6)
        axes.set_yticks(range(len(rows)), [name for _, name in rows], color=TEXT)
        axes.xaxis.set_visible(False)
        axes.grid(False)
        for place, (value, _) in enumerate(rows):
            axes.text(value, place, f" {shown(value, self.unit)}", va="center")

    def states(self):
        axes = self.axes(left=1.9, bottom=0.35)
        axes.grid(False)
        names = []
        mapped = "mappings" in self.panel["fieldConfig"]["defaults"]
        for place, (name, points) in enumerate(self.answers()):
            names.append(name)
            for at, value in points:
                color = NAMED["green" if value or not mapped else "red"]
                axes.barh(place, 1.05, left=at, color=color, height=0.7, linewidth=0)
        axes.set_yticks(range(len(names)), names, color=TEXT)
        axes.set_ylim(-0.6, len(names) - 0.4)

    def heat(self):
        axes = self.axes()
        series = sorted(self.answers(), key=lambda one: float(one[0].replace("+Inf", "inf")))
        times = sorted({at for _, points in series for at, _ in points})
        cumulative = [[dict(points).get(at, 0) for at in times] for _, points in series]
        cells = [
            [max(0, high - low) for high, low in zip(row, before)]
            for row, before in zip(cumulative, [[0] * len(times), *cumulative])
        ]
        axes.pcolormesh(times, range(len(series)), cells, cmap="inferno", shading="nearest")
        axes.set_yticks(range(len(series)), [f"≤ {name} s" for name, _ in series])

    def table(self):
        titles = [
            value
            for key, value in sorted(self.panel["transformations"][1]["options"]["renameByName"].items())
            if key.startswith("Value")
        ]
        units = {
            o["matcher"]["options"]: o["properties"][0]["value"]
            for o in self.panel["fieldConfig"]["overrides"]
            if o["properties"][0]["id"] == "unit"
        }
        lines = {}
        for title, target in zip(titles, self.panel["targets"]):
            for series in self.store.query(fill_in(target["expr"], EVERYTHING)):
                lines.setdefault(series.labels["job"], {})[title] = shown(series.points[-1][1], units[title])
        table = [["Service", *titles]] + [
            [job, *(cells.get(title, "") for title in titles)] for job, cells in sorted(lines.items())
        ]
        for number, row in enumerate(table):
            for column, words in enumerate(row):
                place = 0.15 + column * (24 * COLUMN - 0.3) / len(row)
                self.text(place, 0.82 - 0.09 * number, words, color=TEXT if number else FAINT)


def legend(template, labels):
    for key, value in labels.items():
        template = template.replace(f"{{{{{key}}}}}", value)
    return template


def shown(value, unit):
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s" and abs(value) < 1 and value:
        return f"{1000 * value:.3g} ms"
    if unit in {"bytes", "Bps"}:
        power = min(3, int(math.log(max(abs(value), 1), 1000)))
        return f"{value / 1000**power:.3g} {['', 'k', 'M', 'G'][power]}B" + ("/s" if unit == "Bps" else "")
    return f"{value:.3g}" + {"reqps": " req/s", "s": " s"}.get(unit, "")
