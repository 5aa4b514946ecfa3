// From pages to what was gained between them, by route and by dependency.

import { readProtobuf } from "./protobuf.mjs";
import { ZERO, nativeIndex } from "./quantiles.mjs";
import { readPage, readSeries } from "./text.mjs";
import { BUCKETS, BYTES, COUNT, FIRST_BUCKET, Group, SECONDS, SIZE, SUM, Series, classOf } from "./groups.mjs";
import { FAILED, FIRST, READ, RESTART, TICKS, Timeline } from "./history.mjs";

/** About this many blocks of history are kept for all groups together: some 30 MB. */
const BLOCK_BUDGET = 10_000;

/** Each sample of the families that are shown by group: which family, and which value of a series. */
const SAMPLES = {
    request_seconds_count: ["requests", COUNT],
    request_seconds_sum: ["requests", SUM],
    request_seconds_bucket: ["requests", FIRST_BUCKET],
    response_size_bytes: ["requests", SIZE],
    dependency_request_seconds_count: ["calls", COUNT],
    dependency_request_seconds_sum: ["calls", SUM],
    dependency_request_seconds_bucket: ["calls", FIRST_BUCKET],
    event_loop_delay_seconds_count: ["delays", COUNT],
    event_loop_delay_seconds_sum: ["delays", SUM],
    event_loop_delay_seconds_bucket: ["delays", FIRST_BUCKET],
};

/** Series of which each value is kept, and those of which the growth is. */
const GAUGES = ["requests_in_flight", "process_resident_memory_bytes", "workers_alive"];
const RATES = ["process_cpu_seconds_total", "worker_busy_seconds_total"];

export class Counters {
    constructor() {
        this.timeline = new Timeline();
        this.pages = 0;
        this.lastRead = 0;
        this.firstRead = 0;
        this.types = new Map();
        this.gauges = new Map();
        this.forgetSeries();
        this.forgetGroups();
    }

    /** Reads a page, a text or the bytes of a protobuf page, that was received at `time`, in seconds since 1970. */
    read(page, time) {
        const startedBefore = this.value("process_start_time_seconds");
        this.readValues(page);
        let kind = this.pages === 1 ? FIRST : READ;
        if (kind === READ && this.isReset(startedBefore)) {
            kind = RESTART;
            this.forgetSeries();
            this.readValues(page);
        }
        if (kind === FIRST) this.firstRead = time;
        const tick = this.timeline.add(time, kind, kind === FIRST ? 0 : time - this.lastRead);
        this.lastRead = time;
        this.joinGroups();
        this.gain(tick, kind !== FIRST);
        this.noteGauges(tick, kind);
        this.dependencyStates(time);
        this.forgetOld(tick);
        return kind;
    }

    /** Notes that a poll failed. Its time is covered by the next page. */
    fail(time) {
        this.timeline.add(time, FAILED, 0);
    }

    /** The value of a series without labels of the protocol, such as `process_open_fds`. */
    value(name) {
        return this.single.get(name)?.value;
    }

    readValues(page) {
        this.pages += 1;
        const onType = (family, type) => this.types.set(family, type);
        const onSample = (key, value) => this.target(key).set(value);
        if (typeof page === "string") readPage(page, onType, onSample);
        else readProtobuf(page, onType, onSample, (key, native) => this.target(key).setNative?.(native));
        for (const [key, sample] of this.others) if (sample.page !== this.pages) this.others.delete(key);
    }

    target(key) {
        let target = this.targets.get(key);
        if (!target) {
            target = this.targetOf(key);
            this.targets.set(key, target);
        }
        return target;
    }

    /** Where the value of a series goes. */
    targetOf(key) {
        const { name, labels } = readSeries(key);
        const sample = SAMPLES[Object.hasOwn(SAMPLES, name) ? name : ""];
        return sample ? this.targetInSeries(labels, ...sample) : this.targetElsewhere(key, name, labels);
    }

    targetInSeries(labels, family, field) {
        const bound = labels.get("le");
        if (field === FIRST_BUCKET) labels.delete("le");
        const identity = JSON.stringify([family, ...labels]);
        let series = this.series.get(identity);
        if (!series) {
            series = new Series(family, labels);
            this.series.set(identity, series);
        }
        let at = field;
        if (field === FIRST_BUCKET) {
            at = FIRST_BUCKET + series.bounds.length;
            series.bounds.push(bound === "+Inf" ? Infinity : Number(bound));
            series.before[at] = 0;
        }
        return {
            set: (value) => {
                series.now[at] = value;
                series.page = this.pages;
            },
            setNative: ({ schema, zeros, buckets }) => {
                series.schema = schema;
                series.native = new Map(zeros > 0 ? [[ZERO, zeros]] : []);
                for (const [bucket, count] of buckets) {
                    const index = nativeIndex(bucket, schema);
                    series.native.set(index, (series.native.get(index) ?? 0) + count);
                }
            },
        };
    }

    targetElsewhere(key, name, labels) {
        const sample = { name, labels, value: NaN, before: NaN, page: 0 };
        if (!this.single.has(name)) this.single.set(name, sample);
        return {
            set: (value) => {
                sample.before = sample.page === this.pages - 1 ? sample.value : NaN;
                sample.value = value;
                sample.page = this.pages;
                this.others.set(key, sample);
            },
        };
    }

    /** Whether the server started anew since the page before: then all counters began at zero. */
    isReset(startedBefore) {
        const started = this.value("process_start_time_seconds");
        if (startedBefore !== undefined && started !== startedBefore) return true;
        for (const series of this.series.values()) {
            if (series.page !== this.pages || series.now[COUNT] < series.before[COUNT]) return true;
        }
        return false;
    }

    /** Adds new series to their groups. */
    joinGroups() {
        const added = [...this.series.values()].filter((series) => !series.groups);
        const hasOtherBounds = ({ family, bounds }) => {
            const group = this.all[family];
            return group && group.bounds.join() !== bounds.join();
        };
        // Another version of the server may have other buckets.
        if (added.some(hasOtherBounds)) this.forgetGroups();
        for (const series of added) {
            this.all[series.family] ??= new Group({}, series.bounds, Float64Array);
            series.groups = [this.all[series.family]];
            const groups = { requests: this.routes, calls: this.calls }[series.family];
            if (groups) {
                const [key, labels] = this.groupOf(series);
                if (!groups.has(key)) groups.set(key, new Group(labels, series.bounds));
                series.groups.push(groups.get(key));
            }
            for (const group of series.groups) group.series.push(series);
        }
    }

    groupOf({ family, labels }) {
        if (family === "calls") {
            const name = labels.get("name") ?? "";
            return [name, { name }];
        }
        const [type, method, addr] = ["type", "method", "addr"].map((key) => labels.get(key) ?? "");
        return [JSON.stringify([type, method, addr]), { type, method, addr }];
    }

    /** Adds what each series has more than on the page before. */
    gain(tick, isKnown) {
        for (const series of this.series.values()) {
            const { now, before } = series;
            if (isKnown && now[COUNT] + now[SIZE] + now[SUM] !== before[COUNT] + before[SIZE] + before[SUM]) {
                for (const { history, natives } of series.groups) {
                    history.add(tick, classOf(series.labels), now[COUNT] - before[COUNT]);
                    history.add(tick, SECONDS, Math.max(0, now[SUM] - before[SUM]));
                    history.add(tick, BYTES, Math.max(0, now[SIZE] - before[SIZE]));
                    let below = 0;
                    for (let at = FIRST_BUCKET; at < now.length; at += 1) {
                        const upTo = now[at] - before[at];
                        history.add(tick, BUCKETS + at - FIRST_BUCKET, upTo - below);
                        below = upTo;
                    }
                    // Buckets of another width cannot be compared with those of before.
                    if (series.schemaBefore !== null && series.schema !== series.schemaBefore) continue;
                    for (const [index, count] of series.native) {
                        natives.add(tick, index, count - (series.nativeBefore.get(index) ?? 0));
                    }
                }
            }
            series.nativeBefore = series.native;
            series.schemaBefore = series.schema;
            for (let at = 0; at < now.length; at += 1) before[at] = now[at];
        }
    }

    /** Keeps the values of `GAUGES`, and of `RATES` how much they grew per second. */
    noteGauges(tick, kind) {
        const seconds = this.timeline.covered(tick, tick + 1);
        for (const name of [...GAUGES, ...RATES]) {
            const sample = this.single.get(name);
            if (!sample) continue;
            if (!this.gauges.has(name)) this.gauges.set(name, new Float64Array(TICKS).fill(NaN));
            const isGauge = GAUGES.includes(name);
            this.gauges.get(name)[tick % TICKS] =
                isGauge || kind !== READ ? (isGauge ? sample.value : NaN) : (sample.value - sample.before) / seconds;
        }
    }

    /** The mean of a gauge over some ticks, or `null` if it was not read in them. */
    gauge(name, from, to) {
        const values = this.gauges.get(name);
        if (!values) return null;
        let [sum, count] = [0, 0];
        for (let tick = from; tick < to; tick += 1) {
            const value = values[tick % TICKS];
            if (this.timeline.kind(tick) === FAILED || !Number.isFinite(value)) continue;
            sum += value;
            count += 1;
        }
        return count > 0 ? sum / count : null;
    }

    /** The state of each dependency, and since when it has been seen. */
    dependencyStates(time) {
        for (const sample of this.others.values()) {
            if (sample.name !== "dependency_up") continue;
            const name = sample.labels.get("name") ?? "";
            const isUp = sample.value === 1;
            const known = this.states.get(name);
            if (known?.isUp === isUp) continue;
            // A state of the first page is older than the page.
            this.states.set(name, { isUp, since: time, isExact: this.firstRead !== time });
        }
    }

    forgetOld(tick) {
        if (tick % 64 !== 0) return;
        const groups = [...this.routes.values(), ...this.calls.values()];
        const blocks = Math.max(2, Math.floor(BLOCK_BUDGET / Math.max(1, groups.length)));
        for (const group of groups) group.forget(tick - Math.min(TICKS, blocks * 64));
        for (const group of Object.values(this.all)) group?.forget(tick - TICKS);
    }

    forgetSeries() {
        this.targets = new Map();
        this.series = new Map();
        this.others = new Map();
        this.single = new Map();
        this.states ??= new Map();
        for (const group of this.groups?.() ?? []) group.series = [];
    }

    forgetGroups() {
        this.all = { requests: null, calls: null, delays: null };
        this.routes = new Map();
        this.calls = new Map();
        for (const series of this.series.values()) series.groups = null;
    }

    *groups() {
        yield* Object.values(this.all ?? {}).filter(Boolean);
        yield* this.routes?.values() ?? [];
        yield* this.calls?.values() ?? [];
    }
}
