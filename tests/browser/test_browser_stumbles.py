"""Where people stumbled: signs under others, what a reload brings back, what lies behind bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browser_tools import (
    JOB_MS,
    carried,
    choose_papers_model,
    drop,
    open_page,
    state,
    upload,
    visit,
)
from media_files import video_bytes
from playwright.sync_api import Browser, Page, expect

import combiner_core as cc

pytestmark = pytest.mark.browser

REFUSE = """() => {
  navigator.mediaDevices.getUserMedia = () =>
    Promise.reject(new DOMException("refused", "NotAllowedError"));
}"""
# Whether what has the focus can be seen above the bar with the buttons.
IS_IN_SIGHT = """() => {
  const focus = document.activeElement.getBoundingClientRect();
  return focus.bottom <= document.querySelector(".job-dock").getBoundingClientRect().top;
}"""


def test_the_camera_leaves_its_neighbours_free_and_says_that_it_was_refused(page: Page) -> None:
    source = page.locator("#image-source")
    page.evaluate(REFUSE)
    source.get_by_label("Capture from camera").click()
    source.get_by_text("Click to Access Webcam").click()
    told = page.get_by_role("alert").filter(has_text="The browser gives no access")
    expect(told).to_be_visible()
    source.get_by_label("Upload file").click(timeout=5000)  # Nothing lies over it.
    expect(told).to_have_count(0)
    expect(source.get_by_text("Click to Upload")).to_be_visible()


def test_the_moment_that_is_chosen_is_seen(page: Page) -> None:
    film = video_bytes([(200, 30, 20)] * 5 + [(20, 30, 200)] * 5)
    drop(page, "image", ("film.mp4", "video/mp4", film))
    seen = page.locator("#image-seen img")
    expect(seen).to_be_visible()
    expect(page.locator("#image-note strong")).to_contain_text("At most")  # Not "smaller".
    first = seen.get_attribute("src")
    page.locator("#image-frame input").fill("0.7")
    page.locator("#image-frame input").blur()
    expect(seen).not_to_have_attribute("src", first or "")
    page.locator("#image-paint").get_by_role("button", name="Paint where").click()
    shown = seen.get_attribute("src") or ""
    expect(page.locator("#image-brush .brush-stage img")).to_have_attribute("src", shown)
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_contain_text("frame at 0.70 s", timeout=JOB_MS)
    open_page(page, page.url)
    expect(page.locator("#image-frame input")).to_have_value("0.7")
    expect(seen).to_have_attribute("src", shown)
    page.locator("#image-frame input").fill("99")
    page.locator("#image-frame input").blur()
    expect(page.locator(".toast-body")).to_contain_text("it has no frame at 99 s")


PASTE = """(element, clipboardData) => element.dispatchEvent(
  new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData })
)"""


def test_pictures_can_be_pasted_and_dropped_anywhere(page: Page, photo_file: Path) -> None:
    elsewhere, content = page.locator("#image-showcase"), photo_file.read_bytes()
    for kind in ("paste", "drop"):
        transfer = carried(page, [(f"{kind}.png", "image/png", content)])
        if kind == "paste":
            elsewhere.evaluate(PASTE, transfer)
        else:
            elsewhere.dispatch_event("drop", {"dataTransfer": transfer})
        expect(page.locator("#image-status")).to_contain_text(f"{kind}.png")
        expect(page.locator("#image-note")).to_contain_text("96 × 64 pixels")


def test_a_file_that_is_chosen_after_a_result_is_told(
    page: Page, photo: cc.Signal, photo_file: Path, tmp_path: Path
) -> None:
    upload(page, "image", photo_file)
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    coming = page.locator("#image-status .status-coming")
    expect(coming).to_have_count(0)
    cc.save(cc.Signal.image(np.roll(photo.values, 16, 1)), tmp_path / "next.png")
    page.locator("#image-source").get_by_label("Remove Image").click()
    upload(page, "image", tmp_path / "next.png")
    expect(coming).to_have_text("next.png is chosen: press Compress.")
    page.locator("#image-compress").click()
    expect(coming).to_have_count(0)
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(coming).to_have_count(0)


def test_a_list_ends_with_the_next_run(page: Page, photo: cc.Signal, tmp_path: Path) -> None:
    cc.save(photo, tmp_path / "one.png")
    cc.save(cc.Signal.image(np.roll(photo.values, 8, 1)), tmp_path / "two.png")
    names = ("one.png", "two.png")
    drop(page, "image", *((name, "image/png", (tmp_path / name).read_bytes()) for name in names))
    page.locator("#image-compress").click()
    expect(page.locator("#image-list")).to_contain_text("2 of 2 pictures done", timeout=JOB_MS)
    cc.save(cc.Signal.image(np.roll(photo.values, 16, 1)), tmp_path / "three.png")
    page.locator("#image-source").get_by_label("Remove Image").click()
    upload(page, "image", tmp_path / "three.png")
    expect(page.locator("#image-note")).to_contain_text("pixels")
    page.locator("#image-compress").click()
    expect(page.locator("#image-list .several")).to_have_count(0)
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    open_page(page, page.url.partition("?")[0])
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#image-list .several")).to_have_count(0)


def test_the_papers_model_leaves_the_tune_alone(page: Page, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    cc.save(cc.Signal.image(rng.integers(0, 256, (24, 32, 3), np.uint8)), tmp_path / "small.png")
    upload(page, "image", tmp_path / "small.png")
    expect(page.locator("#image-note")).to_contain_text("pixels")
    choose_papers_model(page)
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    open_page(page, page.url)
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    page.locator("#image-advanced").get_by_role("button", name="Advanced").click()
    model = page.locator("#image-model")
    expect(model.get_by_label("COMBINER, the paper's")).to_be_checked()
    model.get_by_label("COMBINER", exact=True).check()
    expect(page.locator("#image-tune").get_by_label("The eye")).to_be_checked()


def test_another_file_ends_a_run_that_was_stopped(
    page: Page, photo: cc.Signal, photo_file: Path, tmp_path: Path
) -> None:
    cc.save(cc.Signal.image(np.tile(photo.values, (4, 4, 1))), tmp_path / "large.png")
    upload(page, "image", tmp_path / "large.png")
    expect(page.locator("#image-note")).to_contain_text("pixels")
    choose_papers_model(page)
    page.locator("#image-compress").click()
    expect(page.locator("#image-live img").first).to_be_visible(timeout=JOB_MS)
    page.locator("#image-stop").click()
    expect(state(page, "image", "stopped")).to_be_visible()
    page.locator("#image-source").get_by_label("Remove Image").click()
    expect(state(page, "image", "stopped")).to_be_visible()
    upload(page, "image", photo_file)
    expect(state(page, "image", "idle")).to_contain_text("Press Compress")
    expect(page.locator("#image-status")).to_contain_text("photo.png")
    expect(page.locator("#image-live img")).to_have_count(0)


def test_what_has_the_focus_is_in_sight(page: Page, photo_file: Path) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    upload(page, "image", photo_file)
    expect(page.locator("#image-note")).to_contain_text("pixels")
    page.locator("#image-purpose input").first.focus()
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.closest('[id^=image-]')?.id"))
        if page.evaluate("!document.activeElement.closest('.job-dock')"):
            assert page.evaluate(IS_IN_SIGHT), reached
    assert "image-bytes" in reached


def test_full_screen_has_all_that_can_be_pressed(page: Page, photo_file: Path) -> None:
    upload(page, "image", photo_file)
    page.locator("#image-compress").click()
    expect(state(page, "image", "done")).to_be_visible(timeout=JOB_MS)
    viewer = page.locator("#image-compare")
    viewer.get_by_role("button", name="Full screen").click()
    stage = viewer.locator(".compare-stage")
    expect(stage).to_be_focused()
    page.keyboard.press("1")
    expect(viewer.get_by_role("button", name="1:1")).to_have_attribute("aria-pressed", "true")
    viewer.get_by_role("button", name="Side by side").click()
    expect(stage).to_have_attribute("data-view", "beside")
    viewer.get_by_role("button", name="Leave full screen").click()
    expect(viewer.get_by_role("button", name="Full screen", exact=True)).to_be_visible()
    assert page.evaluate("document.fullscreenElement") is None


def test_decode_is_in_sight_with_its_file(browser: Browser, app_url: str) -> None:
    with visit(browser, app_url, (1024, 768)) as page:
        page.get_by_role("tab", name="Decode").click()
        expect(page.locator("#decode-run")).to_be_in_viewport(ratio=1)
