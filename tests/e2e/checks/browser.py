"""A browser shows the page, and does not offer to save it."""

from browser import png_size, screenshot, shown
from contract import SAMPLES


def check(report, app, directory):
    url = f"http://{app.target}/metrics"
    document = shown(url)
    missing = [name for name in SAMPLES if name not in document]
    report.same("Chromium shows every sample name of the contract", missing, [])
    picture = screenshot(url, directory / "page.png", 1200, 900)
    report.same("Chromium takes a picture of the page", png_size(picture), (1200, 900))
    # An empty page of that size takes some 5 kB.
    size = picture.stat().st_size
    report.check(f"the picture is not blank ({size} bytes)", size > 20_000)
