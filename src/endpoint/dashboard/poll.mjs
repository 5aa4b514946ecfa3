// Polls the metrics page.

const EVERY = 2000;
const PATIENCE = 10_000;

/** A page of this length takes both sides a while, so it is asked for less often. */
const LARGE = 500_000;
const EVERY_IF_LARGE = 5000;
const EVERY_IF_HIDDEN = 10_000;

/** Protobuf is offered if native histograms are on. */
const PROTOBUF = "application/vnd.google.protobuf";
const ACCEPT = `${PROTOBUF};proto=io.prometheus.client.MetricFamily;encoding=delimited,text/plain;version=0.0.4;q=0.5`;

/** The address of the metrics: that of this page, without the credentials that it may contain. */
function metricsAddress() {
    const address = new URL(location.href);
    address.username = address.password = address.hash = "";
    address.search = "?metrics";
    return address;
}

/** The present in seconds since 1970, on a clock that is never set back. */
export function now() {
    return (performance.timeOrigin + performance.now()) / 1000;
}

/** Calls `onPage(page, time)` for each page and `onFailure(reason, time)` for each failed poll. */
export class Poll {
    constructor(onPage, onFailure) {
        this.onPage = onPage;
        this.onFailure = onFailure;
        this.every = EVERY;
        this.timer = null;
        this.isRunning = false;
        // Counts starts: an answer to a poll before the last one is ignored.
        this.starts = 0;
        document.addEventListener("visibilitychange", () => {
            if (!document.hidden && this.isRunning && this.timer !== null) this.schedule(0);
        });
    }

    start() {
        this.isRunning = true;
        this.starts += 1;
        this.schedule(0);
    }

    stop() {
        this.isRunning = false;
        clearTimeout(this.timer);
        this.timer = null;
    }

    schedule(delay) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.once(), delay);
    }

    async once() {
        this.timer = null;
        const begun = performance.now();
        const starts = this.starts;
        let reason = "";
        let answer = null;
        try {
            answer = await load();
        } catch (error) {
            reason = reasonOf(error);
        }
        if (!this.isRunning || this.starts !== starts) return;
        if (answer) {
            this.every = answer.page.length > LARGE ? EVERY_IF_LARGE : EVERY;
            this.onPage(answer.page, answer.time);
        } else {
            this.onFailure(reason, now());
        }
        const every = document.hidden ? EVERY_IF_HIDDEN : this.every;
        if (this.isRunning && this.timer === null) this.schedule(Math.max(100, every - (performance.now() - begun)));
    }
}

async function load() {
    const response = await fetch(metricsAddress(), {
        headers: { accept: ACCEPT },
        cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE),
    });
    const time = now();
    if (!response.ok) throw new Error(`the server answers with status ${response.status}`);
    const type = response.headers.get("content-type") ?? "";
    if (type.startsWith(PROTOBUF)) return { page: new Uint8Array(await response.arrayBuffer()), time };
    if (type.startsWith("text/plain")) return { page: await response.text(), time };
    throw new Error("the answer is another page; sign in again");
}

function reasonOf(error) {
    if (error.name === "TimeoutError") return `the server did not answer within ${PATIENCE / 1000} s`;
    return error instanceof TypeError ? "the server cannot be reached" : error.message;
}
