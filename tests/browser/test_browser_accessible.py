"""The page by keyboard, and what axe-core finds in it."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from browser_tools import JOB_MS, nameless, open_page, state, violations
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

TABS = ("Audio", "Decode", "How it works", "Results")


def test_a_run_by_keyboard_is_announced_and_nothing_keeps_people_out(page: Page) -> None:
    assert violations(page) == []
    page.locator("#image-purpose input").first.focus()
    page.keyboard.press("Space")
    page.locator("#image-examples button").first.focus()
    page.keyboard.press("Enter")
    compress = page.locator("#image-compress")
    compress.focus()
    page.keyboard.press("Enter")
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(compress).to_be_focused()
    announced = page.locator("#image-status [role=status]")
    expect(announced).to_contain_text("677 kB to 7.3 kB, 99 % smaller")
    expect(page.locator("#image-curve-table summary")).to_be_visible()
    page.locator("#image-curve-table summary").press("Enter")
    expect(page.locator("#image-curve-table table")).to_contain_text("Result")
    expect(page.locator("#image-bits-table summary")).to_be_visible()
    page.locator("#image-paint").get_by_role("button", name="Paint where").press("Enter")
    expect(page.locator(".brush-stage")).to_be_visible()
    page.locator("#image-compare").get_by_role("button", name="Blind test").press("Enter")
    expect(page.locator("#image-compare .blind")).to_be_visible()
    assert nameless(page) == 0
    assert violations(page) == []


# What readers of screens hear of the tab Image, and when, in milliseconds.
HEAR = """() => {
  window.heard = [];
  const told = document.querySelector("#image-status [role=status]");
  new MutationObserver(() => heard.push([performance.now(), told.textContent]))
    .observe(told, { childList: true });
}"""


@pytest.mark.slow
def test_a_run_is_told_to_its_end_and_not_too_often(page: Page) -> None:
    page.evaluate(HEAR)
    page.locator("#image-examples button").first.click()
    expect(page.locator("#image-note")).to_contain_text("bytes")
    page.locator("#image-effort").get_by_label("Balanced").check()
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#image-status [role=status]")).to_contain_text("smaller")
    heard = page.evaluate("heard")
    running = [(at_ms, int(text.split()[-2])) for at_ms, text in heard if text.endswith(" %")]
    shares = [share for _, share in running]
    assert len(shares) > 1
    assert shares == sorted(shares)
    assert shares[-1] >= 80
    assert all(after - before > 3000 for (before, _), (after, _) in pairwise(running))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_tab_keeps_people_out(page: Page, app_url: str, theme: str) -> None:
    open_page(page, f"{app_url}/?__theme={theme}")
    assert violations(page) == []
    for name in TABS:
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        if name == "How it works":
            expect(page.locator("#anatomy-status [data-state=done]")).to_be_visible()
        elif name == "Audio":
            page.locator("#audio-examples button").first.click()
            expect(page.locator("#audio-note")).to_contain_text("bytes")
            expect(page.locator("#audio-source #duration")).to_have_text(re.compile("[1-9]"))
        elif name == "Results":
            expect(page.locator("#results [data-verdict]").first).to_be_visible()
        assert violations(page) == []
