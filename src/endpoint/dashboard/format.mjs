// Numbers, durations and sizes as text.

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A count with all its digits: `12,345`. */
export function formatCount(count) {
    return Number.isFinite(count) ? WHOLE.format(count) : "–";
}

/** A number with about three digits. */
export function formatNumber(number) {
    if (!Number.isFinite(number)) return "–";
    const size = Math.abs(number);
    if (size === 0) return "0";
    if (size >= 1e6) return `${formatNumber(number / 1e6)} M`;
    if (size >= 99.95) return WHOLE.format(number);
    if (size >= 9.995) return number.toFixed(1);
    return size >= 0.001 ? number.toFixed(size >= 0.0995 ? 2 : 3) : number.toExponential(1);
}

/** A value as it is on the page: whole numbers with all digits. */
export function formatValue(value) {
    return Number.isInteger(value) ? WHOLE.format(value) : formatNumber(value);
}

export function formatRate(perSecond) {
    return Number.isFinite(perSecond) ? `${formatNumber(perSecond)}/s` : "–";
}

/** A latency: `12.3 ms`. */
export function formatSeconds(seconds) {
    if (!Number.isFinite(seconds)) return "–";
    if (seconds === 0) return "0 s";
    if (seconds < 0.9995e-3) return `${formatNumber(seconds * 1e6)} µs`;
    if (seconds < 0.9995) return `${formatNumber(seconds * 1e3)} ms`;
    return `${formatNumber(seconds)} s`;
}

/** A bound of a bucket, as short as it is exact: `300 ms`, `10.5 s`. */
export function formatBound(seconds) {
    const [amount, unit] =
        seconds < 1e-3 ? [seconds * 1e6, "µs"] : seconds < 1 ? [seconds * 1e3, "ms"] : [seconds, "s"];
    return `${Number(amount.toPrecision(4))} ${unit}`;
}

export function formatBytes(bytes) {
    if (!Number.isFinite(bytes)) return "–";
    let amount = bytes;
    for (const unit of ["B", "kB", "MB", "GB", "TB"]) {
        if (Math.abs(amount) < 999.5 || unit === "TB") {
            return `${unit === "B" ? WHOLE.format(amount) : formatNumber(amount)} ${unit}`;
        }
        amount /= 1000;
    }
    return "–";
}

export function formatByteRate(perSecond) {
    return Number.isFinite(perSecond) ? `${formatBytes(perSecond)}/s` : "–";
}

export function formatShare(share) {
    if (!Number.isFinite(share)) return "–";
    const percent = share * 100;
    if (percent === 0) return "0 %";
    return percent < 0.01 ? "< 0.01 %" : `${percent >= 99.95 ? "100" : percent.toFixed(percent >= 0.995 ? 1 : 2)} %`;
}

/** How long something has lasted: `3 d 4 h`, `12 min 5 s`. */
export function formatDuration(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const parts = [
        [Math.floor(whole / 86400), "d"],
        [Math.floor(whole / 3600) % 24, "h"],
        [Math.floor(whole / 60) % 60, "min"],
        [whole % 60, "s"],
    ];
    const first = parts.findIndex(([amount]) => amount > 0);
    if (first < 0) return "0 s";
    return parts
        .slice(first, first + 2)
        .filter(([amount]) => amount > 0)
        .map((part) => part.join(" "))
        .join(" ");
}

/** The time of day of a moment in seconds since 1970: `12:03:05`. */
export function formatClock(moment, hasSeconds = true) {
    const text = new Date(moment * 1000).toTimeString();
    return text.slice(0, hasSeconds ? 8 : 5);
}
