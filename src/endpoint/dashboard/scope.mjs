// The part of the page that shows one group: all routes, one route, or the calls of a dependency.

import { Chart } from "./charts.mjs";
import { byId, element, setText } from "./dom.mjs";
import { figuresIn } from "./figures.mjs";
import {
    formatBound,
    formatByteRate,
    formatBytes,
    formatCount,
    formatNumber,
    formatRate,
    formatSeconds,
    formatShare,
} from "./format.mjs";
import { formatRange } from "./quantiles.mjs";
import { Table } from "./tables.mjs";
import { visible } from "./text.mjs";

const TILES = [
    "Requests/s",
    "Requests",
    "Server errors, 5xx",
    "Client errors, 4xx",
    "Disconnected, 499",
    "Mean latency",
    "Median",
    "95th percentile",
    "99th percentile",
    "Bytes/s",
];

/** What a route is called: `GET /users/{id}`. */
export function routeName({ type, method, addr }) {
    return visible(type === "http" ? `${method} ${addr}` : `${type} ${method} ${addr}`);
}

/** A chart of durations: their mean, and the bounds of a percentile. */
export function latencyChart(parent, title, percentile) {
    return new Chart(parent, title, formatSeconds, [
        { label: "mean", tone: "blue" },
        { label: percentile, tone: "teal", isBand: true, isStepped: true },
        { label: "", tone: "teal", isStepped: true },
    ]);
}

/** `steps` are the figures of each step of `moment`. */
export function updateLatency(chart, moment, steps, percent) {
    const ranges = steps.map((step) => step.percentile(percent));
    const means = steps.map(({ mean }) => mean);
    const highs = ranges.map((range) => (range && Number.isFinite(range.high) ? range.high : null));
    chart.update({
        ...moment.axis,
        columns: [means, highs, ranges.map((range) => range?.low ?? null)],
        texts: (line, at) => (line === 0 ? formatSeconds(means[at] ?? NaN) : formatRange(ranges[at])),
    });
}

export class Scope {
    constructor() {
        this.tiles = TILES.map((label) => this.tile(label));
        const charts = byId("charts");
        this.rates = new Chart(charts, "Requests per second", formatNumber, [
            { label: "requests", tone: "blue", isFilled: true },
        ]);
        this.errors = new Chart(charts, "Errors", formatShare, [
            { label: "5xx", tone: "red" },
            { label: "4xx", tone: "amber", dash: [6, 3] },
            { label: "499", tone: "violet", dash: [2, 3] },
        ]);
        this.latency = latencyChart(charts, "Latency", "p95");
        this.bytes = new Chart(charts, "Bytes per second", formatBytes, [
            { label: "bytes", tone: "blue", isFilled: true },
        ]);
        this.statuses = new Table(byId("statuses"), {
            caption: "Requests by status since the server started",
            columns: [
                { label: "Status", text: (row) => visible(row.status) },
                { label: "Requests", isNumber: true, text: (row) => formatCount(row.count) },
                { label: "Share", isNumber: true, text: (row) => formatShare(row.share) },
            ],
        });
        this.distribution = new Table(byId("distribution"), {
            caption: "Requests by latency in the time span",
            columns: [
                { label: "Latency", text: (row) => row.range },
                { label: "Requests", isNumber: true, text: (row) => formatCount(row.count) },
                { label: "Share", isNumber: true, text: (row) => formatShare(row.share) },
            ],
        });
    }

    get charts() {
        return [this.rates, this.errors, this.latency, this.bytes];
    }

    tile(label) {
        const tile = element("div", "tile");
        const value = element("dd", "", "–");
        tile.append(element("dt", "", label), value);
        byId("tiles").append(tile);
        return { tile, value };
    }

    /** `moment` is what all charts have in common: steps, marks, gaps and the range of time. */
    update(group, moment) {
        const figures = figuresIn(group, moment.from, moment.to, moment.seconds);
        this.updateTiles(figures);
        const steps = moment.steps.map(({ from, to, seconds }) => figuresIn(group, from, to, seconds));
        this.updateCharts(steps, moment);
        this.updateTables(group, figures);
    }

    updateTiles(figures) {
        const texts = [
            formatRate(figures.rate ?? NaN),
            formatCount(figures.requests),
            ...[figures.serverErrors, figures.clientErrors, figures.gone].map((share) => formatShare(share ?? NaN)),
            formatSeconds(figures.mean ?? NaN),
            ...[50, 95, 99].map((percent) => formatRange(figures.percentile(percent))),
            formatByteRate(figures.byteRate ?? NaN),
        ];
        texts.forEach((text, at) => setText(this.tiles[at].value, text));
        this.tiles[2].tile.classList.toggle("bad", figures.serverErrors > 0);
        this.tiles[3].tile.classList.toggle("warn", figures.clientErrors > 0);
    }

    updateCharts(steps, moment) {
        const show = (chart, format, ...columns) =>
            chart.update({ ...moment.axis, columns, texts: (line, at) => format(columns[line][at] ?? NaN) });
        show(
            this.rates,
            formatRate,
            steps.map(({ rate }) => rate),
        );
        show(
            this.errors,
            formatShare,
            ...["serverErrors", "clientErrors", "gone"].map((key) => steps.map((step) => step[key])),
        );
        show(
            this.bytes,
            formatByteRate,
            steps.map(({ byteRate }) => byteRate),
        );
        updateLatency(this.latency, moment, steps, 95);
    }

    updateTables(group, figures) {
        const statuses = new Map();
        for (const series of group?.series ?? []) {
            const status = series.labels.get("status") ?? "";
            statuses.set(status, (statuses.get(status) ?? 0) + series.count);
        }
        const total = group?.total ?? 0;
        const rows = [...statuses].map(([status, count]) => ({ key: status, status, count, share: count / total }));
        this.statuses.update(rows.sort((a, b) => (a.status < b.status ? -1 : 1)));
        const bounds = group?.bounds ?? [];
        this.distribution.update(
            bounds.map((high, at) => ({
                key: String(high),
                range:
                    high === Infinity
                        ? at === 0
                            ? "any"
                            : `> ${formatBound(bounds[at - 1])}`
                        : formatRange({ low: at === 0 ? 0 : bounds[at - 1], high }),
                count: figures.buckets[at],
                share: figures.requests > 0 ? figures.buckets[at] / figures.requests : NaN,
            })),
        );
    }
}
