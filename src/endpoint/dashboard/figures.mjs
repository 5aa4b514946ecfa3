// The figures of a group over a span of time, and the points of its charts.

import { BUCKETS, BYTES, CLIENT_ERROR, GONE, OTHER_ERROR, SECONDS, SERVER_ERROR, requestsIn } from "./groups.mjs";
import { FAILED, RESTART } from "./history.mjs";
import { nativeQuantile, quantile } from "./quantiles.mjs";

/** About how many points a chart has. */
const POINTS = 180;

/** The figures of a group in the ticks from `from` to before `to`, which cover so many seconds. */
export function figuresIn(group, from, to, seconds) {
    if (!group) return figuresOf(new Float64Array(BUCKETS), [], seconds);
    return figuresOf(group.history.sum(from, to), group.bounds, seconds, group.natives.sum(from, to));
}

/** What the fields of a history mean, over so many seconds. `null` and `NaN` are unknown. */
export function figuresOf(fields, bounds, seconds, natives = new Map()) {
    const requests = requestsIn(fields);
    const share = (...kinds) => (requests > 0 ? kinds.reduce((sum, kind) => sum + fields[kind], 0) / requests : null);
    const buckets = fields.subarray(BUCKETS);
    return {
        requests,
        rate: seconds > 0 ? requests / seconds : null,
        bytes: fields[BYTES],
        byteRate: seconds > 0 ? fields[BYTES] / seconds : null,
        serverErrors: share(SERVER_ERROR, OTHER_ERROR),
        clientErrors: share(CLIENT_ERROR),
        gone: share(GONE),
        mean: requests > 0 ? fields[SECONDS] / requests : null,
        buckets,
        percentile: (percent) =>
            natives.size > 0 ? nativeQuantile(percent / 100, natives) : quantile(percent / 100, bounds, buckets),
    };
}

/**
 * Divides the ticks after `since` into about `POINTS` steps: the first and the last tick of each,
 * its time, and the seconds that it covers. Steps begin at multiples of their length, so that
 * they stay what they are while time passes.
 */
export function stepsOf(timeline, since) {
    const first = timeline.after(since);
    const length = Math.max(1, Math.ceil((timeline.length - first) / POINTS));
    const steps = [];
    for (let start = Math.floor(first / length) * length; start < timeline.length; start += length) {
        const [from, to] = [Math.max(start, timeline.start), Math.min(timeline.length, start + length)];
        if (from >= to) continue;
        // How long the server had been up when it was first read again is not known.
        const isRestart = to - from === 1 && timeline.kind(from) === RESTART;
        steps.push({ from, to, time: timeline.time(to - 1), seconds: isRestart ? 0 : timeline.covered(from, to) });
    }
    return steps;
}

/** When the server started anew, and the times without an answer. */
export function marksOf(timeline, since, now) {
    const [marks, gaps] = [[], []];
    let last = null;
    for (let tick = Math.max(timeline.start, timeline.after(since) - 1); tick < timeline.length; tick += 1) {
        const [time, kind] = [timeline.time(tick), timeline.kind(tick)];
        const open = gaps.at(-1);
        if (open?.to === null && kind !== FAILED) open.to = time;
        if (open?.to !== null && kind === FAILED) gaps.push({ from: last ?? time, to: null });
        if (kind === RESTART) marks.push(time);
        last = time;
    }
    for (const gap of gaps) gap.to ??= now;
    return { marks, gaps };
}
