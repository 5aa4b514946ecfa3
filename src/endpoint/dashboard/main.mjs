// The page: its controls, and what each poll changes.

import { Counters } from "./counters.mjs";
import { byId, setText } from "./dom.mjs";
import { marksOf, stepsOf } from "./figures.mjs";
import { formatClock, formatDuration } from "./format.mjs";
import { Dependencies, Others, Process, Routes, Workers } from "./panels.mjs";
import { Poll, now } from "./poll.mjs";
import { Scope, routeName } from "./scope.mjs";
import { visible } from "./text.mjs";

const counters = new Counters();
const poll = new Poll(onPage, onFailure);
const scope = new Scope();
const routes = new Routes(choose);
const dependencies = new Dependencies(choose);
const processPanel = new Process();
const workers = new Workers();
const others = new Others();

/** What the charts show: `{ groups, key }`, or `null` for all routes. */
let chosen = null;
let failedSince = null;

function onPage(page, time) {
    const begun = performance.now();
    if (counters.pages % 1000 === 999) performance.clearMeasures();
    counters.read(page, time);
    performance.measure("read", { start: begun });
    failedSince = null;
    render();
}

function onFailure(reason, time) {
    counters.fail(time);
    failedSince ??= { time: counters.lastRead || time, reason };
    failedSince.reason = reason;
    render();
}

function render() {
    const begun = performance.now();
    const moment = momentOf(counters.timeline);
    scope.update(chosenGroup(), moment);
    routes.update(counters, moment);
    dependencies.update(counters, moment);
    processPanel.update(counters, moment);
    workers.update(counters, moment);
    others.update(counters, moment);
    showHead(moment);
    showState();
    // For those who measure the page itself.
    performance.measure("render", { start: begun });
}

/** What all parts of the page have in common at this moment. */
function momentOf(timeline) {
    const span = Number(byId("span").value);
    const end = timeline.length > 0 ? timeline.time(timeline.length - 1) : now();
    const [from, to] = [timeline.after(end - span), timeline.length];
    const steps = stepsOf(timeline, end - span);
    const times = steps.map(({ time }) => time);
    // A page that was just opened shows its first minute, not an empty hour.
    const start = Math.max(end - span, Math.min(end - 60, times[0] ?? end));
    const axis = { times, range: [start, end], ...marksOf(timeline, end - span, end) };
    return {
        from,
        to,
        seconds: timeline.covered(from, to),
        steps,
        axis,
        // What the server said last.
        now: counters.lastRead,
        lastSeconds: timeline.covered(to - 1, to),
    };
}

function chosenGroup() {
    return (chosen && counters[chosen.groups].get(chosen.key)) ?? (chosen ? null : counters.all.requests);
}

/** Shows one route or dependency in the charts, or all routes. */
function choose(groups, key) {
    chosen = groups ? { groups, key } : null;
    routes.table.chosen = groups === "routes" ? key : null;
    dependencies.table.chosen = groups === "calls" ? key : null;
    byId("all").hidden = !chosen;
    render();
    if (!chosen) return;
    byId("scope").focus({ preventScroll: true });
    byId("scope").scrollIntoView({ block: "nearest" });
}

function scopeName() {
    if (!chosen) return "All routes";
    const group = chosenGroup();
    if (!group) return "No request since the server started";
    return chosen.groups === "calls" ? `Calls to ${visible(chosen.key)}` : routeName(group.labels);
}

function showHead(moment) {
    setText(byId("scope"), scopeName());
    setText(byId("events"), eventsOf(moment));
    const info = [...counters.others.values()].find(({ name }) => name === "application_info");
    setText(byId("version"), visible(info?.labels.get("version") ?? "unknown"));
    const started = counters.value("process_start_time_seconds");
    const uptime = started === undefined ? moment.now - counters.firstRead : moment.now - started;
    setText(
        byId("uptime"),
        counters.pages === 0 ? "–" : `${started === undefined ? "> " : ""}${formatDuration(uptime)}`,
    );
}

/** In words what the charts mark: for those who do not see them, and to tell why there is a gap. */
function eventsOf({ axis: { marks, gaps } }) {
    const clock = (time) => formatClock(time);
    const events = [
        ...marks.map((time) => ({ time, text: `Restart at ${clock(time)}` })),
        ...gaps.map(({ from, to }) => ({ time: from, text: `No answer from ${clock(from)} to ${clock(to)}` })),
    ];
    return events
        .sort((a, b) => a.time - b.time)
        .map(({ text }) => text)
        .slice(-6)
        .join(" · ");
}

function showState() {
    let text = `Live, every ${poll.every / 1000} s`;
    if (!poll.isRunning) text = "Paused";
    else if (failedSince) text = `No answer since ${formatClock(failedSince.time)}: ${failedSince.reason}`;
    setText(byId("state"), text);
    document.documentElement.dataset.state = !poll.isRunning ? "paused" : failedSince ? "failed" : "live";
}

function pause() {
    if (poll.isRunning) poll.stop();
    else poll.start();
    byId("pause").ariaPressed = String(!poll.isRunning);
    showState();
}

/** A choice that is kept in the browser, if it may keep anything. */
function keep(id, apply) {
    const control = byId(id);
    try {
        const kept = localStorage.getItem(`actix-monitor ${id}`);
        if ([...control.options].some(({ value }) => value === kept)) control.value = kept;
    } catch {
        // The choice is not kept.
    }
    control.addEventListener("change", () => {
        try {
            localStorage.setItem(`actix-monitor ${id}`, control.value);
        } catch {
            // The choice is not kept.
        }
        apply(control.value);
    });
    apply(control.value);
}

function redrawCharts() {
    for (const chart of [...scope.charts, ...processPanel.charts, ...workers.charts]) chart.redraw();
}

setText(byId("host"), location.host);
document.title = `${location.host} – status`;
byId("pause").addEventListener("click", pause);
byId("all").addEventListener("click", () => choose(null, null));
document.addEventListener("keydown", ({ key }) => key === "Escape" && chosen && choose(null, null));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawCharts);
keep("theme", (theme) => {
    document.documentElement.dataset.theme = theme;
    redrawCharts();
});
keep("span", () => render());
poll.start();
showState();
