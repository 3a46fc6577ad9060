"""`make screenshots`: the pictures of the page for the README, made by the real app."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from browser_tools import CHROMIUM, PHONE, ROOT, running_app
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(ROOT))

from demo.compress.codec_table import COMPUTING

_EXAMPLE = ROOT / "assets" / "examples" / "colosseum.png"
_IMAGES = ROOT / "docs" / "images"
_DESKTOP = (1280, 1560)
_WAIT_MS = 300_000
_COLOURS, _ROUNDS = 256, 3


def main() -> None:
    """Compress an example and write the page in light, in dark and on a phone; the tabs too."""
    with (
        TemporaryDirectory() as folder,
        running_app(Path(folder)) as (_, url),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, size, query in (
            ("page-light", _DESKTOP, ""),
            ("page-dark", _DESKTOP, "?__theme=dark"),
            ("page-phone", PHONE, ""),
        ):
            page = browser.new_page(viewport={"width": size[0], "height": size[1]})
            page.goto(url + query)
            _compress(page)
            if size == PHONE:
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
        ("Results", "#results-music-visqol-audio .js-plotly-plot", "page-results"),
    ):
        page.evaluate("scrollTo(0, 0)")
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(mark)).to_be_visible(timeout=_WAIT_MS)
        if tab == "How it works":
            taken_apart = page.locator("#anatomy-status [data-state=done]")
            expect(taken_apart).to_be_visible(timeout=_WAIT_MS)
        if tab == "Results":
            expect(page.locator("#results-standing table")).to_be_visible(timeout=_WAIT_MS)
        _save(page, name, whole=True)


def _save(page: Page, name: str, *, whole: bool = False) -> None:
    """Write what is on the screen, or the whole page, with a palette: a small file."""
    page.wait_for_timeout(1000)  # Charts and pictures fade in.
    picture = Image.open(BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    path = _IMAGES / f"{name}.png"
    picture.quantize(_COLOURS, kmeans=_ROUNDS).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
