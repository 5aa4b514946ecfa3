// Charts over time, drawn by uPlot: gaps where nothing was read, a mark for each restart.

import { element, setText } from "./dom.mjs";
import { formatClock } from "./format.mjs";

const HEIGHT = 150;

/** A colour of the style sheet, for the canvas: that of the present theme. */
function paint(name) {
    return getComputedStyle(document.querySelector(`#paints .${name}`)).color;
}

/** The same colour, mostly transparent. */
function tint(name) {
    return paint(name).replace(/^rgb\((.*)\)$/, "rgba($1, 0.16)");
}

/** A value beside an axis, without the zeros that all of them end with. */
function short(text) {
    return text.replace(/\.0+(?!\d)/, "");
}

/**
 * One chart with its title and legend. `lines` are objects with `label`, `tone` (a class of the
 * style sheet), and optionally `isStepped`, `dash`, `isFilled` and `isBand`: filled up from the
 * next line, with which it shares its entry in the legend.
 */
export class Chart {
    constructor(parent, title, unit, lines) {
        this.unit = unit;
        this.lines = lines;
        this.title = title;
        this.points = { times: [], columns: lines.map(() => []), texts: () => "–", marks: [], gaps: [] };
        this.figure = element("figure", "chart");
        const caption = element("figcaption");
        caption.append(element("h3", "", title));
        this.legend = element("ul", "legend");
        caption.append(this.legend);
        this.frame = element("div", "plot");
        this.figure.append(caption, this.frame);
        parent.append(this.figure);
        this.entries = lines.map((line) => this.entry(line));
        this.plot = new uPlot(this.options(), [[], ...this.points.columns], this.frame);
        new ResizeObserver(() => this.resize()).observe(this.frame);
        this.listenToKeys();
    }

    /** The entry of a line in the legend, which shows the latest value or that under the cursor. */
    entry(line) {
        const swatch = element("i", `swatch ${line.tone}`);
        swatch.ariaHidden = "true";
        const value = element("span", "value", "–");
        const item = element("li");
        item.append(swatch, element("span", "", line.label), value);
        if (line.label) this.legend.append(item);
        return value;
    }

    options() {
        const axis = { stroke: () => paint("axis"), font: "11px system-ui, sans-serif" };
        const grid = { stroke: () => paint("grid"), width: 1 };
        return {
            width: Math.max(200, this.frame.clientWidth),
            height: HEIGHT,
            legend: { show: false },
            padding: [8, 18, 0, 0],
            scales: {
                x: { time: true, range: () => this.points.range ?? [0, 1] },
                y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] },
            },
            axes: [
                {
                    ...axis,
                    grid,
                    ticks: { show: false },
                    size: 24,
                    space: 54,
                    values: (_, splits, __, ___, step) => splits.map((time) => formatClock(time, step < 60)),
                },
                {
                    ...axis,
                    grid,
                    ticks: { show: false },
                    size: 62,
                    space: 32,
                    values: (_, splits) => splits.map((value) => short(this.unit(value))),
                },
            ],
            series: [{}, ...this.lines.map((line) => this.series(line))],
            bands: this.lines.flatMap((line, at) =>
                line.isBand ? [{ series: [at + 1, at + 2], fill: () => tint(line.tone) }] : [],
            ),
            cursor: { sync: { key: "time" }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
            hooks: { drawClear: [(plot) => this.drawMarks(plot)], setCursor: [() => this.updateLegend()] },
        };
    }

    series(line) {
        return {
            stroke: () => paint(line.tone),
            width: line.isBand || !line.label ? 1 : 1.5,
            dash: line.dash,
            fill: line.isFilled ? () => tint(line.tone) : undefined,
            paths: line.isStepped ? uPlot.paths.stepped({ align: -1 }) : undefined,
            points: { show: true, size: 5, filter: (plot, index) => this.lonePoints(index - 1) },
        };
    }

    /** Values between two gaps, of which a line shows nothing. */
    lonePoints(line) {
        const column = this.points.columns[line];
        const isGap = (at) => (column[at] ?? null) === null;
        return [...column.keys()].filter((at) => !isGap(at) && isGap(at - 1) && isGap(at + 1));
    }

    /** Shows other points: see `pointsOf`. */
    update(points) {
        this.points = points;
        this.plot.setData([points.times, ...points.columns]);
        this.updateLegend();
    }

    updateLegend() {
        const { times, texts } = this.points;
        const under = this.plot?.cursor.idx;
        const at = under ?? times.length - 1;
        this.entries.forEach((value, line) => setText(value, at < 0 ? "–" : texts(line, at)));
        const text = this.lines.flatMap(({ label }, line) =>
            label ? [`${label} ${at < 0 ? "–" : texts(line, at)}`] : [],
        );
        this.frame.ariaValueMax = String(Math.max(0, times.length - 1));
        this.frame.ariaValueNow = String(Math.max(0, at));
        this.frame.ariaValueText = at < 0 ? "no data yet" : `${formatClock(times[at])}: ${text.join(", ")}`;
    }

    /** Polls that failed as a shaded area, restarts as a line with a word. */
    drawMarks(plot) {
        const { ctx, bbox } = plot;
        const place = (time) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, plot.valToPos(time, "x", true)));
        ctx.save();
        ctx.fillStyle = paint("gap");
        for (const { from, to } of this.points.gaps) {
            ctx.fillRect(place(from), bbox.top, Math.max(1, place(to) - place(from)), bbox.height);
        }
        ctx.strokeStyle = ctx.fillStyle = paint("mark");
        ctx.setLineDash([4, 3]);
        ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
        for (const time of this.points.marks) {
            const x = Math.round(place(time)) + 0.5;
            ctx.beginPath();
            ctx.moveTo(x, bbox.top);
            ctx.lineTo(x, bbox.top + bbox.height);
            ctx.stroke();
            const isAtLeft = x - bbox.left < 50 * devicePixelRatio;
            ctx.textAlign = isAtLeft ? "left" : "right";
            ctx.fillText("restart", x + (isAtLeft ? 4 : -4) * devicePixelRatio, bbox.top + 11 * devicePixelRatio);
        }
        ctx.restore();
    }

    /** The arrow keys move the cursor of all charts; a screen reader reads the values at it. */
    listenToKeys() {
        this.frame.tabIndex = 0;
        this.frame.role = "slider";
        this.frame.ariaLabel = `${this.title}, moments`;
        this.frame.ariaValueMin = "0";
        this.frame.addEventListener("keydown", (event) => {
            const last = this.points.times.length - 1;
            const at = this.plot.cursor.idx ?? last;
            const next = {
                ArrowLeft: at - 1,
                ArrowRight: at + 1,
                PageUp: at + 10,
                PageDown: at - 10,
                Home: 0,
                End: last,
            }[event.key];
            if (next === undefined || last < 0) return;
            event.preventDefault();
            const index = Math.min(last, Math.max(0, next));
            this.plot.setCursor({ left: this.plot.valToPos(this.points.times[index], "x"), top: 1 });
        });
        this.frame.addEventListener("blur", () => this.plot.setCursor({ left: -10, top: -10 }));
    }

    resize() {
        const width = this.frame.clientWidth;
        if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
    }

    redraw() {
        this.plot.redraw(false);
    }
}
