// Label sets and the groups in which they are shown: all routes, one route, one dependency.

import { History, NativeHistory } from "./history.mjs";

/** The fields of a group's history: requests by how they ended, then what they took. */
export const OK = 0;
export const CLIENT_ERROR = 1;
export const GONE = 2;
export const SERVER_ERROR = 3;
export const OTHER_ERROR = 4;
export const SECONDS = 5;
export const BYTES = 6;
export const BUCKETS = 7;

/** The values of a label set: those of its samples, and after them its buckets. */
export const COUNT = 0;
export const SUM = 1;
export const SIZE = 2;
export const FIRST_BUCKET = 3;

/** How a request with these labels ended. */
export function classOf(labels) {
    const status = labels.get("status") ?? "";
    if (status === "499") return GONE;
    if (labels.get("isError") !== "true") return OK;
    if (/^4\d\d$/.test(status)) return CLIENT_ERROR;
    return /^5\d\d$/.test(status) ? SERVER_ERROR : OTHER_ERROR;
}

/** The number of requests in the fields of a history. */
export function requestsIn(fields) {
    return fields[OK] + fields[CLIENT_ERROR] + fields[GONE] + fields[SERVER_ERROR] + fields[OTHER_ERROR];
}

/** Series that are shown together: all routes, one route, one dependency. */
export class Group {
    constructor(labels, bounds, Numbers) {
        this.labels = labels;
        /** What the group is called on the page, once it was shown. */
        this.name = undefined;
        this.bounds = bounds;
        this.series = [];
        this.history = new History(BUCKETS + bounds.length, Numbers);
        this.natives = new NativeHistory();
    }

    forget(before) {
        this.history.forget(before);
        this.natives.forget(before);
    }

    /** The requests since the server started. */
    get total() {
        return this.series.reduce((sum, series) => sum + series.now[COUNT], 0);
    }

    get totalBytes() {
        return this.series.reduce((sum, series) => sum + series.now[SIZE], 0);
    }
}

/** One label set of a histogram, with the values of this page and of the page before. */
export class Series {
    constructor(family, labels) {
        this.family = family;
        this.labels = labels;
        this.now = [0, 0, 0];
        this.before = [0, 0, 0];
        this.bounds = [];
        /** The buckets of the native histogram of this page and of the page before, by index. */
        this.native = new Map();
        this.nativeBefore = new Map();
        this.schema = null;
        this.schemaBefore = null;
        this.groups = null;
        this.page = 0;
    }

    get count() {
        return this.now[COUNT];
    }
}
