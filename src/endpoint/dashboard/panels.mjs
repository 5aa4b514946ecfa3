// The tables of routes, dependencies and other metrics, and the panel of the process.

import { Chart } from "./charts.mjs";
import { byId, element, setText } from "./dom.mjs";
import { figuresIn } from "./figures.mjs";
import {
    formatBytes,
    formatCount,
    formatDuration,
    formatNumber,
    formatRate,
    formatSeconds,
    formatShare,
    formatValue,
} from "./format.mjs";
import { formatRange } from "./quantiles.mjs";
import { latencyChart, routeName, updateLatency } from "./scope.mjs";
import { Table } from "./tables.mjs";
import { visible } from "./text.mjs";

/** The columns of routes and of dependencies alike. */
function columnsOf(what) {
    const percentile = (percent) => ({
        label: `p${percent}`,
        isNumber: true,
        value: ({ figures }) => figures.percentile(percent)?.high,
        text: ({ figures }) => formatRange(figures.percentile(percent)),
    });
    const share = (label, key, tone) => ({
        label,
        isNumber: true,
        value: ({ figures }) => figures[key],
        text: ({ figures }) => formatShare(figures[key] ?? NaN),
        tone: ({ figures }) => (figures[key] > 0 ? tone : ""),
    });
    return [
        {
            label: what,
            isNumber: true,
            value: ({ figures }) => figures.requests,
            text: ({ figures }) => formatCount(figures.requests),
        },
        {
            label: "per second",
            isNumber: true,
            value: ({ figures }) => figures.rate,
            text: ({ figures }) => formatNumber(figures.rate ?? NaN),
        },
        share(what === "Calls" ? "Errors" : "5xx", "serverErrors", "bad"),
        ...(what === "Calls" ? [] : [share("4xx", "clientErrors", "warn"), share("499", "gone", "")]),
        {
            label: "Mean",
            isNumber: true,
            value: ({ figures }) => figures.mean,
            text: ({ figures }) => formatSeconds(figures.mean ?? NaN),
        },
        percentile(50),
        percentile(95),
        percentile(99),
    ];
}

function rowsOf(groups, { from, to, seconds }) {
    return [...groups].map(([key, group]) => ({ key, group, figures: figuresIn(group, from, to, seconds) }));
}

export class Routes {
    constructor(onChoose) {
        this.filter = byId("filter");
        this.rows = [];
        this.filter.addEventListener("input", () => this.show());
        this.table = new Table(byId("routes"), {
            caption: "Routes in the time span",
            sortBy: 1,
            onChoose: ({ key }) => onChoose("routes", key),
            columns: [
                { label: "Route", text: ({ name }) => name },
                ...columnsOf("Requests"),
                {
                    label: "Bytes",
                    isNumber: true,
                    value: ({ figures }) => figures.bytes,
                    text: ({ figures }) => formatBytes(figures.bytes),
                },
                {
                    label: "Total",
                    isNumber: true,
                    value: ({ group }) => group.total,
                    text: ({ group }) => formatCount(group.total),
                },
            ],
        });
    }

    update(counters, moment) {
        this.rows = rowsOf(counters.routes, moment);
        for (const row of this.rows) row.name = row.group.name ??= routeName(row.group.labels);
        this.show();
    }

    show() {
        const words = this.filter.value.toLowerCase().split(/\s+/);
        const isMatch = ({ name }) => words.every((word) => name.toLowerCase().includes(word));
        this.table.empty = this.rows.length > 0 ? "No route matches the filter" : "No request yet";
        this.table.update(this.rows.filter(isMatch));
    }
}

export class Dependencies {
    constructor(onChoose) {
        this.section = byId("dependencies-section");
        this.table = new Table(byId("dependencies"), {
            caption: "Dependencies, and the calls to them in the time span",
            sortBy: 1,
            onChoose: ({ key, group }) => group && onChoose("calls", key),
            columns: [
                { label: "Dependency", text: ({ key }) => visible(key) },
                {
                    label: "State",
                    value: ({ state }) => (state ? (state.isUp ? "up" : "down") : ""),
                    text: ({ state }) => (state ? (state.isUp ? "● up" : "▼ down") : "not checked"),
                    tone: ({ state }) => (state ? (state.isUp ? "good" : "bad") : ""),
                },
                {
                    label: "Since",
                    isNumber: true,
                    value: ({ age }) => age,
                    text: ({ state, age }) => (state ? `${state.isExact ? "" : "> "}${formatDuration(age)}` : "–"),
                },
                ...columnsOf("Calls"),
                {
                    label: "Total",
                    isNumber: true,
                    value: ({ group }) => group?.total,
                    text: ({ group }) => formatCount(group?.total ?? 0),
                },
            ],
        });
        this.table.sort.isDescending = false;
        this.table.markSorted();
    }

    update(counters, moment) {
        const none = { figures: figuresIn(null, moment.from, moment.to, moment.seconds), group: null };
        const rows = new Map(rowsOf(counters.calls, moment).map((row) => [row.key, row]));
        for (const sample of counters.others.values()) {
            if (sample.name !== "dependency_up") continue;
            const key = sample.labels.get("name") ?? "";
            const state = counters.states.get(key);
            rows.set(key, { ...none, key, ...rows.get(key), state, age: moment.now - state.since });
        }
        this.section.hidden = rows.size === 0;
        this.table.update([...rows.values()]);
    }
}

/** The charts of the process: title, label, metric, and how its values are written. */
const PROCESS_CHARTS = [
    ["Requests in flight", "in flight", "requests_in_flight", formatValue],
    ["Processor cores in use", "cores", "process_cpu_seconds_total", formatNumber],
    ["Resident memory", "memory", "process_resident_memory_bytes", formatBytes],
];

/** What is there of the metrics of the process. */
export class Process {
    constructor() {
        this.section = byId("process-section");
        this.facts = new Map();
        this.panels = PROCESS_CHARTS.map(([title, label, name, format]) => {
            const chart = new Chart(byId("process-charts"), title, format, [{ label, tone: "blue", isFilled: true }]);
            return { chart, name, format };
        });
    }

    get charts() {
        return this.panels.map(({ chart }) => chart);
    }

    update(counters, moment) {
        for (const { chart, name, format } of this.panels) {
            chart.figure.hidden = counters.value(name) === undefined;
            if (chart.figure.hidden) continue;
            const column = moment.steps.map(({ from, to }) => counters.gauge(name, from, to));
            chart.update({ ...moment.axis, columns: [column], texts: (_, at) => format(column[at] ?? NaN) });
        }
        this.section.hidden = this.panels.every(({ chart }) => chart.figure.hidden);
        this.fact(counters, "Threads", "process_threads", formatCount);
        this.fact(counters, "Open file descriptors", "process_open_fds", formatCount);
        this.fact(counters, "Limit of file descriptors", "process_max_fds", formatCount);
        this.fact(counters, "Virtual memory", "process_virtual_memory_bytes", formatBytes);
        this.fact(counters, "CPU time", "process_cpu_seconds_total", formatSeconds);
    }

    fact(counters, label, name, format) {
        const value = counters.value(name);
        if (value === undefined) return;
        if (!this.facts.has(label)) {
            const fact = element("div", "tile");
            this.facts.set(label, element("dd"));
            fact.append(element("dt", "", label), this.facts.get(label));
            byId("process-facts").append(fact);
        }
        setText(this.facts.get(label), format(value));
    }
}

/** The threads that serve requests, and the routes that blocked them, if they are watched. */
export class Workers {
    constructor() {
        this.section = byId("workers-section");
        const charts = byId("workers-charts");
        this.busy = new Chart(charts, "Time for which workers are busy", formatShare, [
            { label: "mean of all", tone: "blue", isFilled: true },
        ]);
        this.delay = latencyChart(charts, "Delay of the event loop", "p99");
        this.blocked = new Table(byId("blocked"), {
            caption: "Routes that blocked their worker, since the server started",
            sortBy: 2,
            empty: "No route has blocked its worker",
            columns: [
                { label: "Route", text: ({ name }) => name },
                {
                    label: "Times",
                    isNumber: true,
                    value: ({ count }) => count,
                    text: ({ count }) => formatCount(count),
                },
                {
                    label: "Blocked for",
                    isNumber: true,
                    value: ({ seconds }) => seconds,
                    text: ({ seconds }) => formatSeconds(seconds),
                    tone: () => "warn",
                },
                {
                    label: "Mean",
                    isNumber: true,
                    value: ({ seconds, count }) => seconds / count,
                    text: ({ seconds, count }) => formatSeconds(seconds / count),
                },
            ],
        });
    }

    get charts() {
        return [this.busy, this.delay];
    }

    update(counters, moment) {
        this.section.hidden = counters.value("workers_alive") === undefined;
        if (this.section.hidden) return;
        setText(byId("workers-title"), `Workers: ${formatCount(counters.value("workers_alive"))}`);
        const busy = moment.steps.map(({ from, to }) => {
            const [seconds, workers] = ["worker_busy_seconds_total", "workers_alive"].map((name) =>
                counters.gauge(name, from, to),
            );
            return seconds !== null && workers > 0 ? seconds / workers : null;
        });
        this.busy.update({ ...moment.axis, columns: [busy], texts: (_, at) => formatShare(busy[at] ?? NaN) });
        const delays = moment.steps.map(({ from, to, seconds }) => figuresIn(counters.all.delays, from, to, seconds));
        updateLatency(this.delay, moment, delays, 99);
        this.blocked.update(this.blockedRoutes(counters));
    }

    blockedRoutes(counters) {
        const rows = new Map();
        for (const { name, labels, value } of counters.others.values()) {
            const field = { worker_blocked_total: "count", worker_blocked_seconds_total: "seconds" }[name];
            if (!field) continue;
            const route = routeName({
                type: "http",
                method: labels.get("method") ?? "",
                addr: labels.get("addr") ?? "",
            });
            rows.set(route, { count: 0, seconds: 0, ...rows.get(route), key: route, name: route, [field]: value });
        }
        return [...rows.values()].filter(({ count }) => count > 0);
    }
}

/** Metrics that are shown elsewhere on the page. */
const SHOWN = new RegExp(
    "^(application_info|dependency_up|requests_in_flight|workers_alive|worker_(busy_seconds|blocked|blocked_seconds)_total|" +
        "process_(cpu_seconds_total|resident_memory_bytes|virtual_memory_bytes|threads|start_time_seconds|(open|max)_fds))$",
);

/** All other metrics, such as those of the app. */
export class Others {
    constructor() {
        this.section = byId("others-section");
        this.table = new Table(byId("others"), {
            caption: "Other metrics",
            sortBy: 0,
            columns: [
                { label: "Metric", text: ({ key }) => visible(key) },
                {
                    label: "Value",
                    isNumber: true,
                    value: ({ sample }) => sample.value,
                    text: ({ sample }) => formatValue(sample.value),
                },
                {
                    label: "per second",
                    isNumber: true,
                    value: ({ growth }) => growth,
                    text: ({ growth }) => formatRate(growth),
                },
            ],
        });
        this.table.sort.isDescending = false;
        this.table.markSorted();
    }

    update(counters, moment) {
        const seconds = moment.lastSeconds;
        const rows = [];
        for (const [key, sample] of counters.others) {
            if (SHOWN.test(sample.name) || sample.labels.has("le")) continue;
            const grown = sample.value - sample.before;
            const isCounter = counters.types.get(sample.name) === "counter" || /_(count|sum|total)$/.test(sample.name);
            rows.push({ key, sample, growth: isCounter && seconds > 0 && grown >= 0 ? grown / seconds : NaN });
        }
        this.section.hidden = rows.length === 0;
        this.table.update(rows);
    }
}
