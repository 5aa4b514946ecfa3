"""Waiting for a condition, with a deadline. The only place that sleeps."""

import time


class Deadline(Exception):
    pass


def until(what, seconds, probe):
    """The first truthy value of `probe`, asked again and again; `Deadline` when `seconds` have gone by.

    A probe may raise `OSError` while nobody listens yet.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            last = probe()
            if last:
                return last
        except OSError as error:
            last = error
        if time.monotonic() > end:
            raise Deadline(f"not within {seconds} s: {what} (last seen: {last!r})")
        time.sleep(0.05)
