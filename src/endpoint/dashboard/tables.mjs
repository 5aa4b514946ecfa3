// Tables that sort, filter and stay as they are under the pointer.

import { element, setText } from "./dom.mjs";

/** How many rows are shown at first, and by how many more a press of the button adds. */
const ROWS = 100;

/**
 * `columns` are objects with `label`, `text(row)`, and optionally `value(row)` to sort by,
 * `isNumber`, and `tone(row)`, a class of the style sheet. `onChoose(row)` makes the first cell a
 * button. A row has a `key` of its own.
 */
export class Table {
    constructor(parent, { caption, columns, sortBy = null, onChoose = null, empty = "Nothing yet" }) {
        this.columns = columns;
        this.onChoose = onChoose;
        this.empty = empty;
        this.sort = { column: sortBy ?? 0, isDescending: sortBy !== null };
        this.isSortable = sortBy !== null;
        this.limit = ROWS;
        this.rows = [];
        this.shown = new Map();
        this.chosen = null;
        const table = element("table");
        table.append(element("caption", "hidden", caption));
        table.append(this.head());
        this.body = element("tbody");
        table.append(this.body);
        const frame = element("div", "scroll");
        frame.tabIndex = 0;
        frame.role = "group";
        frame.ariaLabel = caption;
        frame.append(table);
        this.note = element("p", "note");
        this.more = element("button", "more", "Show more");
        this.more.type = "button";
        this.more.hidden = true;
        this.more.addEventListener("click", () => {
            this.limit += ROWS;
            this.render(true);
        });
        parent.append(frame, this.note, this.more);
    }

    head() {
        const row = element("tr");
        this.headers = this.columns.map((column, at) => {
            const header = element("th", column.isNumber ? "number" : "");
            header.scope = "col";
            if (this.isSortable) {
                const button = element("button", "", column.label);
                button.type = "button";
                button.addEventListener("click", () => this.sortAt(at));
                header.append(button);
            } else {
                header.textContent = column.label;
            }
            row.append(header);
            return header;
        });
        this.markSorted();
        const head = element("thead");
        head.append(row);
        return head;
    }

    sortAt(column) {
        const isSame = this.sort.column === column;
        this.sort = { column, isDescending: isSame ? !this.sort.isDescending : Boolean(this.columns[column].isNumber) };
        this.markSorted();
        this.render(true);
    }

    markSorted() {
        if (!this.isSortable) return;
        this.headers.forEach((header, at) => {
            const order = this.sort.isDescending ? "descending" : "ascending";
            header.ariaSort = at === this.sort.column ? order : null;
        });
    }

    /** Shows other rows. They keep their order while the pointer or the focus is on them. */
    update(rows) {
        this.rows = rows;
        this.render(false);
    }

    render(isAsked) {
        const { column, isDescending } = this.sort;
        const { value, text } = this.columns[column];
        let rows = this.rows;
        if (this.isSortable) {
            const key = value ?? text;
            const sign = isDescending ? -1 : 1;
            const keyed = rows.map((row) => ({ row, key: key(row) }));
            keyed.sort((a, b) => sign * compare(a.key, b.key) || compare(a.row.key, b.row.key));
            rows = keyed.map(({ row }) => row);
        }
        const isHeld = !isAsked && (this.body.matches(":hover") || this.body.contains(document.activeElement));
        const visible = isHeld ? this.held(rows) : rows.slice(0, this.limit);
        this.place(visible);
        setText(
            this.note,
            rows.length === 0
                ? this.empty
                : rows.length > visible.length
                  ? `${visible.length} of ${rows.length} rows`
                  : "",
        );
        this.more.hidden = rows.length <= visible.length;
    }

    /** The rows in the order in which they are shown, then new ones as far as there is room. */
    held(rows) {
        const byKey = new Map(rows.map((row) => [row.key, row]));
        const kept = [...this.shown.keys()].filter((key) => byKey.has(key)).map((key) => byKey.get(key));
        const added = rows.filter((row) => !this.shown.has(row.key));
        return [...kept, ...added].slice(0, Math.max(kept.length, this.limit));
    }

    place(rows) {
        const shown = new Map();
        for (const row of rows) shown.set(row.key, this.shown.get(row.key) ?? this.makeRow());
        for (const [key, made] of this.shown) if (!shown.has(key)) made.line.remove();
        let at = this.body.firstChild;
        for (const row of rows) {
            const made = shown.get(row.key);
            if (made.line === at) at = at.nextSibling;
            else this.body.insertBefore(made.line, at);
            this.fill(made, row);
        }
        this.shown = shown;
    }

    makeRow() {
        const made = { line: element("tr"), cells: [], row: null };
        made.cells = this.columns.map((column, at) => {
            const cell = element(at === 0 ? "th" : "td", column.isNumber ? "number" : "");
            if (at === 0) cell.scope = "row";
            made.line.append(cell);
            if (at > 0 || !this.onChoose) return cell;
            const button = element("button", "choose");
            button.type = "button";
            made.line.classList.add("choosable");
            made.line.addEventListener("click", () => this.onChoose(made.row));
            cell.append(button);
            return button;
        });
        return made;
    }

    fill(made, row) {
        made.row = row;
        this.columns.forEach((column, at) => {
            const cell = made.cells[at];
            setText(cell, column.text(row));
            if (!column.tone) return;
            const tone = `${column.isNumber ? "number " : ""}${column.tone(row)}`;
            if (cell.className !== tone) cell.className = tone;
        });
        if (!this.onChoose) return;
        const isChosen = row.key === this.chosen;
        made.line.classList.toggle("chosen", isChosen);
        made.cells[0].ariaPressed = String(isChosen);
    }
}

/** Orders numbers by size, with those that are none last, and texts by their letters. */
function compare(a, b) {
    if (typeof a === "string" || typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
    const [x, y] = [a, b].map((one) => (Number.isFinite(one) ? one : -Infinity));
    return x === y ? 0 : x - y;
}
