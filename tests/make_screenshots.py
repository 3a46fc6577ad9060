"""`make screenshots`: the pictures of the page for the README, made by the real app."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo.compare import COMPUTING

_ROOT = Path(__file__).resolve().parent.parent
_EXAMPLE = _ROOT / "assets" / "examples" / "colosseum.png"
_IMAGES = _ROOT / "docs" / "images"
_CHROMIUM = "/usr/bin/chromium"
_DESKTOP, _PHONE = (1280, 1500), (390, 844)
_WAIT_MS = 300_000
_COLOURS, _ROUNDS = 256, 3


def main() -> None:
    """Compress an example and write the page in light, in dark and on a phone; the tabs too."""
    with _app() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, size, query in (
            ("page-light", _DESKTOP, ""),
            ("page-dark", _DESKTOP, "?__theme=dark"),
            ("page-phone", _PHONE, ""),
        ):
            page = browser.new_page(viewport={"width": size[0], "height": size[1]})
            page.goto(url + query)
            _compress(page)
            if size == _PHONE:
                page.locator("#image-compare").scroll_into_view_if_needed()
            _save(page, name)
            if name == "page-light":
                _save_tabs(page)
            page.close()


def _compress(page: Page) -> None:
    """Compress the example and wait until other codecs stand beside it."""
    page.locator("#image-source input[type=file]").set_input_files(_EXAMPLE)
    expect(page.locator("#image-note")).to_contain_text("pixels", timeout=_WAIT_MS)
    page.locator("#image-compress").click()
    expect(page.locator("#image-status [data-state=done]")).to_be_visible(timeout=_WAIT_MS)
    table = page.locator("#image-table")
    expect(table).to_contain_text("AVIF", timeout=_WAIT_MS)
    expect(table).not_to_contain_text(COMPUTING, timeout=_WAIT_MS)


def _save_tabs(page: Page) -> None:
    for tab, mark, name in (
        ("How it works", "#explain-trade .js-plotly-plot", "page-explain"),
        ("Results", "#results-image .js-plotly-plot", "page-results"),
    ):
        page.evaluate("scrollTo(0, 0)")
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(mark)).to_be_visible(timeout=_WAIT_MS)
        if tab == "Results":
            expect(page.locator("#results-image-table table")).to_be_visible(timeout=_WAIT_MS)
        _save(page, name, whole=True)


def _save(page: Page, name: str, *, whole: bool = False) -> None:
    """Write what is on the screen, or the whole page, with a palette: a small file."""
    page.wait_for_timeout(1000)  # Charts and pictures fade in.
    picture = Image.open(BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    path = _IMAGES / f"{name}.png"
    picture.quantize(_COLOURS, kmeans=_ROUNDS).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


@contextmanager
def _app() -> Iterator[str]:
    """The app in a process of its own, and its address."""
    with socket.socket() as probe, TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), "--device", "cpu"],
            cwd=_ROOT,
            env={**os.environ, "TMPDIR": folder},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            process.stdout.readline()  # Says that it is served.
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.communicate(timeout=30)


if __name__ == "__main__":
    main()
