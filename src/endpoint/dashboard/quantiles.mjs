// What buckets can tell about percentiles: between which bounds they are, and no more.

import { formatBound, formatSeconds } from "./format.mjs";

/**
 * The bounds of the bucket that contains the quantile, or `null` without observations. `bounds`
 * are upper bounds, the last one infinite; `counts` are the observations of each bucket alone.
 */
export function quantile(share, bounds, counts) {
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (!(total > 0) || bounds[0] === Infinity) return null;
    const rank = share * total;
    let below = 0;
    for (let at = 0; at < bounds.length; at += 1) {
        below += counts[at];
        if (counts[at] > 0 && below >= rank) return { low: at === 0 ? 0 : bounds[at - 1], high: bounds[at] };
    }
    return null;
}

/** Native histograms are kept with so many buckets for each power of two: 9 % from bound to bound. */
const PER_POWER = 8;
const SCHEMA = Math.log2(PER_POWER);

/** Observations of zero have this index. */
export const ZERO = -Infinity;

/** The index that a bucket of a native histogram has with `PER_POWER` buckets. */
export function nativeIndex(index, schema) {
    return schema >= SCHEMA ? Math.ceil(index / 2 ** (schema - SCHEMA)) : index * 2 ** (SCHEMA - schema);
}

/** As `quantile`, from the buckets of a native histogram: a `Map` from the index to the count. */
export function nativeQuantile(share, buckets) {
    const sorted = [...buckets].sort(([a], [b]) => a - b);
    const total = sorted.reduce((sum, [, count]) => sum + count, 0);
    let below = 0;
    for (const [index, count] of sorted) {
        below += count;
        if (below >= share * total) return { low: 2 ** ((index - 1) / PER_POWER), high: 2 ** (index / PER_POWER) };
    }
    return null;
}

/** `≤ 100 ms`, `100–300 ms` or `> 10.5 s`; `≈ 123 ms` if the bounds are as close as in a native histogram. */
export function formatRange(range) {
    if (!range) return "–";
    if (range.high === Infinity) return `> ${formatBound(range.low)}`;
    if (range.high <= range.low * 1.1) return `≈ ${formatSeconds(Math.sqrt(range.low * range.high))}`;
    if (range.low === 0) return `≤ ${formatBound(range.high)}`;
    const [low, high] = [formatBound(range.low), formatBound(range.high)];
    const isSameUnit = low.split(" ")[1] === high.split(" ")[1];
    return `${isSameUnit ? low.split(" ")[0] : low}–${high}`;
}
