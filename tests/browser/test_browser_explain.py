"""The tabs that explain the method and show results, in a real browser."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from browser_tools import PHONE, state, upload, visit
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser

CHARTS = ("field", "densities", "candidates", "trade")
FIRST_MS = 120_000  # The priors are learned, the coder is compiled.


def open_tab(page: Page, name: str) -> None:
    """Choose a tab, from the menu of those that the line has no room for if need be."""
    tab = page.get_by_role("tab", name=name)
    if not tab.is_visible():
        page.locator(".overflow-menu > button").click()
        tab = page.locator(".overflow-dropdown").get_by_text(name)
    tab.click()


def fact(page: Page, name: str) -> Locator:
    return page.locator(f"#explain-{name}-fact")


def expect_charts(page: Page) -> None:
    for name in CHARTS:
        expect(page.locator(f"#explain-{name} .js-plotly-plot")).to_be_visible(timeout=FIRST_MS)


def apart(page: Page) -> Locator:
    """The status of the default model's explanation, once a picture was taken apart."""
    panel = page.locator("#anatomy-status [data-state=done]")
    expect(panel).to_be_visible(timeout=FIRST_MS)
    return panel


def pixels(picture: Locator) -> np.ndarray:
    """Of a picture within the page."""
    address = picture.get_attribute("src")
    assert address is not None
    return np.asarray(Image.open(BytesIO(base64.b64decode(address.partition(",")[2]))), float)


def test_the_default_model_is_explained_on_the_visitors_picture(page: Page, tmp_path: Path) -> None:
    open_tab(page, "How it works")
    expect(apart(page)).to_contain_text("An example")

    red = np.zeros((120, 200, 3), np.uint8)
    red[..., 0] = np.linspace(120, 255, 200)
    Image.fromarray(red).save(tmp_path / "mine.png")
    open_tab(page, "Image")
    upload(page, "image", tmp_path / "mine.png")
    expect(page.locator("#image-note")).to_contain_text("pixels")
    open_tab(page, "How it works")
    expect(page.locator("#anatomy-status")).to_contain_text("mine.png", timeout=FIRST_MS)
    expect(apart(page)).to_contain_text("200 × 120 pixels")
    levels = page.locator("#anatomy-field img")
    for number in (0, levels.count() - 1):
        shown = pixels(levels.nth(number))
        assert abs(shown[..., 0].mean() - red[..., 0].mean()) < 25
        assert shown[..., 1:].mean() < 12
    assert pixels(levels.last).shape == red.shape
    for name, count in (("prior", 4), ("detail", 3)):
        expect(page.locator(f"#anatomy-{name} img[alt]")).to_have_count(count)
    for name in ("map", "levels"):
        expect(page.locator(f"#anatomy-{name} .js-plotly-plot")).to_be_visible()
    page.locator("#anatomy summary").nth(1).press("Enter")
    expect(page.locator("#anatomy table").nth(1)).to_contain_text("Bits a weight")

    open_tab(page, "Image")
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=FIRST_MS)
    open_tab(page, "How it works")
    page.reload()
    expect(page.locator("#anatomy-status")).to_contain_text("mine.png", timeout=FIRST_MS)


def test_explanation_moves_with_its_controls(page: Page) -> None:
    open_tab(page, "How it works")
    expect_charts(page)
    expect(fact(page, "field")).to_contain_text(re.compile(r"\d+ bits"))
    tables = page.locator("#explain-paper summary")
    expect(tables).to_have_count(len(CHARTS))
    tables.first.press("Enter")
    expect(page.locator("#explain-paper table").first).to_contain_text("Received")

    handle = page.locator("#explain-beta input[type=range]")
    handle.focus()
    bits = [bits_of(fact(page, "field").inner_text())]
    for _ in range(3):
        before = fact(page, "field").inner_text()
        handle.press("ArrowRight")
        expect(fact(page, "field")).not_to_have_text(before)
        bits.append(bits_of(fact(page, "field").inner_text()))
    assert bits == sorted(bits, reverse=True)

    before = fact(page, "densities").inner_text()
    page.locator("#explain-wave input[type=number]").fill("20")
    page.locator("#explain-wave input[type=number]").press("Tab")
    expect(fact(page, "densities")).to_contain_text("Wave 20")
    assert fact(page, "densities").inner_text() != before
    page.locator("#explain-wave input[type=number]").fill("500")
    expect(fact(page, "densities")).to_contain_text("Wave 64")

    before = fact(page, "trade").inner_text()
    page.locator("#explain-again").click()
    expect(fact(page, "trade")).not_to_have_text(before)

    before = fact(page, "trade").inner_text()
    page.locator("#explain-signal").get_by_label("speech").check()
    expect(fact(page, "trade")).not_to_have_text(before, timeout=FIRST_MS)
    expect_charts(page)


def test_results_tell_where_we_stand_and_show_curves(page: Page) -> None:
    open_tab(page, "Results")
    standing = page.locator("#results-standing table")
    expect(standing).to_contain_text("AVIF (tune=psnr)", timeout=FIRST_MS)
    for verdict in ("ahead", "behind"):
        expect(standing.locator(f"[data-verdict={verdict}]").first).to_be_visible()
    for name in ("kodak-psnr", "speech-pesq-wb"):
        expect(page.locator(f"#results-{name} .js-plotly-plot")).to_be_visible(timeout=FIRST_MS)
    expect(page.locator("#results-kodak-psnr .legend")).to_contain_text("COIN++ (published)")
    beside = page.locator("#results-kodak-psnr-sources")
    beside.get_by_text("Sources of the published curves").click()
    expect(beside.locator("li").first).to_contain_text("Kodak")
    beside.get_by_text("As a table").click()
    expect(beside.locator("table")).to_contain_text("COIN++ (published)")


@pytest.mark.long
def test_explanation_fits_a_phone(browser: Browser, app_url: str) -> None:
    with visit(browser, app_url, PHONE) as page:
        open_tab(page, "How it works")
        expect_charts(page)
        apart(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        open_tab(page, "Results")
        expect(page.locator("#results-kodak-psnr .js-plotly-plot")).to_be_visible(timeout=FIRST_MS)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def bits_of(text: str) -> int:
    """The number of bits that a fact tells."""
    return int(re.findall(r"([\d,]+) bits", text)[0].replace(",", ""))
