"""The tabs that explain the method and show results, in a real browser."""

from __future__ import annotations

import re

import pytest
from browser_tools import PHONE, visit
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser

CHARTS = ("field", "densities", "candidates", "trade")
FIRST_MS = 30_000  # The priors are learned, the coder is compiled.


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


def test_explanation_moves_with_its_controls(page: Page) -> None:
    open_tab(page, "How it works")
    expect_charts(page)
    expect(fact(page, "field")).to_contain_text(re.compile(r"\d+ bits"))
    tables = page.locator("#explain summary")
    expect(tables).to_have_count(len(CHARTS))
    tables.first.press("Enter")
    expect(page.locator("#explain table").first).to_contain_text("Received")

    handle = page.locator("#explain-beta input[type=range]")
    handle.focus()
    bits = [int(re.findall(r"(\d+) bits", fact(page, "field").inner_text())[0])]
    for _ in range(3):
        before = fact(page, "field").inner_text()
        handle.press("ArrowRight")
        expect(fact(page, "field")).not_to_have_text(before)
        bits.append(int(re.findall(r"(\d+) bits", fact(page, "field").inner_text())[0]))
    assert bits == sorted(bits, reverse=True)

    before = fact(page, "densities").inner_text()
    page.locator("#explain-wave input[type=number]").fill("20")
    page.locator("#explain-wave input[type=number]").press("Tab")
    expect(fact(page, "densities")).to_contain_text("Wave 20")
    assert fact(page, "densities").inner_text() != before

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


def test_explanation_fits_a_phone(browser: Browser, app_url: str) -> None:
    with visit(browser, app_url, PHONE) as page:
        open_tab(page, "How it works")
        expect_charts(page)
        open_tab(page, "Results")
        expect(page.locator("#results-kodak-psnr .js-plotly-plot")).to_be_visible(timeout=FIRST_MS)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
