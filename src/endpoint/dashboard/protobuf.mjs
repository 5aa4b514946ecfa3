// The Prometheus protobuf format, which has native histograms: `io.prometheus.client`.

const LENGTH = 2;

const TYPES = { 0: "counter", 1: "gauge", 2: "summary", 3: "untyped", 4: "histogram" };

/** The field of a metric with its value, by type. */
const VALUES = { 0: 3, 1: 2, 3: 5 };

const UTF8 = new TextDecoder();
const BYTES_AS_TEXT = new TextDecoder("latin1");

/** The labels of metrics that were read before, by their bytes. */
const knownLabels = new Map();

/**
 * Calls `onType` and `onSample` as `readPage` does for a page with the same samples, and
 * `onNative(series, histogram)` for each native histogram, with the series of its count. Its
 * buckets are a `Map` from the index to the number of observations.
 */
export function readProtobuf(bytes, onType, onSample, onNative) {
    const page = new Message(bytes, 0, bytes.length);
    while (page.at < page.end) readFamily(page.inner(page.varint()), onType, onSample, onNative);
}

function readFamily(family, onType, onSample, onNative) {
    let [name, type] = ["", 0];
    family.fields((field, value) => {
        if (field === 1) name = value.text();
        if (field === 3) {
            type = value;
            onType(name, TYPES[type] ?? "untyped");
        }
        if (field === 4) readMetric(value, name, type, onSample, onNative);
    });
}

function readMetric(metric, name, type, onSample, onNative) {
    const [labels, values] = [[], new Map()];
    metric.fields((field, value) => {
        if (field === 1) labels.push(value);
        else values.set(field, value);
    });
    const text = labelsOf(labels);
    const series = (suffix, inner = text) => `${name}${suffix}${inner && `{${inner}}`}`;
    if (type === 4) readHistogram(values.get(7), text, series, onSample, onNative);
    else if (type === 2) readSummary(values.get(4), text, series, onSample);
    else if (type in VALUES)
        values.get(VALUES[type])?.fields((field, value) => field === 1 && onSample(series(""), value));
}

function readSummary(summary, labels, series, onSample) {
    summary?.fields((field, value) => {
        if (field === 1) onSample(series("_count"), value);
        if (field === 2) onSample(series("_sum"), value);
        if (field === 3) {
            let [quantile, observed] = [0, 0];
            value.fields((inner, number) => {
                if (inner === 1) quantile = number;
                if (inner === 2) observed = number;
            });
            onSample(series("", `${labels}${labels && ","}quantile="${quantile}"`), observed);
        }
    });
}

function readHistogram(histogram, labels, series, onSample, onNative) {
    let [count, sum, last] = [0, 0, 0];
    const native = { schema: null, zeros: 0, spans: [], deltas: [] };
    histogram?.fields((field, value) => {
        if (field === 1) count = value;
        if (field === 2) sum = value;
        if (field === 3) {
            let [upTo, bound] = [0, 0];
            value.fields((inner, number) => {
                if (inner === 1) upTo = number;
                if (inner === 2) bound = number;
            });
            last = bound;
            const le = bound === Infinity ? "+Inf" : String(bound);
            onSample(series("_bucket", `${labels}${labels && ","}le="${le}"`), upTo);
        }
        if (field === 5) native.schema = signed(value);
        if (field === 7) native.zeros = value;
        if (field === 12) native.spans.push(spanOf(value));
        if (field === 13) native.deltas.push(...signedNumbers(value));
    });
    if (last !== Infinity) onSample(series("_bucket", `${labels}${labels && ","}le="+Inf"`), count);
    onSample(series("_sum"), sum);
    onSample(series("_count"), count);
    if (native.schema !== null)
        onNative(series("_count"), { schema: native.schema, zeros: native.zeros, buckets: bucketsOf(native) });
}

function spanOf(span) {
    let [offset, length] = [0, 0];
    span.fields((field, value) => {
        if (field === 1) offset = signed(value);
        if (field === 2) length = value;
    });
    return { offset, length };
}

/** Each bucket's count is written as the difference from that of the bucket before. */
function bucketsOf({ spans, deltas }) {
    const buckets = new Map();
    let [index, count, next] = [0, 0, 0];
    for (const { offset, length } of spans) {
        index += offset;
        for (let at = 0; at < length; at += 1) {
            count += deltas[next] ?? 0;
            next += 1;
            if (count > 0) buckets.set(index, count);
            index += 1;
        }
    }
    return buckets;
}

/** A packed field, or one number of a field that is not packed. */
function signedNumbers(value) {
    if (typeof value === "number") return [signed(value)];
    const numbers = [];
    while (value.at < value.end) numbers.push(signed(value.varint()));
    return numbers;
}

function signed(zigzag) {
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
}

/** Labels as in the text format. */
function labelsOf(labels) {
    if (labels.length === 0) return "";
    const key = BYTES_AS_TEXT.decode(labels[0].bytes.subarray(labels[0].at, labels.at(-1).end));
    let text = knownLabels.get(key);
    if (text === undefined) {
        text = labels.map(labelOf).join(",");
        // Bounded: label sets of the past are read again.
        if (knownLabels.size >= 20_000) knownLabels.clear();
        knownLabels.set(key, text);
    }
    return text;
}

function labelOf(label) {
    const parts = ["", ""];
    label.fields((field, value) => {
        parts[field - 1] = value.text();
    });
    return `${parts[0]}="${parts[1].replace(/[\\"\n]/g, (one) => (one === "\n" ? "\\n" : `\\${one}`))}"`;
}

/** A part of a page, read from `at` to `end`. */
class Message {
    constructor(bytes, at, end) {
        if (end > bytes.length) throw new Error("the page is cut off");
        this.bytes = bytes;
        this.at = at;
        this.end = end;
    }

    /** Calls `visit(field, value)`: a number, or a `Message` for a text or another message. */
    fields(visit) {
        while (this.at < this.end) {
            const tag = this.varint();
            const kind = tag % 8;
            const value = kind === LENGTH ? this.inner(this.varint()) : kind === 0 ? this.varint() : this.fixed(kind);
            visit((tag - kind) / 8, value);
        }
    }

    inner(length) {
        const message = new Message(this.bytes, this.at, this.at + length);
        this.at += length;
        return message;
    }

    varint() {
        let [value, scale, byte] = [0, 1, 0];
        do {
            byte = this.bytes[this.at] ?? 0;
            value += (byte & 127) * scale;
            scale *= 128;
            this.at += 1;
        } while (byte & 128);
        return value;
    }

    /** A double, or four bytes that no field of a page has. */
    fixed(kind) {
        const length = kind === 1 ? 8 : 4;
        const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at, length);
        this.at += length;
        return kind === 1 ? view.getFloat64(0, true) : view.getFloat32(0, true);
    }

    text() {
        return UTF8.decode(this.bytes.subarray(this.at, this.end));
    }
}
