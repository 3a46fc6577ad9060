"""The page by keyboard, and what axe-core finds in it."""

from __future__ import annotations

import pytest
from browser_tools import JOB_MS, nameless, state, violations
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


def test_no_tab_keeps_people_out(page: Page) -> None:
    for name in TABS:
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        if name == "How it works":
            expect(page.locator("#anatomy-status [data-state=done]")).to_be_visible()
        assert violations(page) == []
