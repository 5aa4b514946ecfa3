"""A tab of a headless Chromium that is driven: what its page shows, its keys and clicks, its memory, its pictures."""

import base64
import contextlib
import itertools
import json
import os
import pathlib
import tempfile
from urllib.request import urlopen

import websocket

from browser import FLAGS
from process import Program
from wait import until


class Tab:
    """Speaks the DevTools protocol with one tab. `Failure` holds what the page itself threw."""

    def __init__(self, address):
        self.socket = websocket.create_connection(address, timeout=60, suppress_origin=True)
        self.numbers = itertools.count(1)
        self.errors = []
        for domain in ["Page", "Runtime", "Log", "Network", "Performance"]:
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.note(message)

    def note(self, message):
        """Keeps what went wrong in the page: exceptions, and what the browser logs about its policy."""
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif message.get("method") == "Log.entryAdded" and parameters["entry"]["source"] != "network":
            self.errors.append(parameters["entry"]["text"])

    def open(self, url):
        self.call("Page.navigate", url=url)
        until(f"{url} is loaded", 30, lambda: self.run("document.readyState === 'complete' && location.href !== 'about:blank'"))

    def run(self, expression):
        """The value of a JavaScript expression, or of its promise."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description"))
        return answer["result"].get("value")

    def text(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)})?.textContent")

    def click(self, selector):
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, key):
        for kind in ["keyDown", "keyUp"]:
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key], **text)

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def heap(self):
        """Bytes of JavaScript objects that are in use, after a garbage collection."""
        self.call("HeapProfiler.collectGarbage")
        return self.run("performance.memory.usedJSHeapSize")

    def picture(self, path, is_whole=False):
        parameters = {"captureBeyondViewport": True} if is_whole else {}
        if is_whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            parameters["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        image = self.call("Page.captureScreenshot", format="png", **parameters)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(image))


KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36}


@contextlib.contextmanager
def opened_tab(directory):
    """A tab of a Chromium of its own, which ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        precise = "--enable-precise-memory-info"
        command = ["chromium", *FLAGS, *sandbox, precise, f"--user-data-dir={profile}", "--remote-debugging-port=0"]
        program = Program("chromium", [*command, "about:blank"], directory)
        try:
            port_file = pathlib.Path(profile, "DevToolsActivePort")
            port = until("Chromium listens", 60, lambda: port_file.exists() and port_file.read_text().split("\n")[0])

            def page():
                with urlopen(f"http://127.0.0.1:{port}/json", timeout=10) as answer:
                    pages = [one for one in json.load(answer) if one["type"] == "page"]
                return pages and pages[0]["webSocketDebuggerUrl"]

            yield Tab(until("Chromium has a tab", 30, page))
        finally:
            program.stop()
