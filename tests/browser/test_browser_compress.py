"""Compress: what is asked for stays, what is on its way is told, what comes of it is seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser_tools import (
    EXAMPLES,
    JOB_MS,
    PHONE,
    choose_papers_model,
    fact,
    open_page,
    state,
    upload,
)
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = pytest.mark.browser


def test_a_budget_is_by_purpose_or_ones_own_and_stays(page: Page, photo_file: Path) -> None:
    note, size = page.locator("#image-note"), page.locator("#image-bytes input")
    page.locator("#image-examples button").first.click()
    expect(note).to_contain_text("677 kB to at most 25 kB, 96 % smaller", timeout=JOB_MS)
    expect(page.locator("#image-effort")).to_contain_text(
        re.compile(r"Fast, about .+Balanced, about \d+ (s|min).+Best, about \d+ (s|min)", re.DOTALL)
    )
    page.locator("#image-purpose").get_by_label("Thumbnail").check()
    expect(note).to_contain_text("7,372 bytes, 0.150 bpp")
    page.locator("#image-budget input[type=range]").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#image-purpose").get_by_label("My own size")).to_be_checked()
    expect(note).not_to_contain_text("0.150 bpp")
    assert 7372 < int(size.input_value()) < 1.2 * 7372
    size.fill("9999999")
    size.blur()
    expect(size).not_to_have_value("9999999")
    expect(note).to_contain_text("Your own file has no more bytes")
    expect(size).to_have_value(str((EXAMPLES / "osprey.png").stat().st_size))
    slider = page.locator("#image-budget input[type=range]")
    assert 2 ** float(slider.get_attribute("max") or 0) == pytest.approx(677_000, rel=0.02)
    size.fill("200000")
    page.locator("#image-source").get_by_label("Remove Image").click()
    upload(page, "image", photo_file)
    expect(note).to_contain_text("96 × 64 pixels")
    expect(size).to_have_value(re.compile(r"^\d{4,5}$"))  # So small a picture needs no more.
    page.locator("#image-examples button").first.click()
    expect(note).to_contain_text("at most 200,000 bytes")  # But it is still my size.
    size.fill("700")
    page.locator("#image-source").get_by_label("Remove Image").click()
    upload(page, "image", photo_file)
    page.locator("#image-compress").click()  # At once: it is the new picture, at my size.
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#image-download")).to_contain_text(".cmb")
    assert int(re.sub(r"\D", "", fact(page, "image", "size").inner_text())) <= 700
    expect(note).to_contain_text("96 × 64 pixels: at most 700 bytes")
    open_page(page, page.url)  # Its settings are there again.
    expect(note).to_contain_text("96 × 64 pixels: at most 700 bytes")
    expect(page.locator("#image-purpose").get_by_label("My own size")).to_be_checked()


def test_what_is_told_and_asked_suits_the_model_that_is_chosen(page: Page) -> None:
    effort, tune = page.locator("#image-effort"), page.locator("#image-tune")
    expect(tune).to_be_visible()
    expect(effort).to_contain_text("6 % fewer")
    choose_papers_model(page)
    expect(effort).to_contain_text("fits the paper's model for longer")
    expect(effort).not_to_contain_text("6 % fewer")
    expect(tune).to_be_hidden()


def test_a_phone_shows_what_comes_of_it(browser: Browser, app_url: str) -> None:
    page = browser.new_page(viewport={"width": PHONE[0], "height": PHONE[1]})
    open_page(page, f"{app_url}/?tab=audio")
    page.locator("#audio-examples button").first.click()
    expect(page.locator("#audio-note")).to_contain_text("bytes")
    page.locator("#audio-tune").scroll_into_view_if_needed()
    page.locator("#audio-compress").click()
    expect(state(page, "audio", "done")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#audio-compare")).to_be_in_viewport()
    page.close()


def test_a_press_while_a_file_is_on_its_way_is_told(page: Page, photo_file: Path) -> None:
    held: list[Route] = []
    page.route("**/upload?*", lambda route: held.append(route))
    page.locator("#image-source input[type=file]").first.set_input_files(photo_file)
    page.locator("#image-compress").click()
    expect(page.locator("#image-status")).to_contain_text("Receiving your file")
    held[0].continue_()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    page.unroute("**/upload?*")
