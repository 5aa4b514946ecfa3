// What was read in the past: one tick for each poll, and what each group of series gained in it.

export const FIRST = 0;
export const READ = 1;
export const RESTART = 2;
export const FAILED = 3;

/** How many ticks are kept: an hour of polls every two seconds. */
export const TICKS = 1800;

/** When each poll was, what became of it, and how many seconds its figures cover. */
export class Timeline {
    constructor() {
        this.length = 0;
        this.times = new Float64Array(TICKS);
        this.kinds = new Uint8Array(TICKS);
        this.seconds = new Float64Array(TICKS);
    }

    add(time, kind, seconds) {
        const tick = this.length;
        this.times[tick % TICKS] = time;
        this.kinds[tick % TICKS] = kind;
        this.seconds[tick % TICKS] = seconds;
        this.length += 1;
        return tick;
    }

    time(tick) {
        return this.times[tick % TICKS];
    }

    kind(tick) {
        return this.kinds[tick % TICKS];
    }

    /** The first tick that is kept. */
    get start() {
        return Math.max(0, this.length - TICKS);
    }

    /** The first tick after a moment. */
    after(moment) {
        let tick = this.length;
        while (tick > this.start && this.time(tick - 1) > moment) tick -= 1;
        return tick;
    }

    /** How many seconds the figures of these ticks cover. */
    covered(from, to) {
        let sum = 0;
        for (let tick = from; tick < to; tick += 1) sum += this.seconds[tick % TICKS];
        return sum;
    }
}

const BLOCK = 64;

/**
 * What one group gained in each tick, in several fields. Ticks are kept in blocks, each with its
 * sum, and only if something was gained in them: a group without requests costs nothing.
 */
export class History {
    constructor(fields, Numbers = Float32Array) {
        this.fields = fields;
        this.Numbers = Numbers;
        this.blocks = new Map();
    }

    add(tick, field, amount) {
        if (amount === 0) return;
        const number = Math.floor(tick / BLOCK);
        let block = this.blocks.get(number);
        if (!block) {
            block = new this.Numbers((BLOCK + 1) * this.fields);
            this.blocks.set(number, block);
        }
        block[(tick % BLOCK) * this.fields + field] += amount;
        block[BLOCK * this.fields + field] += amount;
    }

    /** What was gained from the tick `from` to before `to`, by field. */
    sum(from, to) {
        const sums = new Float64Array(this.fields);
        for (const [number, block] of this.blocks) {
            const start = number * BLOCK;
            if (start >= to || start + BLOCK <= from) continue;
            const isWhole = from <= start && start + BLOCK <= to;
            const first = isWhole ? BLOCK : Math.max(0, from - start);
            const end = isWhole ? BLOCK + 1 : Math.min(BLOCK, to - start);
            for (let at = first * this.fields; at < end * this.fields; at += 1) sums[at % this.fields] += block[at];
        }
        return sums;
    }

    /** Drops the blocks before a tick. */
    forget(before) {
        for (const number of this.blocks.keys()) {
            if ((number + 1) * BLOCK <= before) this.blocks.delete(number);
        }
    }
}

/** What a group gained in the buckets of native histograms, in each tick. */
export class NativeHistory {
    constructor() {
        this.ticks = new Map();
    }

    add(tick, index, amount) {
        if (!(amount > 0)) return;
        let buckets = this.ticks.get(tick);
        if (!buckets) {
            buckets = new Map();
            this.ticks.set(tick, buckets);
        }
        buckets.set(index, (buckets.get(index) ?? 0) + amount);
    }

    sum(from, to) {
        const sums = new Map();
        if (this.ticks.size === 0) return sums;
        for (let tick = from; tick < to; tick += 1) {
            for (const [index, amount] of this.ticks.get(tick) ?? []) sums.set(index, (sums.get(index) ?? 0) + amount);
        }
        return sums;
    }

    forget(before) {
        for (const tick of this.ticks.keys()) if (tick < before) this.ticks.delete(tick);
    }
}
