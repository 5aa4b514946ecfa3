// The Prometheus text format 0.0.4.

const HASH = 35;

/**
 * Calls `onType(family, type)` for each type and `onSample(series, value)` for each sample. A
 * series is its text, `name{key="value"}`: most of them were read before, so that their labels
 * need not be read again.
 */
export function readPage(text, onType, onSample) {
    let start = 0;
    while (start < text.length) {
        let end = text.indexOf("\n", start);
        if (end < 0) end = text.length;
        const line = text.slice(start, end);
        start = end + 1;
        if (line.charCodeAt(0) === HASH) {
            const [, keyword, family, type] = line.split(" ", 4);
            if (keyword === "TYPE") onType(family, type);
        } else if (line !== "") {
            // A label's value may contain a space and a brace, what follows the labels may not.
            const close = line.lastIndexOf("}");
            const space = line.indexOf(" ", close + 1);
            if (space > 0) onSample(line.slice(0, space), readValue(line.slice(space + 1)));
        }
    }
}

function readValue(text) {
    const value = text.split(" ", 1)[0];
    if (value.endsWith("Inf")) return value.startsWith("-") ? -Infinity : Infinity;
    return Number(value);
}

/** The name and the labels, a `Map`, of a series. */
export function readSeries(series) {
    const open = series.indexOf("{");
    if (open < 0) return { name: series, labels: new Map() };
    const labels = new Map();
    let at = open + 1;
    while (at < series.length && series[at] !== "}") {
        const equals = series.indexOf("=", at);
        if (equals < 0) break;
        const [value, end] = readQuoted(series, equals + 1);
        labels.set(series.slice(at, equals).trim(), value);
        at = series[end] === "," ? end + 1 : end;
    }
    return { name: series.slice(0, open), labels };
}

/** The text between the quotes at `start`, and the place after them. */
function readQuoted(series, start) {
    let value = "";
    let at = start + 1;
    while (at < series.length && series[at] !== '"') {
        if (series[at] === "\\") {
            at += 1;
            value += series[at] === "n" ? "\n" : (series[at] ?? "");
        } else {
            value += series[at];
        }
        at += 1;
    }
    return [value, at + 1];
}

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A label's value with its invisible characters as escapes, which could reorder or hide the rest. */
export function visible(text) {
    return text.replace(INVISIBLE, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);
}
