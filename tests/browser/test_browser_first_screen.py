"""What a stranger sees first: a finished comparison, examples, where to read more."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_tools import JOB_MS, state, upload, visit
from playwright.sync_api import Browser, Page, expect

import combiner_core as cc
from demo.showcase.figures import Figures

pytestmark = pytest.mark.browser

MAX_BYTES, MAX_PAGE_BYTES = 1_500_000, 150_000
SIZES = ((1440, 900), (1024, 768), (390, 844))
WEIGHT = """() => performance.getEntriesByType("resource")
  .filter((entry) => !/assets|static/.test(entry.name))
  .reduce((sum, entry) => sum + entry.transferSize, 0)"""

PAGE_WEIGHT = "() => performance.getEntriesByType('navigation')[0].transferSize"


def test_a_comparison_stands_there_and_moves(page: Page) -> None:
    figures = Figures.read("image")
    showcase = page.locator("#image-showcase")
    expect(showcase.locator("[data-chip=left]")).to_contain_text("JPEG")
    expect(showcase.locator("[data-chip=right]")).to_contain_text(
        f"{figures.sides['ours'].bytes_count:,} bytes"
    )
    showcase.get_by_label("Left").select_option("AVIF (tune=iq)")
    expect(showcase.locator("[data-chip=left]")).to_contain_text("AVIF")
    stage = showcase.locator(".compare-stage")
    box = stage.bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(1.5, rel=0.02)
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 60)
    expect(showcase.get_by_role("slider")).to_have_attribute("aria-valuenow", "25")
    for name in ("Paper", "Its code", "API"):
        expect(page.get_by_role("link", name=name)).to_be_visible()
    assert page.evaluate(WEIGHT) < MAX_BYTES
    assert page.evaluate(PAGE_WEIGHT) < MAX_PAGE_BYTES
    thumbnails = page.locator("#image-examples img")
    expect(thumbnails).to_have_count(8)
    assert all(thumbnails.nth(i).get_attribute("alt") for i in range(8))


@pytest.mark.parametrize("size", SIZES[:2])
def test_captions_of_the_sides_are_whole(
    browser: Browser, app_url: str, size: tuple[int, int]
) -> None:
    with visit(browser, app_url, size) as page:
        chips = page.locator("#image-showcase .compare-chip")
        expect(chips.last).to_contain_text("SSIMULACRA2")
        room = chips.evaluate_all(
            "chips => chips.map((each) => each.clientWidth - each.scrollWidth)"
        )
        assert room == [0, 0]


def test_a_clip_can_be_heard_at_once_and_tried(page: Page) -> None:
    figures = Figures.read("audio")
    page.get_by_role("tab", name="Audio").click()
    showcase = page.locator("#audio-showcase")
    sides = showcase.get_by_role("radio")
    expect(sides).to_have_count(len(figures.sides))
    ours = showcase.get_by_role("radio", name="COMBINER")
    expect(ours).to_contain_text(f"{figures.sides['ours'].bytes_count:,} bytes")
    expect(ours).to_have_attribute("aria-checked", "true")
    showcase.get_by_role("button", name="Play").click()
    expect(showcase.get_by_role("button", name="Pause")).to_be_visible()
    showcase.get_by_role("radio", name="Opus").click()
    expect(showcase.locator("[data-part=time]")).to_contain_text("of 0:03.0")
    page.locator("#audio-attempt").click()
    expect(state(page, "audio", "done")).to_be_visible(timeout=JOB_MS)
    expect(showcase).to_be_hidden()
    expect(page.locator("#audio-status strong")).to_contain_text("67 kB to ")


def test_one_click_compresses_the_photograph(page: Page) -> None:
    page.locator("#image-purpose").get_by_label("Thumbnail").check()
    page.locator("#image-attempt").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#image-showcase")).to_be_hidden()
    expect(page.locator("#image-source img")).to_be_visible()
    expect(page.locator("#image-status strong")).to_contain_text("677 kB to 7.")


def test_the_bar_is_always_in_view(page: Page) -> None:
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        expect(page.locator("#image-showcase .compare-stage")).to_be_in_viewport()
        expect(page.locator("#image-compress")).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_tabs_and_results_have_addresses(
    browser: Browser, page: Page, app_url: str, photo: cc.Signal, tmp_path: Path
) -> None:
    cc.save(photo, tmp_path / "photo.png")
    upload(page, "image", tmp_path / "photo.png")
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    link = page.locator("#image-link a").get_attribute("href")
    expect(page).to_have_url(f"{app_url}/{link}")
    page.get_by_role("tab", name="Decode").click()
    expect(page.locator("#decode-run")).to_be_visible()
    assert page.url.endswith("?tab=decode")
    page.go_back()
    expect(page.locator("#image-compress")).to_be_visible()
    expect(page).to_have_url(f"{app_url}/{link}")
    with visit(browser, f"{app_url}/?tab=audio") as other:
        expect(other.locator("#audio-compress")).to_be_visible()
    with visit(browser, f"{app_url}/{link}") as other:
        expect(state(other, "image", "done")).to_be_visible()
        expect(other.locator("#image-note")).to_contain_text("96 × 64 pixels")
        # What is compressed now is one's own, and stays so whatever is looked at.
        cc.save(cc.Signal.image(photo.values[:48, :48]), tmp_path / "part.png")
        upload(other, "image", tmp_path / "part.png")
        expect(other.locator("#image-note")).to_contain_text("48 × 48 pixels")
        other.locator("#image-compress").click()
        expect(state(other, "image", "done")).to_be_hidden()
        expect(state(other, "image", "done")).to_be_visible(timeout=JOB_MS)
        expect(other).not_to_have_url(f"{app_url}/{link}")
        other.goto(f"{app_url}/{link}")
        expect(other.locator("#image-note")).to_contain_text("96 × 64 pixels")
        other.goto(app_url)
        expect(state(other, "image", "done")).to_be_visible()
        expect(other.locator("#image-note")).to_contain_text("48 × 48 pixels")
        other.goto(f"{app_url}/?image=unknown")
        expect(state(other, "image", "failed")).to_contain_text("no longer kept")
