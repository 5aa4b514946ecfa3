"""Headless Chromium: what a page shows, and a picture of it."""

import os
import struct
import subprocess
import tempfile

FLAGS = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


def chromium(*arguments):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # Chromium's sandbox refuses to run for root.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = ["chromium", *FLAGS, *sandbox, f"--user-data-dir={profile}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def shown(url):
    """The document that the browser made of a page."""
    return chromium("--dump-dom", url)


def screenshot(url, path, width, height, *arguments):
    """A picture of a page, in the file `path`."""
    chromium(f"--screenshot={path}", f"--window-size={width},{height}", *arguments, url)
    return path


def png_size(path):
    """Width and height that a PNG file says it has."""
    head = path.read_bytes()[:24]
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"{path} is not a PNG")
    return struct.unpack(">II", head[16:24])
