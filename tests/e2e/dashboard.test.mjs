// The parts of the dashboard that need no browser: `node --test dashboard.test.mjs`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Counters } from "../../src/endpoint/dashboard/counters.mjs";
import { figuresOf, marksOf, stepsOf } from "../../src/endpoint/dashboard/figures.mjs";
import {
    formatByteRate,
    formatBytes,
    formatCount,
    formatDuration,
    formatNumber,
    formatSeconds,
    formatShare,
} from "../../src/endpoint/dashboard/format.mjs";
import { requestsIn } from "../../src/endpoint/dashboard/groups.mjs";
import { FIRST, History, READ, RESTART, TICKS, Timeline } from "../../src/endpoint/dashboard/history.mjs";
import { formatRange, nativeQuantile, quantile } from "../../src/endpoint/dashboard/quantiles.mjs";
import { readProtobuf } from "../../src/endpoint/dashboard/protobuf.mjs";
import { readPage, readSeries, visible } from "../../src/endpoint/dashboard/text.mjs";

/** A page with one route: `counts` are the requests in each bucket, by status. */
function page(counts, { bounds = ["0.1", "0.3", "+Inf"], extra = "", seconds = 0.05 } = {}) {
    const lines = ["# TYPE request_seconds histogram"];
    for (const [status, buckets] of Object.entries(counts)) {
        const isError = status >= "400";
        const labels = `type="http",status="${status}",isError="${isError}",method="GET",addr="/a"`;
        let below = 0;
        bounds.forEach((bound, at) =>
            lines.push(`request_seconds_bucket{${labels},le="${bound}"} ${(below += buckets[at])}`),
        );
        lines.push(`request_seconds_sum{${labels}} ${below * seconds}`, `request_seconds_count{${labels}} ${below}`);
        lines.push(`response_size_bytes{${labels}} ${below * 10}`);
    }
    return `${lines.join("\n")}\n${extra}`;
}

function whole(counters) {
    const { all, timeline } = counters;
    const sums = all.requests.history.sum(0, timeline.length);
    return figuresOf(sums, all.requests.bounds, timeline.covered(0, timeline.length));
}

test("samples are read with their values, whatever their labels contain", () => {
    const series = String.raw`a{x="} 7",y="q\"\\\n{",z=""}`;
    const text = `# HELP a Text with {x="1"} 2\n# TYPE a gauge\n${series} 1.5\nb +Inf\nc{x="1"} -Inf 1700000000\nd NaN\n\n`;
    const [types, samples] = [[], []];
    readPage(
        text,
        (...type) => types.push(type),
        (...sample) => samples.push(sample),
    );
    assert.deepEqual(types, [["a", "gauge"]]);
    assert.deepEqual(samples, [
        [series, 1.5],
        ["b", Infinity],
        [`c{x="1"}`, -Infinity],
        ["d", NaN],
    ]);
    assert.deepEqual(readSeries(series), {
        name: "a",
        labels: new Map([
            ["x", "} 7"],
            ["y", 'q"\\\n{'],
            ["z", ""],
        ]),
    });
    assert.deepEqual(readSeries("b"), { name: "b", labels: new Map() });
});

test("a page without its last line feed, or cut within a line, is read as far as it goes", () => {
    const samples = [];
    for (const text of ["a 1", 'a{x="1"', "a", ""])
        readPage(
            text,
            () => {},
            (...sample) => samples.push(sample),
        );
    assert.deepEqual(samples, [["a", 1]]);
});

test("invisible characters are shown as escapes, and all others as they are", () => {
    assert.equal(visible("a\u0000b\u202ec\u200d\n"), String.raw`a\u{0}b\u{202e}c\u{200d}\u{a}`);
    assert.equal(visible(`<script>"'& שלום 💩 é`), `<script>"'& שלום 💩 é`);
});

test("a percentile is between the bounds of its bucket", () => {
    const bounds = [0.1, 0.3, 1.5, Infinity];
    const of = (percent, counts) => quantile(percent / 100, bounds, counts);
    assert.deepEqual(of(50, [10, 0, 0, 0]), { low: 0, high: 0.1 });
    assert.deepEqual(of(95, [95, 5, 0, 0]), { low: 0, high: 0.1 });
    assert.deepEqual(of(96, [95, 5, 0, 0]), { low: 0.1, high: 0.3 });
    assert.deepEqual(of(99, [95, 0, 5, 0]), { low: 0.3, high: 1.5 });
    assert.deepEqual(of(99, [0, 0, 0, 1]), { low: 1.5, high: Infinity });
    assert.equal(of(50, [0, 0, 0, 0]), null);
    assert.equal(quantile(0.5, [Infinity], [3]), null, "without bounds nothing is known");
});

/** The protobuf encoding, as far as a page needs it: `[field, value]` in order. */
function message(...fields) {
    return fields.flatMap(([field, value]) => {
        if (typeof value === "bigint") return [...varint(field * 8), ...varint(Number(value))];
        if (typeof value === "number")
            return [...varint(field * 8 + 1), ...new Uint8Array(new Float64Array([value]).buffer)];
        const bytes = typeof value === "string" ? [...new TextEncoder().encode(value)] : value;
        return [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
    });
}

function varint(number) {
    return number < 128 ? [number] : [(number % 128) + 128, ...varint(Math.floor(number / 128))];
}

const zigzag = (number) => BigInt(number < 0 ? -2 * number - 1 : 2 * number);

/** A page of protobuf with one route: `native` are the fields of its native histogram. */
function protobufPage(count, native = []) {
    const labels = { type: "http", status: "200", isError: "false", method: "GET", addr: '/"é\\\n' };
    const pairs = Object.entries(labels).map(([key, value]) => [1, message([1, key], [2, value])]);
    const histogram = message(
        [1, BigInt(count)],
        [2, count / 10],
        [3, message([1, BigInt(count)], [2, 0.3])],
        ...native,
    );
    const family = (name, type, ...metrics) =>
        message([1, name], [2, "Help"], [3, BigInt(type)], ...metrics.map((metric) => [4, metric]));
    const families = [
        family("request_seconds", 4, message(...pairs, [7, histogram])),
        family("response_size_bytes", 0, message(...pairs, [3, message([1, count * 10])])),
        family("workers_alive", 1, message([2, message([1, 2])], [6, 1234n])),
    ];
    return new Uint8Array(families.flatMap((one) => [...varint(one.length), ...one]));
}

test("a protobuf page has the samples of the text page", () => {
    const samples = [];
    readProtobuf(
        protobufPage(300),
        () => {},
        (...sample) => samples.push(sample),
        () => {},
    );
    assert.equal(readSeries(samples[0][0]).labels.get("addr"), '/"é\\\n');
    assert.deepEqual(
        samples.map(([series, value]) => [series.replace(/addr="[^,}]*"/, "addr"), value]),
        [
            ['request_seconds_bucket{type="http",status="200",isError="false",method="GET",addr,le="0.3"}', 300],
            ['request_seconds_bucket{type="http",status="200",isError="false",method="GET",addr,le="+Inf"}', 300],
            ['request_seconds_sum{type="http",status="200",isError="false",method="GET",addr}', 30],
            ['request_seconds_count{type="http",status="200",isError="false",method="GET",addr}', 300],
            ['response_size_bytes{type="http",status="200",isError="false",method="GET",addr}', 3000],
            ["workers_alive", 2],
        ],
    );
});

test("native histograms give percentiles within 9 %", () => {
    // Schema 4: 16 buckets for each power of two. 90 observations of 0.1 s, 10 of 2 s.
    const index = (seconds) => Math.ceil(Math.log2(seconds) * 16);
    const gap = index(2) - index(0.1) - 1;
    const spans = [
        [12, message([1, zigzag(index(0.1))], [2, 1n])],
        [12, message([1, zigzag(gap)], [2, 1n])],
    ];
    const native = (times) => [
        [5, zigzag(4)],
        [6, 0],
        [7, 0n],
        ...spans,
        [13, [...varint(Number(zigzag(90 * times))), ...varint(Number(zigzag(-80 * times)))]],
    ];
    const counters = new Counters();
    counters.read(protobufPage(100, native(1)), 1000);
    counters.read(protobufPage(200, native(2)), 1002);
    const sums = counters.all.requests.natives.sum(0, 2);
    assert.equal(
        [...sums.values()].reduce((sum, count) => sum + count, 0),
        100,
    );
    for (const [percent, seconds] of [
        [50, 0.1],
        [90, 0.1],
        [91, 2],
        [99, 2],
    ]) {
        const { low, high } = nativeQuantile(percent / 100, sums);
        assert.ok(low < seconds && seconds <= high && high / low < 1.1, `p${percent} is in ${low} to ${high}`);
    }
    assert.equal(formatRange(nativeQuantile(0.99, sums)), "≈ 1.92 s");
});

test("a protobuf page that is cut off is refused", () => {
    const page = protobufPage(3);
    assert.throws(
        () =>
            readProtobuf(
                page.subarray(0, page.length - 5),
                () => {},
                () => {},
                () => {},
            ),
        /cut off/,
    );
});

test("ranges are written without inventing a number", () => {
    assert.equal(formatRange({ low: 0, high: 0.1 }), "≤ 100 ms");
    assert.equal(formatRange({ low: 0.1, high: 0.3 }), "100–300 ms");
    assert.equal(formatRange({ low: 0.3, high: 1.5 }), "300 ms–1.5 s");
    assert.equal(formatRange({ low: 10.5, high: Infinity }), "> 10.5 s");
    assert.equal(formatRange(null), "–");
});

test("the first page is where counting begins", () => {
    const counters = new Counters();
    assert.equal(counters.read(page({ 200: [5, 1, 0] }), 1000), FIRST);
    assert.equal(whole(counters).requests, 0);
    assert.equal(whole(counters).rate, null);
    assert.equal(counters.all.requests.total, 6);
});

test("what is gained between pages is counted once in its class, rate and bucket", () => {
    const counters = new Counters();
    counters.read(page({ 200: [5, 1, 0] }), 1000);
    const read = counters.read(page({ 200: [15, 1, 2], 404: [3, 0, 0], 499: [1, 0, 0], 500: [4, 0, 0] }), 1010);
    assert.equal(read, READ);
    const figures = whole(counters);
    assert.equal(figures.requests, 20);
    assert.equal(figures.rate, 2);
    assert.equal(figures.byteRate, 20);
    assert.deepEqual([figures.serverErrors, figures.clientErrors, figures.gone], [0.2, 0.15, 0.05]);
    assert.deepEqual([...figures.buckets], [18, 0, 2]);
    assert.ok(Math.abs(figures.mean - 0.05) < 1e-6);
    assert.equal(counters.routes.size, 1);
});

test("a counter that falls is a restart, and all counters begin at zero then", () => {
    const counters = new Counters();
    counters.read(page({ 200: [100, 0, 0], 404: [1, 0, 0] }), 1000);
    counters.read(page({ 200: [110, 0, 0], 404: [1, 0, 0] }), 1002);
    // The 404 has overtaken its old value: alone it would not show the restart.
    assert.equal(counters.read(page({ 200: [7, 0, 0], 404: [5, 0, 0] }), 1004), RESTART);
    assert.equal(whole(counters).requests, 10 + 12);
    assert.equal(counters.all.requests.total, 12);
    assert.deepEqual(marksOf(counters.timeline, 0, 1004).marks, [1004]);
    const covered = stepsOf(counters.timeline, 0).map(({ seconds }) => seconds);
    assert.deepEqual(covered, [0, 2, 0], "the rate of the new process is not known at once");
});

test("a series that is gone, or another start time, is a restart", () => {
    const started = (time) => ({ extra: `process_start_time_seconds ${time}\n` });
    const gone = new Counters();
    gone.read(page({ 200: [1, 0, 0], 404: [1, 0, 0] }), 1000);
    assert.equal(gone.read(page({ 200: [2, 0, 0] }), 1002), RESTART);
    assert.equal(whole(gone).requests, 2);
    const overtaken = new Counters();
    overtaken.read(page({ 200: [1, 0, 0] }, started(900)), 1000);
    assert.equal(overtaken.read(page({ 200: [5, 0, 0] }, started(1001)), 1002), RESTART);
    assert.equal(whole(overtaken).requests, 5);
    assert.equal(overtaken.read(page({ 200: [6, 0, 0] }, started(1001)), 1004), READ);
});

test("another version of the server may have other buckets", () => {
    const counters = new Counters();
    counters.read(page({ 200: [9, 0, 0] }), 1000);
    counters.read(page({ 200: [1, 2] }, { bounds: ["5", "+Inf"] }), 1002);
    assert.deepEqual(counters.all.requests.bounds, [5, Infinity]);
    assert.deepEqual([...whole(counters).buckets], [1, 2]);
});

test("polls that fail are a gap, and their time is covered by the next page", () => {
    const counters = new Counters();
    counters.read(page({ 200: [0, 0, 0] }), 1000);
    counters.read(page({ 200: [2, 0, 0] }), 1002);
    counters.fail(1004);
    counters.fail(1006);
    assert.deepEqual(marksOf(counters.timeline, 0, 1007).gaps, [{ from: 1002, to: 1007 }]);
    counters.read(page({ 200: [8, 0, 0] }), 1008);
    assert.deepEqual(marksOf(counters.timeline, 0, 1008).gaps, [{ from: 1002, to: 1008 }]);
    assert.equal(whole(counters).rate, 1);
    const rates = stepsOf(counters.timeline, 0).map(({ seconds }) => seconds);
    assert.deepEqual(rates, [0, 2, 0, 0, 6]);
});

test("a status that is an error for the app alone is an error, and one that is none is none", () => {
    const labels = (status, isError) => `{type="amqp",status="${status}",isError="${isError}",method="",addr="q"}`;
    const of = (count) =>
        `request_seconds_count${labels("failed", true)} ${count}\nrequest_seconds_count${labels("404", false)} ${count}\n`;
    const counters = new Counters();
    counters.read(of(0), 1000);
    counters.read(of(1), 1002);
    assert.deepEqual([whole(counters).serverErrors, whole(counters).clientErrors], [0.5, 0]);
});

test("dependencies have a state, and a change of it has its time", () => {
    const up = (value) => `dependency_up{name="db"} ${value}\n`;
    const counters = new Counters();
    counters.read(up(1), 1000);
    assert.deepEqual(counters.states.get("db"), { isUp: true, since: 1000, isExact: false });
    counters.read(up(1), 1002);
    counters.read(up(0), 1004);
    counters.read(up(0), 1006);
    assert.deepEqual(counters.states.get("db"), { isUp: false, since: 1004, isExact: true });
});

test("names that objects of JavaScript have are names like others", () => {
    const counters = new Counters();
    const text = '__proto__ 1\nconstructor{__proto__="x"} 2\ntoString 3\n';
    counters.read(text, 1000);
    counters.read(text, 1002);
    assert.deepEqual(
        [...counters.others.keys()],
        text
            .trim()
            .split("\n")
            .map((line) => line.slice(0, -2)),
    );
});

test("a history has the sum of any ticks, and forgets the oldest", () => {
    const history = new History(2);
    for (let tick = 0; tick < 1000; tick += 1) history.add(tick, 1, tick);
    for (const [from, to] of [
        [0, 1000],
        [0, 0],
        [63, 65],
        [64, 128],
        [1, 999],
        [900, 2000],
    ]) {
        let expected = 0;
        for (let tick = from; tick < Math.min(to, 1000); tick += 1) expected += tick;
        assert.deepEqual([...history.sum(from, to)], [0, expected], `${from} to ${to}`);
    }
    history.forget(640);
    assert.equal(history.sum(0, 640)[1], 0);
    assert.ok(history.sum(640, 1000)[1] > 0);
});

test("the timeline keeps its last ticks", () => {
    const timeline = new Timeline();
    for (let tick = 0; tick < TICKS + 10; tick += 1) timeline.add(tick, READ, 1);
    assert.equal(timeline.start, 10);
    assert.equal(timeline.after(-1), 10);
    assert.equal(timeline.after(TICKS), TICKS + 1);
    const steps = stepsOf(timeline, 0);
    assert.ok(steps.length <= 181, String(steps.length));
    assert.equal(
        steps.reduce((sum, { seconds }) => sum + seconds, 0),
        TICKS,
    );
});

test("an hour of 2,000 routes stays within the memory that is meant for it", () => {
    const counters = new Counters();
    const of = (count) => {
        const lines = [];
        for (let route = 0; route < 2000; route += 1) {
            lines.push(
                `request_seconds_count{type="http",status="200",isError="false",method="GET",addr="/${route}"} ${count}`,
            );
        }
        return `${lines.join("\n")}\n`;
    };
    for (let tick = 0; tick < 800; tick += 1) counters.read(of(tick), 1000 + 5 * tick);
    const blocks = [...counters.routes.values()].reduce((sum, { history }) => sum + history.blocks.size, 0);
    assert.ok(blocks <= 16_000, `${blocks} blocks`);
    const recent = counters.routes
        .values()
        .next()
        .value.history.sum(800 - 60, 800);
    assert.equal(requestsIn(recent), 60);
});

test("numbers have about three digits and their unit", () => {
    assert.deepEqual([0, 0.005, 1, 12.34, 99.96, 1234.5, 2.5e6].map(formatNumber), [
        "0",
        "0.005",
        "1.00",
        "12.3",
        "100",
        "1,235",
        "2.50 M",
    ]);
    assert.deepEqual([0, 25e-6, 0.0123, 0.9999, 12].map(formatSeconds), [
        "0 s",
        "25.0 µs",
        "12.3 ms",
        "1.00 s",
        "12.0 s",
    ]);
    assert.deepEqual([0, 999, 1000, 1.5e6].map(formatBytes), ["0 B", "999 B", "1.00 kB", "1.50 MB"]);
    assert.deepEqual([0, 0.00001, 0.0312, 0.5, 1].map(formatShare), ["0 %", "< 0.01 %", "3.1 %", "50.0 %", "100 %"]);
    assert.deepEqual([0, 59, 61, 3600, 90061].map(formatDuration), ["0 s", "59 s", "1 min 1 s", "1 h", "1 d 1 h"]);
    assert.equal(formatCount(1234567), "1,234,567");
    assert.deepEqual([formatCount(NaN), formatByteRate(NaN), formatByteRate(2000)], ["–", "–", "2.00 kB/s"]);
});
