"""What was asserted, one line each, and the count at the end."""

import contextlib
import sys
import traceback


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.figures = []

    def check(self, what, holds, detail=""):
        """One assertion: `what` says it as a sentence, `detail` says why it fails."""
        if holds:
            self.passed += 1
            print(f"ok    {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL  {what}\n      {detail}", flush=True)

    def same(self, what, got, expected):
        self.check(what, got == expected, difference(got, expected))

    def table(self, title, head, rows):
        """Figures of the run, printed at its end as a table in Markdown: to be pasted where they are told."""
        lines = [head, ["---"] * len(head), *rows]
        self.figures.append([f"**{title}**", "", *("| " + " | ".join(map(str, line)) + " |" for line in lines)])

    @contextlib.contextmanager
    def section(self, title):
        """A missed deadline or a broken tool fails its section; the others are still run."""
        print(f"\n{title}", flush=True)
        try:
            yield
        except Exception as error:
            traceback.print_exc(file=sys.stdout)
            self.check(f"{title}: runs to its end", False, f"{type(error).__name__}: {error}")

    def close(self):
        """Prints the figures and the closing line; the exit code."""
        for lines in self.figures:
            print("", *lines, sep="\n")
        print(f"\n{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


def difference(got, expected):
    """The part in which two values differ, where they have parts."""
    if isinstance(got, dict) and isinstance(expected, dict):
        keys = sorted((k for k in got.keys() | expected.keys() if got.get(k) != expected.get(k)), key=repr)
        return "; ".join(f"{k}: got {got.get(k)}, expected {expected.get(k)}" for k in keys)
    if isinstance(got, set) and isinstance(expected, set):
        return f"too much: {sorted(got - expected, key=repr)}; missing: {sorted(expected - got, key=repr)}"
    return f"got {got!r}, expected {expected!r}"
